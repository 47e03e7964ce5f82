"""Users on trial: they may mail their own address and those they have verified, until an administrator trusts them."""

from blaster import addresses, db
from blaster.db import campaign_db
from blaster.errors import Conflict, Invalid, NotFound
from blaster.models.campaign_db import Recipient, User
from blaster.models.trial import VerifiedAddress

MOST = 20  # addresses of a user: a trial must not become a way to write to strangers
DAY = 24 * 60 * 60_000


def strangers(user_id: int, list_id: int | None, *, after: int = 0, until: int | None = None) -> int:
    """How many recipients of a list (with ids in this range) the user may not mail; 0 for who is trusted."""
    with db.session(campaign_db):
        user = User.get_or_none((User.id == user_id) & User.is_trial)
        if user is None:
            return 0
        mine = (Recipient.list_id == list_id) & (Recipient.user_id == user_id) & (Recipient.id > after)
        if until is not None:
            mine &= Recipient.id <= until
        known = VerifiedAddress.select(VerifiedAddress.email_key).where(_verified(user_id))
        wanted = Recipient.email_key.not_in(known) & (Recipient.email_key != user.email)
        return Recipient.select().where(mine & wanted).count()


def _verified(user_id: int):
    return (VerifiedAddress.user_id == user_id) & (VerifiedAddress.verified_at > 0)


def sentence(count: int) -> str:
    """What keeps a campaign with so many strangers from starting."""
    who = "One recipient of the list is an address" if count == 1 else f"{count:,} recipients of the list are addresses"
    return f"{who} that you have not verified. While you are on trial, mails go to verified addresses only."


def allowed(user_id: int) -> list[str]:
    """The addresses that a user on trial may mail, the own one first. Raises NotFound."""
    with db.session(campaign_db):
        user = User.get_or_none(User.id == user_id)
        if user is None:
            raise NotFound("No such user.")
        rows = VerifiedAddress.select(VerifiedAddress.email_key).where(_verified(user_id)).tuples()
        return [user.email, *(key for (key,) in rows if key != user.email)]


def list_addresses(user_id: int) -> list[VerifiedAddress]:
    """Verified ones and those that wait for their link to be followed."""
    with db.session(campaign_db):
        mine = VerifiedAddress.user_id == user_id
        return list(VerifiedAddress.select().where(mine).order_by(VerifiedAddress.email_key))


def ask(user_id: int, email: str) -> tuple[int, str]:
    """Note an address that a link will be sent to; returns its row's id and the address. Raises Invalid."""
    try:
        address, key = addresses.normalise(email)
    except ValueError as error:
        raise Invalid({"email": str(error)}) from error

    def work():
        db.locked(User.select().where(User.id == user_id)).get()  # two at once must not both be the last
        mine = list(VerifiedAddress.select().where(VerifiedAddress.user_id == user_id))
        if any(row.email_key == key for row in mine):
            raise Invalid({"email": "This address is on your list already."})
        if len(mine) >= MOST:
            raise Invalid({"email": f"You can have {MOST} addresses at most while you are on trial."})
        return VerifiedAddress.create(user_id=user_id, email_key=key, asked_at=db.now(campaign_db)).id, address

    return db.transaction(campaign_db, work)


def verify(user_id: int, email: str) -> None:
    """Somebody followed the link that was sent to this address. Raises NotFound where it was taken off the list."""
    key = addresses.normalise(email)[1]

    def work():
        mine = (VerifiedAddress.user_id == user_id) & (VerifiedAddress.email_key == key)
        if not VerifiedAddress.update(verified_at=db.now(campaign_db)).where(mine).execute():
            raise NotFound("No such address.")

    db.transaction(campaign_db, work)


def remove(user_id: int, row_id: int, *, unsent: bool = False) -> None:
    """Take an address off the list. One that waits stays a day, or links could be sent without end; `unsent`: its link
    never left. Raises NotFound, Conflict."""

    def work():
        row = VerifiedAddress.get_or_none((VerifiedAddress.id == row_id) & (VerifiedAddress.user_id == user_id))
        if row is None:
            raise NotFound("No such address.")
        if not (row.verified_at or unsent or row.asked_at < db.now(campaign_db) - DAY):
            raise Conflict("A link was sent to this address today. It can be removed tomorrow.")
        row.delete_instance()

    db.transaction(campaign_db, work)


def on_trial() -> list[User]:
    """For administrators: everybody who is not trusted yet, the oldest first."""
    with db.session(campaign_db):
        return list(User.select().where(User.is_trial).order_by(User.id))


def trust(user_id: int) -> None:
    """For administrators: the trial ends, the user may mail anybody. Raises NotFound."""
    with db.session(campaign_db):
        if not User.update(is_trial=False).where(User.id == user_id).execute():
            raise NotFound("No such user.")
