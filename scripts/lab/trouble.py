"""How the mail servers of the lab misbehave: a seeded mix of all that was ever seen of one."""

import random

from blaster.demo.faults import Faults, Rule

# stage, action, reply, seconds, probability
_TROUBLES = (
    ("banner", "reply", "421 4.3.2 too busy", 0, 0.03),
    ("banner", "reply", "554 5.7.1 go away", 0, 0.01),
    ("banner", "drop", "", 0, 0.02),
    ("banner", "garbage", "\x16\x03\x01 hello?\r\n", 0, 0.01),
    ("ehlo", "drop", "", 0, 0.01),
    ("ehlo", "drip", "", 0.02, 0.01),
    ("starttls", "reply", "454 4.7.0 TLS not available", 0, 0.02),
    ("starttls", "drop", "", 0, 0.02),
    ("auth", "reply", "454 4.7.0 try again later", 0, 0.03),
    ("auth", "reply", "535 5.7.8 wrong password", 0, 0.01),
    ("auth", "drop", "", 0, 0.01),
    ("mail", "reply", "451 4.3.0 passing trouble", 0, 0.002),
    ("mail", "reply", "421 4.7.0 too many connections", 0, 0.002),
    ("mail", "reply", "550 5.7.60 not allowed to send as this sender", 0, 0.0005),
    ("rcpt", "reply", "450 4.2.0 greylisted", 0, 0.01),
    ("rcpt", "reply", "550 5.1.1 no such user", 0, 0.01),
    ("rcpt", "reply", "452 4.5.3 too many recipients", 0, 0.001),
    ("rcpt", "drop", "", 0, 0.002),
    ("rcpt", "garbage", "999 what\r\n", 0, 0.001),
    ("data", "reply", "451 4.3.0 no disk", 0, 0.003),
    ("data", "drop", "", 0, 0.002),
    ("body", "drop", "", 0, 0.005),
    ("dot", "drop", "", 0, 0.003),
    ("dot", "swallow", "", 0, 0.004),
    ("dot", "garbage", "all is well\r\n", 0, 0.002),
    ("dot", "reply", "451 4.3.0 try again", 0, 0.003),
    ("dot", "reply", "421 4.3.2 shutting down", 0, 0.002),
    ("dot", "reply", "554 5.7.1 looks like spam", 0, 0.003),
    ("dot", "reply", "250", 0, 0.003),
    ("dot", "delay", "", 1.5, 0.005),
    ("dot", "drip", "", 0.03, 0.005),
)
# Nobody can know what became of the mail: a small one leaves in one piece with its dot, and is there or not at a drop.
WITHHOLDS = (("dot", "drop"), ("dot", "swallow"), ("dot", "garbage"), ("body", "drop"))


def troubles(chance: random.Random, *, rtt_ms: float, pipelining: bool = True) -> Faults:
    """All of them, each with its probability; two mails are called too large, which pauses their campaigns."""
    rules = [Rule(*trouble[:4], probability=trouble[4]) for trouble in _TROUBLES]
    rules.append(Rule("dot", "reply", "552 5.3.4 message too big", skip=chance.randrange(50, 150), times=1))
    chance.shuffle(rules)
    return Faults(tuple(rules), pipelining=pipelining, rtt_ms=rtt_ms, seed=chance.randrange(1 << 30))


def none(*, pipelining: bool = True) -> Faults:
    """A server that has nothing to say against anything."""
    return Faults(pipelining=pipelining)
