"""What the demo came to: the counts that the product shows beside what the sink really received."""

from collections.abc import Sequence
from pathlib import Path

from blaster.demo import maillog
from blaster.models.campaign_db import CampaignStatus

STATES = ("pending", "active", "sent", "failed", "unknown", "suppressed", "cancelled")


def outcome(users: Sequence, statuses: Sequence[CampaignStatus], log: Path) -> dict:
    """{"campaigns": [one per demo user: email, campaign_id, status, total, counts by state, sink], "sink": report}."""
    received = maillog.report(log)
    rows = [_row(user, status, received) for user, status in zip(users, statuses, strict=True)]
    return {"campaigns": rows, "sink": received}


def _row(user, status: CampaignStatus, received: dict) -> dict:
    return {
        "email": user.email,
        "campaign_id": user.campaign_id,
        "status": status.status,
        "total": status.total_emails,
        **{state: getattr(status, f"{state}_emails") for state in STATES},
        "seconds": ((status.finished_at or 0) - (status.started_at or 0)) / 1000 if status.finished_at else None,
        "sink": received["by_campaign"].get(str(user.campaign_id), {"mails": 0, "recipients": 0}),
    }


def as_text(result: dict) -> str:
    """The same for people."""
    lines = [line for row in result["campaigns"] for line in _campaign_lines(row)]
    sink = result["sink"]
    lines.append(f"The sink has {sink['mails']:,} mails, {sink['duplicates']:,} of them twice. By login:")
    lines += [f"  {login:<34} {count:>8,}" for login, count in sink["by_login"].items()]
    return "\n".join(lines)


def _campaign_lines(row: dict) -> list[str]:
    counts = ", ".join(f"{state} {row[state]:,}" for state in STATES if row[state])
    return [
        f"Campaign {row['campaign_id']} of {row['email']}: {row['status']}, {row['total']:,} recipients: {counts}",
        f"  at the sink: {row['sink']['mails']:,} mails to {row['sink']['recipients']:,} different recipients",
    ]
