"""Blaster: a self-hosted, multi-user e-mail campaign system."""
