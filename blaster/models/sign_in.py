"""How people get in: sessions, second factors, links that set a password. Server 1."""

from peewee import BigIntegerField, CharField

from blaster.models.campaign_db import CampaignModel
from blaster.models.fields import Id, Instant, KeyText, Word, default


class Session(CampaignModel):
    """A browser that is signed in. Without its row, a cookie opens nothing."""

    id = Id()
    user_id = BigIntegerField(index=True)
    token_hash = CharField(64, unique=True)  # SHA-256 of what the cookie carries
    created_at = Instant()
    seen_at = Instant(index=True)  # coarse: written every few minutes
    proved_at = Instant()  # the password was last entered
    client = CharField(45, **default(""))  # the IP address it began from
    agent = CharField(120, **default(""))  # the browser in words

    class Meta:
        table_name = "sessions"


class SecondFactor(CampaignModel):
    """The secret of somebody's authenticator app (RFC 6238), encrypted."""

    user_id = BigIntegerField(primary_key=True)
    secret = CharField(255)
    confirmed_at = Instant(**default(0))  # 0: shown, and no code of it was seen yet
    last_step = BigIntegerField(**default(0))  # the half minute of the last code that was taken: none is taken twice

    class Meta:
        table_name = "second_factors"


class RecoveryCode(CampaignModel):
    """Stands once for a code of the app."""

    id = Id()
    user_id = BigIntegerField()
    code_hash = CharField(64)
    used_at = Instant(**default(0))

    class Meta:
        table_name = "recovery_codes"
        indexes = ((("user_id", "code_hash"), True),)


class PasswordLink(CampaignModel):
    """Lets whoever has it set the password of a user, once."""

    id = Id()
    user_id = BigIntegerField(index=True)
    token_hash = CharField(64, unique=True)
    kind = Word()  # invitation | reset
    created_at = Instant()
    ends_at = Instant()
    used_at = Instant(**default(0))

    class Meta:
        table_name = "password_links"


class PasswordRequest(CampaignModel):
    """Somebody forgot the password of this address, whether there is such a user or not; a worker looks."""

    id = Id()
    email_key = KeyText()
    asked_at = Instant()

    class Meta:
        table_name = "password_requests"
