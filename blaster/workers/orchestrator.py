"""One worker process: takes leases for SMTP servers with work, runs a pool for each, and does the common chores.

No process is special: whatever one does, another takes over when it dies.
"""

import logging
import math
import os
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable

from blaster import db, oauth, progress
from blaster.config import Settings
from blaster.db import crm_db
from blaster.models.crm_db import CampaignControl, SmtpHealth, SmtpServer
from blaster.queue import control, leases, orphans
from blaster.queue.leases import Hold
from blaster.workers import beside, hours, recovery
from blaster.workers.feeder import Feeder
from blaster.workers.holds import Holds
from blaster.workers.journal import Journal
from blaster.workers.messages import Messages
from blaster.workers.pool import Desk, ServerPool
from blaster.workers.pulse import Pulse
from blaster.workers.writer import Writer

log = logging.getLogger(__name__)
TICK = 0.5
REFRESH_SECONDS = 3.0
RECOVER_SECONDS = 1.0
LEASE_SECONDS = 5.0  # how often to ask for a lease that another process has
SWEEP_SECONDS = 60.0
STOP_SECONDS = 10.0
AGAIN = "%s failed (%s); it is tried again"  # without a traceback where a database is away: it would be a flood
LAST_WORD = 3  # leases that a campaign waits for what sleeping workers and journals have to tell


