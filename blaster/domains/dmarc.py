"""DMARC (RFC 9989): policies and organisational domains, found by walking up the DNS tree; no list of suffixes."""

from dataclasses import dataclass

from blaster.domains.resolver import Records

LONGEST = 8  # labels: of a longer name only the last seven are walked (section 4.10)
POLICIES = ("none", "quarantine", "reject")
GONE = ("pct", "rf", "ri")  # tags of RFC 7489 that receivers ignore now


@dataclass(frozen=True)
class Dmarc:
    """What applies to a domain. `at`: where its record is, empty without one; `tags`: of that record.

    `organisation`: the organisational domain. `problem`: '' | none | many | policy.
    """

    domain: str
    at: str
    organisation: str
    tags: dict[str, str]
    problem: str = ""

    @property
    def policy(self) -> str:
        """none, quarantine or reject for this domain; subdomains may have their own (sp)."""
        own = self.tags.get("p", "none")
        return own if self.at == self.domain else self.tags.get("sp", own)


def read(ask: Records, domain: str) -> Dmarc:
    """The policy of a domain: its own record, else that of its organisational domain. Raises Unanswered."""
    walked = _walk(ask, domain)
    organisation = _organisation(domain, walked)
    own = [text for text in ask.txt(f"_dmarc.{domain}") if _is_record(text)]
    if len(own) > 1:
        return Dmarc(domain, domain, organisation, {}, "many")
    found = dict(walked)
    suffix = next((at for at, tags in walked if tags.get("psd", "").lower() == "y"), "")
    at = next((at for at in (domain, organisation, suffix) if at in found), "")
    if not at:
        return Dmarc(domain, "", organisation, {}, "none")
    tags = found[at]
    known = {tags.get("p", "none").lower(), tags.get("sp", "none").lower()} <= set(POLICIES)
    return Dmarc(domain, at, organisation, tags, "" if known else "policy")


def organisation(ask: Records, domain: str) -> str:
    """The organisational domain: two domains are aligned (relaxed) if it is the same. Raises Unanswered."""
    return _organisation(domain, _walk(ask, domain))


def _walk(ask: Records, domain: str) -> list[tuple[str, dict[str, str]]]:
    """Domains on the way up that have one record, with its tags (section 4.10). Ends at a psd tag of y or n."""
    found, target = [], domain
    while target:
        records = [text for text in ask.txt(f"_dmarc.{target}") if _is_record(text)]
        if len(records) == 1:
            tags = tags_of(records[0])
            found.append((target, tags))
            if tags.get("psd", "").lower() in ("y", "n"):
                break
        labels = target.split(".")
        target = ".".join(labels[1:] if len(labels) < LONGEST else labels[-(LONGEST - 1) :])
    return found


def _organisation(domain: str, walked: list[tuple[str, dict[str, str]]]) -> str:
    for at, tags in walked:
        psd = tags.get("psd", "").lower()
        if psd == "n":
            return at
        if psd == "y" and at != domain:  # one label below the public suffix
            return ".".join(domain.split(".")[-(at.count(".") + 2) :])
    return min((at for at, _ in walked), key=lambda at: at.count("."), default=domain)


def _is_record(text: str) -> bool:
    return text.split(";")[0].replace(" ", "") == "v=DMARC1"


def tags_of(text: str) -> dict[str, str]:
    """The tags of a record by their names; unknown ones stay (section 4.7: they are ignored)."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): value.strip() for name, equals, value in pairs if equals}
