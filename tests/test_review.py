import pytest

from blaster.models.campaign_db import Campaign, Recipient, RecipientList
from blaster.models.crm_db import SmtpAccount
from blaster.review import look_over

LIST = {"name": "Customers", "size": 100, "field_names": '["first_name", "city"]'}
ANN = Recipient(email="ann@example.com", fields='{"first_name": "Ann & Co"}')


def _review(accounts=((50, 500),), chosen=LIST, first=ANN, open_campaigns=0, **message):
    message = {"subject": "Hello", "html": "<p>Hi</p>", "text": ""} | message
    return look_over(
        Campaign(**message),
        RecipientList(**chosen) if chosen else None,
        first,
        [SmtpAccount(hourly_limit=hour, daily_limit=day) for hour, day in accounts],
        open_campaigns,
        5,
    )


def _problems(**case):
    return [(problem.text, problem.link_kind) for problem in _review(**case).problems]


def test_complete_campaign_has_no_problem():
    assert _problems() == []
    assert _problems(html="", text="Hi {{ email }}") == []


@pytest.mark.parametrize(
    ("case", "word", "link_kind"),
    [
        ({"accounts": ()}, "No SMTP accounts yet. Add one.", "accounts"),
        ({"accounts": [(0, 500), (50, 0)]}, "limits", "accounts"),
        ({"chosen": None}, "Choose a list", "edit"),
        ({"chosen": LIST | {"size": 0}}, "“Customers” is empty", "list"),
        ({"subject": ""}, "subject", "edit"),
        ({"html": " \n", "text": None}, "Write the message", "edit"),
        ({"html": "<p>\n{{ first_name </p>"}, "In the HTML: line 2", "edit"),
        ({"subject": "{% if %}"}, "In the subject", "edit"),
    ],
)
def test_what_is_missing_is_said_with_the_place_to_mend_it(case, word, link_kind):
    [(text, kind)] = _problems(**case)
    assert word in text
    assert kind == link_kind


def test_unknown_merge_tag_is_named_with_the_known_ones():
    known = "email, first_name, city, unsubscribe_url, organisation, postal_address"
    assert _problems(subject="Hi {{ frist_name }}", html="{% if x9 %}{{ frist_name }}{% endif %}") == [
        ("Unknown merge tag {{ frist_name }} in the subject and HTML. Did you mean {{ first_name }}?", "edit"),
        (f"Unknown merge tag {{{{ x9 }}}} in the HTML. Known: {known}.", "edit"),
    ]


def test_everything_missing_is_said_at_once():
    assert len(_problems(accounts=(), chosen=None, first=None, subject="", html="")) == 4


def test_message_that_cannot_be_rendered_is_a_problem():
    [(text, kind)] = _problems(html="{% for i in (1..1000000) %}x{% endfor %}")
    assert kind == "edit" and text


def test_many_running_campaigns_are_a_warning():
    accounts = [(500, 5_000)]
    assert "share your accounts" not in " ".join(_review(accounts=accounts, open_campaigns=3).warnings)
    assert "5 campaigns share your accounts" in " ".join(_review(accounts=accounts, open_campaigns=4).warnings)
