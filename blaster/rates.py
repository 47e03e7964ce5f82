"""A campaign's figures as rates, each with what it is a part of. Pure."""

from dataclasses import dataclass

# What each is divided by: mails that were tried, that servers took (sent), and that did not come back (delivered).
OF = {"failed": "tried", "bounces": "sent"}
OF |= dict.fromkeys(("unsubscribed", "complaints", "opened", "clicked"), "delivered")


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Counts of mails. `unsubscribed`: by its links, and not taken back; `opened`, `clicked`: by people, as far as
    anybody can tell, and None where that was not counted."""

    sent: int
    failed: int
    bounces: int
    complaints: int
    unsubscribed: int
    opened: int | None = None
    clicked: int | None = None

    @property
    def tried(self) -> int:
        """Sent or refused."""
        return self.sent + self.failed

    @property
    def delivered(self) -> int:
        """Sent, and nothing came back: to an inbox or to a spam folder, nobody tells."""
        return max(0, self.sent - self.bounces)

    def share(self, name: str) -> float:
        """Of one of OF; 0 where nothing was sent or counted."""
        of = getattr(self, OF[name])
        return (getattr(self, name) or 0) / of if of else 0.0
