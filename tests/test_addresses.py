import pytest
from email_validator import validate_email
from hypothesis import given
from hypothesis import strategies as st

from blaster.addresses import normalise


@pytest.mark.parametrize(
    ("typed", "email", "key"),
    [
        ("Ann.Lee+news@Example.COM", "Ann.Lee+news@example.com", "ann.lee+news@example.com"),
        (" \u00a0\u200bann@example.com\ufeff\t", "ann@example.com", "ann@example.com"),
        ("INFO@example.com", "info@example.com", "info@example.com"),
        ("o'neil@mail-1.example.org", "o'neil@mail-1.example.org", "o'neil@mail-1.example.org"),
        ("Jose\u0301@example.com", "José@example.com", "josé@example.com"),
        ("info@Bücher.example", "info@bücher.example", "info@xn--bcher-kva.example"),
        ("info@xn--bcher-kva.example", "info@bücher.example", "info@xn--bcher-kva.example"),
    ],
)
def test_address_has_one_form_and_one_key(typed, email, key):
    assert normalise(typed) == (email, key)
    assert normalise(email) == (email, key)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "@",
        "ann",
        "ann@",
        "@example.com",
        "ann@localhost",
        "ann@@example.com",
        "ann@example",
        "ann..lee@example.com",
        ".ann@example.com",
        "ann@-example.com",
        "ann@example.com.",
        "ann@exa_mple.com",
        "ann@example.c0m1",
        "ann@host.invalid",
        "ann lee@example.com",
        "Ann <ann@example.com>",
        "ann@example.com, bob@example.com",
        "ann@example.com\r\nBcc: bob@example.com",
        "ann@[127.0.0.1]",
        "a" * 65 + "@example.com",
        "ann@" + "a" * 64 + ".com",
        "ann@" + ".".join(["a" * 60] * 5) + ".com",
        "ann@" + "x" * 1_000_000,
        "ann\x00@example.com",
        "ann\ud800@example.com",
    ],
)
def test_what_is_no_address_is_refused_with_a_sentence(typed):
    with pytest.raises(ValueError) as refusal:
        normalise(typed)
    assert str(refusal.value)


_ATOMS = st.text("abcXYZ019!#$%&'*+-/=?^_`{|}~.", max_size=70)
_DOMAINS = st.text("abcXYZ019-.", max_size=70)
_ENDS = st.sampled_from(["", ".com", ".COM", ".x1", ".local", ".test", "." + "b" * 63, "." + "b" * 64])


@given(_ATOMS | st.sampled_from(["Info", "ABUSE", "a" * 64]), _DOMAINS, _ENDS)
def test_short_way_agrees_with_email_validator(local, domain, end):
    typed = f"{local}@{domain}{end}"
    try:
        expected = validate_email(typed, check_deliverability=False, strict=True).normalized
    except ValueError:
        expected = None
    try:
        got = normalise(typed)[0]
    except ValueError:
        got = None
    assert got == expected


@given(st.text(max_size=40))
def test_no_text_makes_it_fall_over(text):
    for typed in (text, text + "@example.com", "ann@" + text):
        try:
            email, key = normalise(typed)
        except ValueError:
            continue
        assert len(email) <= 254 and len(key) <= 254
        assert normalise(email)[1] == key
