"""The crash lab: worker processes on simulated hosts, a misbehaving mail server, a database, and everything dies.

Loopback only, bounded in time. `run.run(plan)` returns what was found; scripts/crash_lab.py prints it.
"""
