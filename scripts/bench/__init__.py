"""Benches: what Blaster costs and how fast it is, one command each. All of it on this computer, bounded, loopback only.

Figures of two runs compare only when nothing else ran: state the load, compare ratios of one run, trust CPU per mail.
"""
