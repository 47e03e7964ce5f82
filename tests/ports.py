"""A free TCP port on the loopback address, as the lab finds one."""

from scripts.lab.ports import free_port

__all__ = ["free_port"]