class Orchestrator:
    """`run` until `stop` is set; then finish what is under way and give the rest back."""

    def __init__(self, settings: Settings, *, name: str = ""):
        self.settings = settings
        self.owner = f"{name or socket.gethostname()}:{os.getpid()}:{int(time.time())}"
        self._own_name = f"worker:{self.owner}"  # its lease is what makes the process count as alive
        self.ttl = db.milliseconds(settings.lease_seconds)
        self.journals = settings.data_dir / "journal"
        self.stop = threading.Event()
        self._ended = threading.Event()
        self.pools: dict[int, ServerPool] = {}
        self._closing: set[ServerPool] = set()  # dropped ones whose senders may still wait for a reply
        self.holds = Holds(self.owner, db.milliseconds(settings.lease_seconds))
        self._controls: list[CampaignControl] = []  # campaigns that have something to do, as of the last tick
        self._published = 0  # outcomes of this process at the last publishing
        self._due: dict[str, float] = defaultdict(float)

    def run(self) -> bool:
        """Returns False when something was still under way at the end and had to be left as unknown."""
        self._start()
        try:
            while not self.stop.is_set():
                started = time.monotonic()
                self._tick()
                self.stop.wait(max(0.0, TICK - (time.monotonic() - started)))
        finally:
            clean = self._shut_down()
        return clean

    def _start(self) -> None:
        self.writer = Writer()
        self.journal = Journal(self.journals, self.owner)
        self.pulse = Pulse(self.settings.lease_seconds)
        self.messages = Messages(self.settings.secret_key.encode(), self.settings.public_url)
        self.desk = Desk(self.settings, self.writer, self.journal, self.messages, self.pulse)
        self.feeder = Feeder(self.messages, self.settings.worker_batch, self.settings.loop_delay)
        self._beating = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._chores = self._thread("chores", self._recover, self._cancel, self._publish)
        self.holds.take(self._own_name)
        self.pulse.beat(time.monotonic())
        for thread in (self.writer, self.feeder, self._beating, self._chores):
            thread.start()
        shared = self.settings, self.holds, self.stop, lambda: self._controls, lambda: self.feeder.campaigns
        for name, work in beside.chores(*shared).items():
            self._thread(name, work).start()
        log.info("worker %s started", self.owner)

    def _tick(self) -> None:
        try:
            self._drop_lost_pools()
            changed, is_busy = self._campaigns_changed(), self.pools or self.feeder.campaigns
            if changed or (is_busy and self._is_due("refresh", REFRESH_SECONDS)):
                self._assign()
            self._close_idle()
        except Exception as error:
            log.error(AGAIN, "a tick", type(error).__name__, exc_info=not db.is_outage(error))
            self.stop.wait(1.0)

    def _campaigns_changed(self) -> bool:
        """Read the run states; once a tick for all pools and chores of this process."""
        self._controls = control.open_controls("staging", "running", "cancelling")
        running = defaultdict(list)
        for row in hours.within(self._controls):
            if row.run_state == "running":
                running[row.user_id].append(row.campaign_id)
        changed = dict(running) != self.feeder.campaigns
        self.feeder.campaigns = dict(running)
        return changed

    def _assign(self) -> None:
        """A pool for each active server of users with running campaigns, no more than our share of them."""
        users = list(self.feeder.campaigns)
        with db.session(crm_db):
            now = db.now(crm_db)
            wanted = {s.id: s for s in SmtpServer.select().where(SmtpServer.user_id.in_(users) & SmtpServer.is_active)}
        for server_id in set(self.pools) - set(wanted):
            self._drop(server_id)
        share = math.ceil(len(wanted) / max(1, sum(lease.name.startswith("worker:") for lease in leases.alive())))
        compared = False
        for server in list(wanted.values()):
            if len(self.pools) >= share:
                break
            if server.id not in self.pools and (hold := self.holds.take(f"server:{server.id}")):
                compared = compared or self._compare()
                self._open(server, hold)
        if len(self.pools) > share:
            self._drop(next(iter(self.pools)))  # a process has joined: it takes this one over
        self._refresh(wanted, now)
        self.messages.keep({c for campaigns in self.feeder.campaigns.values() for c in campaigns})
        self.feeder.pools = list(self.pools.values())

    def _open(self, server: SmtpServer, hold: Hold) -> None:
        try:
            self.pools[server.id] = ServerPool(server, hold, self.desk)
        except OSError:  # the journal's disk is full: another process may do better
            self.holds.release(hold)
            raise

    def _compare(self) -> bool:
        """Before anything is sent: this pauses campaigns whose mails a restored Server 2 would send again."""
        try:
            progress.publish()
        except Exception:  # sending does not wait for Server 1
            log.exception("the queue is not compared with what was counted on Server 1")
        return True

    def _refresh(self, servers: dict[int, SmtpServer], now: int) -> None:
        ids = list(self.pools)
        accounts, health = defaultdict(list), defaultdict(dict)
        with db.session(crm_db):
            for account in oauth.accounts_of(ids, now):
                if account.user_id == servers[account.smtp_server_id].user_id:
                    accounts[account.smtp_server_id].append(account)
            for row in SmtpHealth.select().where(SmtpHealth.smtp_server_id.in_(ids)):
                health[row.smtp_server_id][row.smtp_account_id] = row
        for server_id, pool in self.pools.items():
            pool.refresh(servers[server_id], accounts[server_id], health[server_id], now)
        hours.keep(self.pools.values())

    def _drop_lost_pools(self) -> None:
        """Pools whose lease is gone must not touch anything any more; another process may have it by now."""
        for server_id, pool in list(self.pools.items()):
            if pool.hold not in self.holds or pool.stopping:
                log.warning("server %s: the lease is lost", server_id)
                self._drop(server_id)

    def _drop(self, server_id: int) -> None:
        pool = self.pools.pop(server_id)
        pool.stop()
        self._closing.add(pool)
        self.feeder.pools = list(self.pools.values())
        threading.Thread(target=self._close, args=(pool,), name=f"close-{server_id}", daemon=True).start()

    def _close(self, pool: ServerPool) -> None:
        """The outcomes first, then the lease: rows without one count as orphans."""
        pool.close()
        self._closing.discard(pool)
        self.writer.call(lambda: self.holds.release(pool.hold))

    def _close_idle(self) -> None:
        for pool in self.pools.values():
            pool.tidy()
        self._shorten_journal()

    def _shorten_journal(self) -> None:
        """Only while no mail is under way. In this order: a sender leaves its seat when its outcomes are handed in."""
        size = self.journal.size()
        if all(pool.is_quiet() for pool in (*self.pools.values(), *self._closing)) and self.writer.is_idle():
            self.journal.shorten(size)

    def _beat(self) -> None:
        """Renew all leases five times in their life; a lease that ran out is not ours any more."""
        while not self._ended.wait(self.settings.lease_seconds / 5):
            try:
                started = time.monotonic()
                self.holds.renew()
                self._stop_lost_pools()
                self.pulse.beat(started)
                if self._own_name not in self.holds:
                    self.holds.take(self._own_name)
            except Exception as error:
                log.error(AGAIN, "the heartbeat", type(error).__name__, exc_info=not db.is_outage(error))

    def _stop_lost_pools(self) -> None:
        """Before the pulse lets their senders go on: a process that slept too long has no right to its mails."""
        for pool in list(self.pools.values()):
            if pool.hold not in self.holds:
                pool.stop()

    def _thread(self, name: str, *chores: Callable[[], None]) -> threading.Thread:
        return threading.Thread(target=self._do, args=chores, name=name, daemon=True)

    def _do(self, *chores: Callable[[], None]) -> None:
        """What any one process does for all."""
        while not self._ended.wait(TICK):
            for chore in chores:
                try:
                    if not self.stop.is_set():
                        chore()
                except Exception as error:
                    log.error(AGAIN, chore.__qualname__, type(error).__name__, exc_info=not db.is_outage(error))

    def _recover(self) -> None:
        if self._is_due("recover", RECOVER_SECONDS):
            recovery.replay_journals(self.journals)
            recovery.recover_expired()
        if self._is_due("sweep", SWEEP_SECONDS) and (found := orphans.sweep()):
            log.error("the sweep found rows without a lease: %s", dict(found))

    def _cancel(self) -> None:
        for row in self._controls:
            if row.run_state == "cancelling":
                control.close_cancelled(row.campaign_id)

    def _publish(self) -> None:
        """Counters to Server 1, by one process at a time: every 500 mails or 0.5 seconds, whichever comes first."""
        if "progress" not in self.holds and not (
            self._is_due("progress", LEASE_SECONDS) and self.holds.take("progress")
        ):
            return
        is_many = self.writer.settled - self._published >= self.settings.status_update_every
        if self._is_due("publish", self.settings.status_update_seconds) or is_many:
            self._published = self.writer.settled
            progress.finish(last_word=LAST_WORD * self.ttl)
            progress.publish()

    def _is_due(self, what: str, seconds: float) -> bool:
        if time.monotonic() < self._due[what]:
            return False
        self._due[what] = time.monotonic() + seconds
        return True

    def _shut_down(self) -> bool:
        log.info("worker %s is stopping", self.owner)
        deadline = time.monotonic() + STOP_SECONDS
        self.feeder.stop()
        pools = (*self.pools.values(), *self._closing)
        for pool in pools:
            pool.stop()
        closing = [threading.Thread(target=pool.close, daemon=True) for pool in pools]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join(max(0.0, deadline - time.monotonic()))
        clean = not any(thread.is_alive() for thread in closing)
        clean = self.writer.stop(max(1.0, deadline - time.monotonic())) and clean
        self._ended.set()
        clean = self.holds.release_all() and clean
        if clean:
            self.journal.close()
        return clean
