import pytest

from blaster import passwords, users
from blaster.errors import Invalid, NotFound

PASSWORD = "correct horse battery"


@pytest.fixture
def alice(databases):
    return users.create("Alice@Example.com", "Alice", PASSWORD)


def test_user_signs_in_with_the_address_in_any_spelling(alice):
    assert users.authenticate(" alice@EXAMPLE.com ", PASSWORD).id == alice.id
    assert users.get(alice.id).name == "Alice"
    assert (alice.role, alice.is_active) == ("user", True)


@pytest.mark.parametrize(
    ("email", "password"),
    [("alice@example.com", PASSWORD + "!"), ("bob@example.com", PASSWORD), ("no address", PASSWORD), ("", "")],
)
def test_wrong_name_or_password_is_nobody(alice, email, password):
    assert users.authenticate(email, password) is None


def test_password_is_stored_as_a_hash(alice):
    assert alice.password_hash.startswith("scrypt:")
    assert PASSWORD not in alice.password_hash


def test_second_user_with_the_address_is_refused(alice):
    with pytest.raises(Invalid) as refusal:
        users.create("ALICE@example.com", "Another", PASSWORD)
    assert list(refusal.value.errors) == ["email"]
    assert len(users.list_all()) == 1


@pytest.mark.parametrize(
    ("email", "password", "field"), [("alice", PASSWORD, "email"), ("a@b.de", "short", "password")]
)
def test_bad_input_is_refused_by_field(databases, email, password, field):
    with pytest.raises(Invalid) as refusal:
        users.create(email, "", password)
    assert list(refusal.value.errors) == [field]


def test_new_password_ends_sessions(alice):
    other = passwords.made_up()
    users.set_password(alice.id, other)
    assert users.authenticate("alice@example.com", PASSWORD) is None
    assert users.authenticate("alice@example.com", other)
    with pytest.raises(Invalid):
        users.set_password(alice.id, "short")


def test_disabled_user_stays_out_until_enabled(alice):
    users.set_active(alice.id, False)
    assert users.authenticate("alice@example.com", PASSWORD) is None
    users.set_active(alice.id, True)
    assert users.authenticate("alice@example.com", PASSWORD)


def test_unknown_user_is_not_found(databases):
    for attempt in (
        lambda: users.get(1),
        lambda: users.set_active(1, False),
        lambda: users.set_password(1, PASSWORD),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert users.by_email("alice@example.com") is None


def test_everybody_is_listed_oldest_first(alice):
    admin = users.create("root@example.com", "", PASSWORD, role="admin")
    assert [(user.id, user.role) for user in users.list_all()] == [(alice.id, "user"), (admin.id, "admin")]
