"""docs/GUIDE.md: each section of the operator's guide has a row, and what a row names is there."""

import re
from pathlib import Path

from blaster.config import Settings

PROJECT = Path(__file__).parent.parent
TEXT = (PROJECT / "docs" / "GUIDE.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in TEXT.splitlines()
    if line.startswith("| ") and not line.startswith("| section ")
]
SETTINGS = {f"BLASTER_{name.upper()}" for name in Settings.__dataclass_fields__}

# What the guide speaks of, in its order, by words of the row that answers.
SECTIONS = [
    *(
        "accounts are strictly",
        "isolated by `campaign_id`",
        "row locks",
        "share neither",
        "100+ users",
        "unlimited campaigns",
    ),
    *("batches of 1,000", "one worker for each", "1. Indexes", "my.cnf, 100 users", "500+ users, 32 GB", "trx_commit"),
    *("query_cache", "3. Servers and accounts", "limits", "health", "5-10 accounts each", "the example: 10 accounts"),
    *("Migration batch", "Worker batch", "Status update", "Monitor interval", "Loop delay", "Batch delay", "CPU yield"),
    *("Campaign existence", "System load, user load, SMTP utilisation", "No SMTP accounts", "Slow with many users"),
    *("Workers stop unexpectedly", "5+ campaigns of one user", "Monitor active campaigns", "OPTIMIZE TABLE weekly"),
    *("Archive after 30 days", "EXPLAIN of key queries", "3-5 campaigns", "Monitor campaign progress"),
    *("Filter by `user_id`", "All queries by indexes", "Few queries on Server 1", "every 500", "Retry with backoff"),
    *("100 users × 10k mails", "Processing time", "partitions by `user_id`", "several servers, replicas", "regions"),
    *("message queue", "100-200 workers", "Isolation of accounts", "No system-wide limit"),
]


def test_each_section_has_a_row():
    assert [words for words in SECTIONS if not any(words in row[0] for row in ROWS)] == []


def test_each_row_says_where_and_how_it_is_tested():
    assert "not there yet" not in TEXT.lower()
    elsewhere = ("see ", "not there, on purpose")
    assert [row for row in ROWS if not (row[1].startswith(elsewhere) or (len(row) > 2 and row[2]))] == []


def test_what_rows_name_is_there():
    named = set(re.findall(r"`([\w./]+)`", TEXT)) | set(re.findall(r"\]\((\w+\.md)\)", TEXT))
    files = {name for name in named if re.search(r"\w\.(py|sql|cnf|md|toml)$|\w/$", name)}
    places = ["", "blaster", "tests", "docs", "sql", "sql/my_cnf"]
    assert {name for name in files if not any((PROJECT / place / name).exists() for place in places)} == set()
    assert {name for name in named if name.startswith("BLASTER_")} <= SETTINGS | {"BLASTER_TEST_MYSQL_URL"}
