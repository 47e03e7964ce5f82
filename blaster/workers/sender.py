"""One connection at work: group, intent, build, send, outcome; the next group's intent while this one is sent."""

import logging
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future

from blaster.mail import replies
from blaster.mail.merge import LimitError
from blaster.mail.session import Mail, Reply
from blaster.mail.transport import Refused, Session
from blaster.queue import control
from blaster.queue.rows import Row
from blaster.workers import journal, outcomes

log = logging.getLogger(__name__)

GROUP_SECONDS = 0.15  # a group holds what the connection sends in this time …
LARGEST_GROUP = 100  # … and no more than this
SLOWEST_START = 0.02  # seconds a mail that the first groups reckon with at most


class Sender:
    """Serves one lane until its mails are used up, the connection ends or the account has to rest."""

    def __init__(self, pool, lane):
        self.pool, self.lane, self.desk = pool, lane, pool.desk
        self._pace = min(SLOWEST_START, lane.seats / lane.rate)  # seconds a mail
        self._granted: deque[Row] = deque()
        self._asked: tuple[list[Row], Future] | None = None
        self._under_way: dict[int, Row] = {}
        self._dotted = 0  # the last mail whose final dot may have left
        self._said = b""  # the note of the last reply, written together with the next dot
        self._broken = ""  # what the server said last, when the conversation ended before its time
        self._last = time.monotonic()

    def run(self) -> None:
        """Returns when there is nothing more to do here; whatever was not sent has gone back to the queue by then."""
        session = self._open()
        if session is None:
            return
        try:
            self._ask()
            while session is not None and self._may_go_on(session) and self._wait_for_grant():
                self._converse(session)
                if self._has_sent_enough(session):
                    session.close()
                    # What has its intent goes on there: giving it back costs more than sending.
                    session = self._open() if self._is_welcome() else None
            self._measure_lane()
            if self._broken:
                self.pool.connection_lost(self.lane, self._broken)
        finally:
            self._hand_back()
            if session is not None:
                self.lane.keep(session)

    def _open(self) -> Session | None:
        try:
            return self.lane.open(self.pool.endpoint)
        except Refused as refused:
            self.pool.refused(self.lane, refused.reply)
            return None

    def _has_sent_enough(self, session: Session) -> bool:
        return session.sent >= self.desk.settings.connection_mails

    def _converse(self, session: Session) -> None:
        self._last = time.monotonic()
        for mail, reply in session.deliver(self._mails(session), self._before_dot):
            now = time.monotonic()
            self._pace += 0.1 * (now - self._last - self._pace)
            self._last = now
            self._conclude(mail.id, reply)
        self._note_reply()

    def _mails(self, session: Session) -> Iterator[Mail]:
        while self._may_go_on(session):
            if not self._granted and not (self._asked and self._asked[1].done() and self._wait_for_grant()):
                return
            row = self._granted.popleft()
            mail = self._build(row)
            if mail is not None:
                self._under_way[row.id] = row
                yield mail

    def _may_go_on(self, session: Session) -> bool:
        return not (session.closed or self._has_sent_enough(session)) and self._is_welcome()

    def _is_welcome(self) -> bool:
        return self.desk.pulse.is_fresh() and self.pool.is_usable() and self.lane.is_usable()

    def _build(self, row: Row) -> Mail | None:
        try:
            skeleton = self.desk.messages.get(row.campaign_id)
            address = self.lane.account.email
            now = time.time_ns() // 1_000_000
            fields = {**row.fields, "email": row.email}
            data = skeleton.render(row_id=row.id, email=row.email, fields=fields, from_address=address, now=now)
            back = skeleton.return_path(row.id, address, self.lane.account.bounce_address)
            return Mail(row.id, back, row.email, data, is_dotless=True)
        except Exception as error:
            # One recipient's values must not stop the others.
            log.warning("campaign %s row %s: %s", row.campaign_id, row.id, type(error).__name__)
            reason = f"The message could not be made: {error}"
            self.desk.writer.settle(outcomes.unbuildable(row, reason))
            if isinstance(error, LimitError):  # it is the template that takes too long, with everybody's values
                self._pause_campaign(row, reason)
            return None

    def _before_dot(self, mail: Mail) -> None:
        self.desk.journal.dot(mail.id, self._said)
        self._said, self._dotted = b"", mail.id

    def _note_reply(self) -> None:
        if self._said:
            self.desk.journal.replied(self._said)
            self._said = b""

    def _conclude(self, mail_id: int, reply: Reply) -> None:
        row = self._under_way.pop(mail_id)
        outcome = outcomes.outcome_of(row, reply)
        self.desk.writer.settle(outcome)
        if reply.phase == "dot" and reply.code > 0:
            self._said = journal.reply_note(mail_id, reply)
        reply_class = outcome.reply_class
        if reply_class == "sent":
            self.pool.account_works(self.lane)
        elif replies.is_account_scope(reply_class) or reply_class in outcomes.SERVER:
            self.pool.account_failed(self.lane, reply_class, reply.text)
        elif reply_class in ("connection", "unknown"):
            self._broken = reply.text or "the connection was lost"
        elif replies.is_campaign_scope(reply_class):
            self._pause_campaign(row, f"The server refused the message: {reply.code} {reply.text}")

    def _pause_campaign(self, row: Row, note: str) -> None:
        user_id, campaign_id = self.pool.server.user_id, row.campaign_id
        self.desk.writer.call(lambda: control.pause_if_running(user_id, campaign_id, note))

    def _ask(self) -> None:
        """Ask for the intents of the next group; the answer comes while this one is being sent."""
        size = max(1, min(LARGEST_GROUP, int(GROUP_SECONDS / max(self._pace, 1e-6))))
        with self.pool.lock:
            rows = [self.lane.rows.popleft() for _ in range(min(size, len(self.lane.rows)))]
        self._asked = (rows, self.desk.writer.intend(rows)) if rows else None

    def _wait_for_grant(self) -> bool:
        """Take the group that was asked for, ask for the next; True while there is something to send."""
        while not self._granted and self._asked is not None:
            rows, future = self._asked
            allowed = future.result()
            self._granted.extend(row for row in rows if row in allowed)
            self.desk.writer.settle(*(outcomes.released(row) for row in rows if row not in allowed))
            self._asked = None
            if len(self._granted) == len(rows) and not self.pool.is_needed_elsewhere():
                self._ask()
        return bool(self._granted)

    def _hand_back(self) -> None:
        """What was not sent: its final dot never left, so it is pending again. Anything else would be doubt."""
        if self._asked is not None:
            rows, future = self._asked
            future.result()  # the intent first, or it would undo the release
            self._granted.extend(rows)
        for row in self._under_way.values():  # only after an error of ours in mid-conversation
            outcome = outcomes.in_doubt(row) if row.id == self._dotted else outcomes.released(row)
            self.desk.writer.settle(outcome)
        self.desk.writer.settle(*map(outcomes.released, self._granted))
        self._granted.clear()

    def _measure_lane(self) -> None:
        self.lane.rate += 0.3 * (self.lane.seats / max(self._pace, 1e-6) - self.lane.rate)
