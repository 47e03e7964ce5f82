"""What is known of mail providers (presets.toml): how to reach them, and the limits that they publish. Pure."""

import functools
import tomllib
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import urlsplit

FILE = Path(__file__).with_name("presets.toml")


@dataclass(frozen=True)
class Preset:
    """One provider; the fields are explained at the head of the file. A figure of 0 was not published."""

    key: str
    name: str
    kind: str  # mailbox | relay
    hosts: tuple[str, ...]
    ports: dict[int, str]
    auth: tuple[str, ...]
    start_daily: int
    start_hourly: int
    connections: int
    caps: str
    source: str
    date: date
    confidence: str
    daily: int = 0
    hourly: int = 0
    minute: int = 0
    size_mb: int = 0
    note: str = ""
    bulk: str = ""
    forbidden: bool = False
    ends_passwords: bool = False
    login: str = ""
    domains: tuple[str, ...] = ()
    spf: str = ""
    selectors: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """The host to fill in."""
        return self.hosts[0]

    @property
    def port(self) -> int:
        """The port to fill in; its encryption is `encryption`."""
        return next(iter(self.ports))

    @property
    def encryption(self) -> str:
        """none, starttls or tls."""
        return self.ports[self.port]

    @property
    def consent(self) -> str:
        """`google` or `microsoft` where accounts may sign in by consent instead of a password; else empty."""
        return next((kind for kind in self.auth if kind in ("google", "microsoft")), "")

    @property
    def source_host(self) -> str:
        """Where its figures are from, in short."""
        return urlsplit(self.source).hostname.removeprefix("www.")

    def serves(self, host: str) -> bool:
        """Is this the provider behind a server of that name?"""
        return any(fnmatchcase(host.lower(), pattern) for pattern in self.hosts)

    def excess(self, hourly_limit: int, daily_limit: int) -> list[str]:
        """A sentence for each limit above what the provider publishes."""
        limits = (("day", daily_limit, self.daily), ("hour", hourly_limit, self.hourly))
        found = [
            f"{limit:,} an {span}" if span == "hour" else f"{limit:,} a {span}"
            for span, limit, cap in limits
            if cap and limit > cap
        ]
        return [f"{wanted} is more than {self.name} publishes. {self.caps}" for wanted in found]


@functools.cache
def all_presets() -> dict[str, Preset]:
    """By key, in the order of the file. Raises TypeError for a provider that is described wrongly."""
    with FILE.open("rb") as file:
        return {key: _preset(key, values) for key, values in tomllib.load(file).items()}


def _preset(key: str, values: dict) -> Preset:
    values["ports"] = {int(port): encryption for port, encryption in values["ports"].items()}
    lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    return Preset(key=key, **(values | lists))


def of_server(key: str, host: str) -> Preset | None:
    """The preset of a server: the one that it was made from while that serves its host, else the first that does."""
    chosen = all_presets().get(key)
    if chosen and chosen.serves(host):
        return chosen
    return next((preset for preset in all_presets().values() if preset.serves(host)), None)


def home_of(domain: str) -> Preset | None:
    """The provider whose servers alone may send from addresses at this domain, such as gmail.com."""
    return next((preset for preset in all_presets().values() if domain.lower() in preset.domains), None)
