"""The worker of one SMTP server: a thread pool whose threads each talk over one connection at a time."""

import logging
import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from blaster import db, senders
from blaster.config import Settings
from blaster.mail.session import Reply
from blaster.mail.transport import Endpoint
from blaster.models.crm_db import SmtpAccount, SmtpHealth, SmtpServer
from blaster.queue import health
from blaster.queue.leases import Hold
from blaster.queue.rows import Row
from blaster.workers import outcomes
from blaster.workers.journal import Journal
from blaster.workers.lane import IDLE_SECONDS, Lane
from blaster.workers.messages import Messages
from blaster.workers.pulse import Pulse
from blaster.workers.sender import Sender
from blaster.workers.writer import Writer

log = logging.getLogger(__name__)

ROWS_A_SEAT = 25  # another connection is opened when this many mails wait for each one that is open
ERROR_SECONDS = 2.0  # how long an account rests after an error of ours, a full disk for instance
LOST_IN_A_ROW = 5  # so many connections broken off without a mail between them open the circuit breaker


@dataclass(frozen=True)
class Desk:
    """What all pools of a process share."""

    settings: Settings
    writer: Writer
    journal: Journal
    messages: Messages
    pulse: Pulse


class ServerPool:
    """Holds the lease of its server; `refresh` first, then the feeder fills its lanes and calls `dispatch`."""

    def __init__(self, server: SmtpServer, hold: Hold, desk: Desk):
        self.server, self.hold, self.desk = server, hold, desk
        self.lanes: dict[int, Lane] = {}
        self.lock = threading.Lock()
        self.stopping = False
        self._seats = 0
        self._rest_until = 0.0  # the circuit breaker of the server
        self._lost_in_a_row = 0
        self._executor = ThreadPoolExecutor(server.max_connections, thread_name_prefix=f"server-{server.id}")
        self.endpoint = self._endpoint(server)
        desk.journal.lease(hold)

    def refresh(self, server: SmtpServer, accounts: list[SmtpAccount], rows: dict[int, SmtpHealth], now: int) -> None:
        """Take over what the database says about server, accounts and health. A change of the user acts at once."""
        with self.lock:
            self.server, self.endpoint = server, self._endpoint(server)
            active = [account for account in accounts if account.is_active]
            changed = [lane for account in active if (lane := self._take_over(account))]
            server_failed = health.SERVER in rows and rows[health.SERVER].failures > 0
            for lane in self.lanes.values():
                self._apply_health(lane, rows.get(lane.account.id), now)
                lane.is_failing |= server_failed
            gone = set(self.lanes) - {account.id for account in active}
            lost = [self.lanes.pop(account_id) for account_id in gone]
            self._rest_until = _rest(rows.get(health.SERVER), now)
            stopped = [lane for lane in self.lanes.values() if not lane.is_usable()]
        for lane in lost + stopped:
            self._give_back(lane)
        for lane in changed + lost:
            self._executor.submit(lane.close_idle)

    def keep_hours(self, now: int) -> None:
        """Accounts outside their sending hours give back what was claimed for them; their senders stop anyway."""
        with self.lock:
            closed = [lane for lane in self.lanes.values() if lane.keep_hours(now)]
        for lane in closed:
            self._give_back(lane)

    def is_usable(self) -> bool:
        """May this server be used now?"""
        return not self.stopping and self.server.is_active and time.monotonic() >= self._rest_until

    def rate(self) -> float:
        """Mails a second of an average account: by its own speed the fast one would get them all."""
        with self.lock:
            return sum(lane.rate for lane in self.lanes.values()) / max(1, len(self.lanes))

    def hungry_lanes(self, full: float, from_domain: str) -> list[Lane]:
        """The usable accounts with fewer than `full` mails waiting, of those that may send from this domain."""
        with self.lock:
            lanes = [lane for lane in self.lanes.values() if lane.may_claim() and len(lane.rows) < full]
            return [lane for lane in lanes if senders.may_send_as(lane.account, from_domain)]

    def is_needed_elsewhere(self) -> bool:
        """Does another account wait for a connection? Then a sender leaves its own after a group."""
        with self.lock:
            return any(lane.rows and not lane.seats and lane.is_usable() for lane in self.lanes.values())

    def supply(self, lane: Lane, rows: list[Row]) -> None:
        """Mails that were claimed for a lane. Given back if it may not send any more: nobody would look there again."""
        with self.lock:
            is_here = self.lanes.get(lane.account.id) is lane and lane.is_usable() and self.is_usable()
            if is_here:
                lane.rows.extend(rows)
        if not is_here:
            self.desk.writer.settle(*map(outcomes.released, rows))

    def dispatch(self) -> None:
        """Start as many senders as the waiting mails are worth."""
        with self.lock:
            waiting = sum(len(lane.rows) for lane in self.lanes.values())
            wanted = min(self.server.max_connections, math.ceil(waiting / ROWS_A_SEAT)) - self._seats
            if self.stopping or wanted <= 0:
                return
            self._seats += wanted
        for _ in range(wanted):
            self._executor.submit(self._serve)

    def refused(self, lane: Lane, reply: Reply) -> None:
        """No session for this account: the account's fault, or the server's."""
        reply_class = outcomes.class_of(reply)
        if reply_class == "account-auth" and lane.account.auth != "password":
            reply_class = "needs-consent"
        if reply.phase == "auth" and reply_class != "connection":
            self.account_failed(lane, reply_class, reply.text)
        elif reply_class == "tls-required" or reply.phase == "tls":
            self._failed(lane, health.SERVER, "tls-required" if reply.code > 0 else "connection", reply.text)
        else:
            self._failed(lane, health.SERVER, "connection", reply.text)

    def account_failed(self, lane: Lane, reply_class: str, text: str) -> None:
        """The reply was about the account: let it rest, and give its mails to the others."""
        self._failed(lane, lane.account.id, reply_class, text)

    def connection_lost(self, lane: Lane, text: str) -> None:
        """The server broke a conversation off; when it does nothing else, it has to rest."""
        self._lost_in_a_row += 1
        if self._lost_in_a_row >= LOST_IN_A_ROW:
            self._failed(lane, health.SERVER, "connection", text)

    def account_works(self, lane: Lane) -> None:
        """It sent a mail: failures in a row end here."""
        self._lost_in_a_row = 0
        if lane.is_failing:
            lane.is_failing = False
            self.desk.writer.call(lambda: health.record_success(self.server.id, lane.account.id))

    def stop(self) -> None:
        """Take no new mails; those under way are finished."""
        self.stopping = True

    def close(self) -> None:
        """Wait for the senders, then give back what is left and close the connections."""
        self.stopping = True
        self._executor.shutdown(wait=True)
        for lane in self.lanes.values():
            self._give_back(lane)
            lane.close_idle()

    def tidy(self) -> None:
        """Close connections that nobody used lately; in our own threads, since a silent server takes its time."""
        for lane in list(self.lanes.values()):
            if lane.has_idle(IDLE_SECONDS):
                self._executor.submit(lane.close_idle, older_than=IDLE_SECONDS)

    def is_quiet(self) -> bool:
        """No sender is at work."""
        return self._seats == 0

    def _serve(self) -> None:
        try:
            while not self.stopping and (lane := self._sit_down()) is not None:
                self._send(lane)
        finally:
            with self.lock:
                self._seats -= 1

    def _send(self, lane: Lane) -> None:
        try:
            Sender(self, lane).run()
        except Exception:
            log.exception("server %s account %s: an error of ours; it rests", self.server.id, lane.account.id)
            lane.rest_until = max(lane.rest_until, time.monotonic() + ERROR_SECONDS)
            self._give_back(lane)
        finally:
            with self.lock:
                lane.seats -= 1
                is_here = self.lanes.get(lane.account.id) is lane
            if not is_here:  # nobody else would close its connection
                lane.close_idle()

    def _sit_down(self) -> Lane | None:
        """The lane with the most mails for each connection it has."""
        with self.lock:
            if not self.is_usable():
                return None
            lanes = [lane for lane in self.lanes.values() if lane.rows and lane.is_usable()]
            lane = max(lanes, key=lambda lane: len(lane.rows) / (lane.seats + 1), default=None)
            if lane is not None:
                lane.seats += 1
            return lane

    def _failed(self, lane: Lane, account_id: int, reply_class: str, text: str) -> None:
        at_once, _ = health.COOLING.get(reply_class, (math.inf, math.inf))
        if account_id == health.SERVER:
            self._rest_until = time.monotonic() + db.seconds(at_once)
            lanes = list(self.lanes.values())
        else:
            lane.rest(db.seconds(at_once))
            lanes = [lane]
        for each in lanes:
            each.is_failing = True
            self._give_back(each)
        log.warning("server %s account %s: %s: %s", self.server.id, account_id, reply_class, text[:200])
        self.desk.writer.call(
            lambda: health.record_failure(self.server.user_id, self.server.id, account_id, reply_class, text)
        )

    def _give_back(self, lane: Lane) -> None:
        with self.lock:
            rows, lane.rows = list(lane.rows), type(lane.rows)()
        self.desk.writer.settle(*map(outcomes.released, rows))

    def _take_over(self, account: SmtpAccount) -> Lane | None:
        """The account's lane if what the user may edit has changed."""
        lane = self.lanes.setdefault(account.id, Lane(account))
        if _signature(account) == _signature(lane.account):
            return None
        lane.account = account
        lane.wake()
        return lane

    def _apply_health(self, lane: Lane, row: SmtpHealth | None, now: int) -> None:
        lane.is_failing = lane.is_failing or bool(row and row.failures)
        rest = _rest(row, now)
        if rest > time.monotonic():
            lane.rest_until = max(lane.rest_until, rest)
        elif math.isinf(lane.rest_until):
            lane.wake()  # the user mended it

    def _endpoint(self, server: SmtpServer) -> Endpoint:
        settings = self.desk.settings
        return Endpoint(server.host, server.port, server.encryption, settings.smtp_timeout, settings.tls_ca_file)


def _signature(account: SmtpAccount) -> tuple:
    limits = (account.hourly_limit, account.daily_limit, account.send_windows, account.from_domains)
    return (account.email, account.login, account.password, account.auth, account.access, *limits)


def _rest(row: SmtpHealth | None, now: int) -> float:
    until = health.usable_at(row, now)
    return math.inf if until is None else time.monotonic() + db.seconds(until - now)
