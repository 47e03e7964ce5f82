"""The file of mail providers: complete, consistent, and never above what is published."""

import tomllib
from datetime import date
from urllib.parse import urlsplit

import pytest

from blaster import servers
from blaster.mail import presets

RAW = tomllib.loads(presets.FILE.read_text())
AUTH = {"password", "app-password", "google", "microsoft"}
# What docs of the providers said when this was written: no preset may start above.
PUBLISHED_DAILY = {
    "gmail": 500,
    "google-workspace": 2_000,
    "google-relay": 10_000,
    "microsoft-365": 10_000,
    "outlook": 300,
    "yahoo": 500,
    "aol": 500,
    "icloud": 1_000,
    "zoho": 50,
    "amazon-ses": 200,
    "smtp2go": 200,
}


@pytest.fixture(params=list(RAW))
def preset(request) -> presets.Preset:
    return presets.all_presets()[request.param]


def test_every_provider_of_the_guide_is_there():
    assert set(PUBLISHED_DAILY) < set(RAW)
    assert {"fastmail", "sendgrid", "mailgun", "brevo", "postmark"} < set(RAW)


def test_port_and_encryption_belong_together(preset):
    assert preset.ports
    for port, encryption in preset.ports.items():
        assert encryption == {465: "tls", 2465: "tls"}.get(port, "starttls")
    assert preset.port in (465, 587)


def test_it_says_where_its_figures_are_from(preset):
    assert urlsplit(preset.source).scheme == "https"
    assert date(2026, 1, 1) <= preset.date <= date.today().replace(year=date.today().year + 1)
    assert preset.confidence in ("published", "secondary")
    assert preset.auth and set(preset.auth) <= AUTH


def test_it_starts_below_what_is_published(preset):
    assert preset.daily == PUBLISHED_DAILY.get(preset.key, 0)
    for start, cap in ((preset.start_daily, preset.daily), (preset.start_hourly, preset.hourly)):
        assert 0 < start <= (cap or start)
    assert preset.start_hourly <= preset.start_daily
    assert 1 <= preset.connections <= servers.MOST_CONNECTIONS


def test_its_words_are_sentences(preset):
    for words in (preset.caps, preset.note, preset.bulk):
        assert not words or words.endswith(".")
    assert preset.bulk or not preset.forbidden


@pytest.mark.parametrize(
    "key, host, found",
    [
        ("", "smtp.gmail.com", "gmail"),
        ("google-workspace", "smtp.gmail.com", "google-workspace"),
        ("google-workspace", "smtp.example.com", None),
        ("", "Email-SMTP.eu-west-1.amazonaws.com", "amazon-ses"),
        ("", "smtp.zoho.eu", "zoho"),
        ("", "smtp.eu.mailgun.org", "mailgun"),
        ("unheard-of", "127.0.0.1", None),
    ],
)
def test_a_server_is_recognised(key, host, found):
    preset = presets.of_server(key, host)
    assert (preset and preset.key) == found


def test_limits_above_the_published_ones_are_named():
    gmail, relay = presets.all_presets()["gmail"], presets.all_presets()["smtp2go"]
    assert gmail.excess(50, 500) == []
    assert gmail.excess(1_000, 1_000) == [f"1,000 a day is more than Gmail publishes. {gmail.caps}"]
    assert [sentence[:10] for sentence in relay.excess(26, 201)] == ["201 a day ", "26 an hour"]
    assert presets.all_presets()["brevo"].excess(10**6, 10**6) == []


def test_addresses_of_mailbox_providers_have_a_home():
    assert presets.home_of("GMail.com").key == "gmail"
    assert presets.home_of("hotmail.com").key == "outlook"
    assert presets.home_of("example.com") is None
