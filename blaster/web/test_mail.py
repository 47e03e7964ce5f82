"""A test of a message: sent to oneself, now, through an account of one's own."""

from dataclasses import dataclass

from flask import Blueprint, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from blaster import attachments, campaigns, db, drafts, servers, signing, users
from blaster.errors import Conflict
from blaster.mail import merge, single
from blaster.mail.attachments import Attachment
from blaster.mail.auth import Credentials
from blaster.mail.compile import Content, compile_message
from blaster.mail.session import Mail
from blaster.models.crm_db import SmtpAccount
from blaster.queue import single as budget
from blaster.web import connection, htmx, looks
from blaster.web.campaigns import addresses, editor, form_of
from blaster.web.forms import row_id

bp = Blueprint("test_mail", __name__, url_prefix="/campaigns")

MARK = "[Test] "


@dataclass(frozen=True)
class Result:
    """What became of a test, in words; `said` is the server's own reply."""

    ok: bool
    words: str
    said: str = ""


@bp.post("/<int:campaign_id>/test")
def send(campaign_id: int) -> ResponseReturnValue:
    """Send the message as it stands in the editor, saved or not; the result in place."""
    draft = campaigns.get_campaign(current_user.id, campaign_id)
    form = form_of()
    result = _try(form, campaign_id)
    if htmx.is_htmx():
        return render_template("campaigns/_test_result.html", result=result)
    return editor(form, draft, result=result)


def _try(form, campaign_id: int) -> Result:
    account_id = request.form.get("account_id", 0, type=row_id)
    to = request.form.get("to", "")
    if not account_id:
        return Result(False, "Add an SMTP account first; the test goes out through it.")
    if to not in addresses():
        return Result(False, "A test goes to your own address only.")
    account = servers.get_account(current_user.id, account_id)
    try:
        mail, credentials = _mail(form, campaign_id, account, to), connection.credentials(account)
        bucket = budget.take(current_user.id, account_id)
    except merge.MergeError as error:
        return Result(False, f"The message cannot be filled in: {error}")
    except Conflict as error:
        return Result(False, str(error))
    return _send(account, credentials, mail, bucket)


def _mail(form, campaign_id: int, account: SmtpAccount, to: str) -> Mail:
    settings, owner = current_app.config["BLASTER"], users.get(current_user.id)
    sender = {name: form[name].data.strip() for name in campaigns.SENDER}
    content = drafts.frozen(form.written()) | sender | {"list_id": form.list_id.data or 0}
    content |= {"organisation": owner.organisation, "postal_address": owner.postal_address}
    content["subject"] = MARK + content["subject"]
    files = tuple(Attachment(*file) for file in attachments.files(current_user.id, campaign_id))
    skeleton = compile_message(
        Content(campaign_id=campaign_id, user_id=current_user.id, **content, attachments=files),
        message_key=settings.secret_key.encode(),
        public_url=settings.public_url,
    )
    skeleton.signers = signing.signers([current_user.id]).get(current_user.id, {})
    values, now = looks.fields(looks.viewer(form.list_id.data or None)), db.now(db.crm_db)
    # Its number is the instant (`unsubscribe.TESTS`): each test has a Message-ID of its own.
    data = skeleton.render(row_id=now, email=to, fields=values, from_address=account.email, now=now)
    return Mail(now, skeleton.sender(account.email), to, data)


def _send(account: SmtpAccount, credentials: Credentials | None, mail: Mail, bucket: int) -> Result:
    server = servers.get_server(current_user.id, account.smtp_server_id)
    reply, trouble = single.send(connection.endpoint(server), credentials, mail)
    said = f"{reply.code} {reply.text}" if reply.code > 0 else reply.text
    if reply.phase == "dot" and reply.code // 100 == 2:
        return Result(True, f"Sent to {mail.recipient}.", said)
    if reply.phase == "dot" and reply.code <= 0:
        return Result(False, "The server did not answer in time. The test may arrive all the same.", said)
    budget.give_back(account.id, bucket)
    return Result(False, trouble or "The server did not take it.", "" if trouble else said)
