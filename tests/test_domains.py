"""SPF, DKIM and DMARC as a name server of our own has them, and the verdict with the record to publish."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from blaster import servers
from blaster.domains import dkim, dmarc, spf
from blaster.domains.check import Subject, check
from blaster.domains.resolver import Resolver, Unanswered
from blaster.mail.presets import all_presets
from blaster.web import create_app
from tests.test_web_servers import ACCOUNT, SERVER

pytest_plugins = ["tests.dns_server"]


@pytest.fixture
def ask(name_server):
    return Resolver(name_server.address, each=0.3, together=2)


@pytest.fixture(scope="module")
def keys() -> dict[int, str]:
    """Public RSA keys by their bits, as DKIM publishes them."""

    def public(bits: int) -> str:
        key = rsa.generate_private_key(65537, bits).public_key()
        return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()

    return {bits: public(bits) for bits in (1024, 2048)}


# SPF


def spf_of(ask, name_server, zone: dict[str, str]) -> spf.Spf:
    for name, record in zone.items():
        name_server.add(name, "TXT", record)
    return spf.read(ask, "example.com")


def chain(length: int) -> dict[str, str]:
    zone = {f"s{i}.example.com": f"v=spf1 include:s{i + 1}.example.com -all" for i in range(1, length)}
    zone["example.com"] = "v=spf1 include:s1.example.com -all"
    return zone | {f"s{length}.example.com": "v=spf1 ip4:192.0.2.0/24 -all"}


@pytest.mark.parametrize(
    "zone, problem",
    [
        ({"example.com": "v=spf1 ip4:192.0.2.1 -all"}, ""),
        ({"example.com": "v=spf10 ip4:192.0.2.1"}, "none"),
        ({}, "none"),
        ({"example.com": "v=spf1 ipv4:192.0.2.1 -all"}, "syntax"),
        ({"example.com": "v=spf1 ip4:192.0.2.1/40 -all"}, "syntax"),
        ({"example.com": "v=spf1 ip4 -all"}, "syntax"),
        ({"example.com": "v=spf1 include:example.com -all"}, "syntax"),
        ({"example.com": "v=spf1 include:nowhere.example.com -all"}, "none"),
        ({"example.com": "v=spf1 a:x.example.com a:y.example.com a:z.example.com -all"}, "void"),
        (chain(10), ""),
        (chain(11), "lookups"),
        ({"example.com": "v=spf1 " + "exists:%{i}.example.net " * 11 + "-all"}, "lookups"),
    ],
)
def test_a_record_is_followed_to_its_end(ask, name_server, zone, problem):
    assert spf_of(ask, name_server, zone).problem == problem


def test_two_records_are_one_too_many(ask, name_server):
    name_server.add("example.com", "TXT", "v=spf1 -all", "v=spf1 mx -all", "google-site-verification=x")
    assert spf.read(ask, "example.com").problem == "many"


def test_who_may_send(ask, name_server):
    name_server.add("example.com", "MX", "10 mx.example.com.")
    name_server.add("mx.example.com", "A", "198.51.100.7")
    name_server.add("mail.example.com", "AAAA", "2001:db8::1")
    found = spf_of(
        ask,
        name_server,
        {
            "example.com": "v=spf1 ip4:192.0.2.0/28 MX/24 a:mail.example.com -ip4:203.0.113.9 redirect=_s.example.net",
            "_s.example.net": "v=spf1 include:other.example.net ?ip4:203.0.113.10 ~all",
            "other.example.net": "v=spf1 ip6:2001:db8:5::/48 -all",
        },
    )
    assert found.problem == "" and found.includes == {"_s.example.net", "other.example.net"}
    allowed = ["192.0.2.15", "198.51.100.200", "2001:db8::1", "2001:db8:5::9"]
    assert [
        ip for ip in (*allowed, "192.0.2.16", "203.0.113.9", "203.0.113.10", "2001:db8::2") if found.allows(ip)
    ] == allowed


@pytest.mark.parametrize("sign, anybody", [("", True), ("-", False)])
def test_an_included_record_may_let_anybody_send(ask, name_server, sign, anybody):
    zone = {"example.com": f"v=spf1 {sign}include:a.example.com -all", "a.example.com": "v=spf1 +all"}
    assert spf_of(ask, name_server, zone).anybody is anybody


def test_all_ends_before_a_redirect(ask, name_server):
    found = spf_of(ask, name_server, {"example.com": "v=spf1 +all redirect=nowhere.example.com"})
    assert (found.problem, found.anybody) == ("", True)


# DKIM


@pytest.mark.parametrize(
    "record, problem",
    [
        ("v=DKIM1; k=rsa; p={2048}", ""),
        ("p={1024}", ""),
        ("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", ""),
        ("v=DKIM1; p=", "revoked"),
        ("v=DKIM1; p=bm90IGEga2V5", "broken"),
        ("v=DKIM1; p=***", "broken"),
        ("v=DKIM2; p={2048}", "broken"),
        ("v=spf1 -all", "none"),
    ],
)
def test_keys_are_read(ask, name_server, keys, record, problem):
    for bits, text in keys.items():
        record = record.replace(f"{{{bits}}}", text)
    name_server.add("s1._domainkey.example.com", "TXT", record)
    assert dkim.read(ask, "example.com", "s1").problem == problem


# DMARC: the tree walk of RFC 9989


@pytest.mark.parametrize(
    "zone, domain, at, organisation, policy",
    [
        ({"example.com": "p=reject"}, "example.com", "example.com", "example.com", "reject"),
        ({"example.com": "p=reject; sp=none"}, "a.mail.example.com", "example.com", "example.com", "none"),
        (
            {"mail.example.com": "p=none", "example.com": "p=reject"},
            "mail.example.com",
            "mail.example.com",
            "example.com",
            "none",
        ),
        ({}, "mail.example.com", "", "mail.example.com", "none"),
        ({"com": "p=reject; psd=y", "example.com": "p=none"}, "a.example.com", "example.com", "example.com", "none"),
        ({"bank": "p=reject; psd=y"}, "www.our.bank", "bank", "our.bank", "reject"),
        (
            {"mail.example.com": "p=none; psd=n", "example.com": "p=reject"},
            "a.mail.example.com",
            "mail.example.com",
            "mail.example.com",
            "none",
        ),
        ({"b.c.d.e.f.g.h": "p=reject"}, "1.2.3.4.5.6.7.a.b.c.d.e.f.g.h", "b.c.d.e.f.g.h", "b.c.d.e.f.g.h", "reject"),
        ({"a.b.c.d.e.f.g.h": "p=reject"}, "1.a.b.c.d.e.f.g.h", "", "1.a.b.c.d.e.f.g.h", "none"),
    ],
)
def test_policies_are_found_up_the_tree(ask, name_server, zone, domain, at, organisation, policy):
    for name, tags in zone.items():
        name_server.add(f"_dmarc.{name}", "TXT", f"v=DMARC1; {tags}")
    found = dmarc.read(ask, domain)
    assert (found.at, found.organisation, found.policy) == (at, organisation, policy)
    assert len({name for name, _ in name_server.asked}) <= 8


def test_two_policies_or_a_strange_one_are_told(ask, name_server):
    name_server.add("_dmarc.example.com", "TXT", "v=DMARC1; p=none", "v=DMARC1; p=reject")
    name_server.add("_dmarc.example.org", "TXT", "v=DMARC1; p=block")
    assert [dmarc.read(ask, domain).problem for domain in ("example.com", "example.org")] == ["many", "policy"]


# The verdict


def subject(
    domain="example.com", account_domain="example.com", preset="google-workspace", host="", selectors=("google",)
):
    chosen = all_presets().get(preset)
    return Subject(domain, account_domain, host or chosen.host, chosen, selectors)


def states(findings) -> dict[str, str]:
    return {finding.item: finding.state for finding in findings}


def test_all_is_well(ask, name_server, keys):
    name_server.add("example.com", "TXT", "v=spf1 include:_spf.google.com ~all")
    name_server.add("_spf.google.com", "TXT", "v=spf1 ip4:192.0.2.0/24 ~all")
    name_server.add("google._domainkey.example.com", "TXT", f"v=DKIM1; p={keys[2048]}")
    name_server.add("_dmarc.example.com", "TXT", "v=DMARC1; p=none")
    assert states(check(ask, subject())) == dict.fromkeys(["SPF", "DKIM", "DMARC", "Alignment"], "pass")


def test_nothing_is_published(ask):
    found = {finding.item: finding for finding in check(ask, subject())}
    assert set(states(found.values()).values()) == {"fail"}
    assert (found["SPF"].name, found["SPF"].value) == ("example.com", "v=spf1 include:_spf.google.com ~all")
    assert found["DKIM"].name == "google._domainkey.example.com"
    assert (found["DMARC"].name, found["DMARC"].value) == ("_dmarc.example.com", "v=DMARC1; p=none")


@pytest.mark.parametrize(
    "records, value",
    [
        (["v=spf1 mx -all"], "v=spf1 include:_spf.google.com mx -all"),
        (["v=spf1 mx -all", "v=spf1 ip4:192.0.2.1 ~all"], "v=spf1 include:_spf.google.com ip4:192.0.2.1 mx ~all"),
    ],
)
def test_it_writes_the_record_that_is_missing(ask, name_server, records, value):
    name_server.add("example.com", "TXT", *records)
    name_server.add("example.com", "MX", "10 mx.example.com.")
    name_server.add("mx.example.com", "A", "192.0.2.3")
    (finding,) = [finding for finding in check(ask, subject()) if finding.item == "SPF"]
    assert (finding.state, finding.value) == ("fail", value)


def test_a_server_of_ones_own_is_looked_up(ask, name_server):
    own = subject(preset="", host="smtp.example.com")
    name_server.add("smtp.example.com", "A", "192.0.2.1")
    name_server.add("example.com", "TXT", "v=spf1 ip4:192.0.2.1 -all")
    assert states(check(ask, own))["SPF"] == "pass"
    name_server.zone["smtp.example.com", "A"] = ["192.0.2.2"]
    (finding,) = [finding for finding in check(ask, own) if finding.item == "SPF"]
    assert finding.value == "v=spf1 a:smtp.example.com ip4:192.0.2.1 -all"


@pytest.mark.parametrize("host, term", [("192.0.2.1", "ip4:192.0.2.1"), ("2001:db8::1", "ip6:2001:db8::1")])
def test_a_server_that_is_known_by_its_address_alone_is_named_by_it(ask, name_server, host, term):
    own = subject(preset="", host=host)
    (finding,) = [finding for finding in check(ask, own) if finding.item == "SPF"]
    assert (finding.state, finding.value) == ("fail", f"v=spf1 {term} ~all")
    name_server.add("example.com", "TXT", finding.value)
    assert states(check(ask, own))["SPF"] == "pass"


@pytest.mark.parametrize(
    "spf_record, dmarc_record, selectors, expected",
    [
        (
            "v=spf1 +all",
            "p=none; pct=50",
            ("old",),
            {"SPF": "fail", "DKIM": "fail", "DMARC": "warn", "Alignment": "fail"},
        ),
        (
            "v=spf1 include:_spf.google.com -all",
            "p=none",
            (),
            {"SPF": "pass", "DKIM": "unknown", "DMARC": "pass", "Alignment": "pass"},
        ),
        ("v=spf1 -all", "p=none", (), {"SPF": "fail", "DKIM": "unknown", "DMARC": "pass", "Alignment": "unknown"}),
        ("v=spf1 -all", "p=none", ("short",), {"SPF": "fail", "DKIM": "warn", "DMARC": "pass", "Alignment": "pass"}),
    ],
)
def test_table_of_verdicts(ask, name_server, keys, spf_record, dmarc_record, selectors, expected):
    name_server.add("example.com", "TXT", spf_record)
    name_server.add("_spf.google.com", "TXT", "v=spf1 -all")
    name_server.add("_dmarc.example.com", "TXT", f"v=DMARC1; {dmarc_record}")
    name_server.add("short._domainkey.example.com", "TXT", f"p={keys[1024]}")
    assert states(check(ask, subject(selectors=selectors))) == expected


def test_another_domain_has_to_belong_to_the_accounts(ask, name_server, keys):
    name_server.add("_dmarc.example.com", "TXT", "v=DMARC1; p=none")
    for domain in ("shop.example.com", "example.org"):
        name_server.add(f"google._domainkey.{domain}", "TXT", f"p={keys[2048]}")
    same = check(ask, subject(domain="shop.example.com", account_domain="mail.example.com"))
    assert states(same)["Alignment"] == "pass"
    assert states(check(ask, subject(domain="example.org")))["Alignment"] == "warn"


def test_a_mailbox_domain_is_its_providers_business(ask, name_server):
    assert set(states(check(ask, subject(domain="gmail.com", account_domain="gmail.com"))).values()) == {"pass"}
    assert name_server.asked == []


def test_silence_is_not_a_verdict(ask, name_server):
    name_server.silent |= {"example.com", "_dmarc.example.com"}
    name_server.failing.add("google._domainkey.example.com")
    found = states(check(ask, subject()))
    assert found == dict.fromkeys(["SPF", "DKIM", "DMARC", "Alignment"], "unknown")


def test_a_check_ends_in_time(name_server):
    slow = Resolver(name_server.address, each=0.2, together=0.2)
    name_server.silent.add("example.com")
    with pytest.raises(Unanswered):
        slow.txt("example.com")
    with pytest.raises(Unanswered, match="took too long"):
        slow.txt("example.org")


# The page


@pytest.fixture
def app(databases, name_server):
    from blaster import config

    return create_app(config.load(databases | {"BLASTER_DNS_SERVERS": name_server.address}))


def test_the_page_shows_verdict_and_record(alice, name_server):
    server = servers.add_server(alice.user_id, **SERVER)
    account = servers.add_account(alice.user_id, server.id, **ACCOUNT | {"from_domains": "example.org"})
    url = f"/accounts/{account.id}/domain"
    assert "Not checked yet" in alice.get(url).text
    name_server.add("smtp.example.com", "A", "192.0.2.1")
    name_server.add("example.com", "TXT", "v=spf1 a:smtp.example.com ~all")
    assert alice.post(url, {"selectors": "s1"}).location == url
    page = alice.get(url).text
    for piece in ("Pass", "Fail", "s1._domainkey.example.com", "_dmarc.example.com", "v=DMARC1; p=none", 'value="s1"'):
        assert piece in page
    assert "Records of its domain fail" in alice.get(f"/servers/{server.id}").text
    assert alice.post(url, {"domain": "example.org"}).status_code == 303
    assert "v=spf1 a:smtp.example.com ~all" in alice.get(url).text
    asked = len(name_server.asked)
    for wrong in ({"domain": "example.net"}, {"selectors": "a/b"}, {"selectors": "a b c d e f"}):
        assert alice.post(url, wrong).status_code == 422
    assert len(name_server.asked) == asked
