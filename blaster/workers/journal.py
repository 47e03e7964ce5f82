"""A worker's notes beside the database: which mails got their final dot, and what the server said to it.

Rows are marked `sending` in groups. After a kill the notes tell which of a group never reached the dot (to be sent),
which got their reply (to be settled) and which were caught in between (`unknown`). The file lock tells that the writer
is dead: a worker that is merely stopped still holds it and may go on sending.
"""

import errno
import logging
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from blaster.mail.session import Reply
from blaster.queue.leases import Hold

log = logging.getLogger(__name__)

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
LARGEST = 16 << 20  # octets


@dataclass
class Notes:
    """What a dead worker left behind."""

    owner: str
    holds: list[Hold] = field(default_factory=list)
    dotted: set[int] = field(default_factory=set)
    replies: dict[int, Reply] = field(default_factory=dict)
    is_complete: bool = False  # False: the machine went down since, the last notes may be missing


class Journal:
    """Append-only; every note is one write, which outlives the process (not the machine: see `Notes.is_complete`)."""

    def __init__(self, directory: Path, owner: str):
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / f"{owner.replace(':', '-')}.journal"
        self._lock = FileLock(f"{self.path}.lock")
        self._lock.acquire()
        self._owner = owner
        self._holds: dict[str, Hold] = {}
        self._writing = threading.Lock()
        self._file = os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        self._write(f"B {_boot()} {owner}")

    def lease(self, hold: Hold) -> None:
        """Note a lease under which mails will be sent."""
        self._holds[hold.name] = hold
        self._write(f"L {hold.name} {hold.token}")

    def dot(self, mail_id: int, said: bytes = b"") -> None:
        """Note that the final dot of this mail is about to be sent. Raises OSError: then it must not be sent.

        `said`: the note of a reply before it, since a write costs as much as ten notes.
        """
        with self._writing:
            self._put(b"%bD %d\n" % (said, mail_id))

    def replied(self, said: bytes) -> None:
        """Write the note of a reply that no dot follows."""
        with self._writing:
            self._put(said)

    def size(self) -> int:
        """Octets so far; for `shorten`."""
        return os.fstat(self._file).st_size

    def shorten(self, size: int) -> None:
        """Begin anew if it is long and was not written to since it had this size.

        All that was noted by then has to be settled: the notes of a mail under way must not get lost.
        """
        with self._writing:
            if LARGEST < size == self.size():
                os.ftruncate(self._file, 0)
                leases = [f"L {hold.name} {hold.token}" for hold in self._holds.values()]
                self._put("".join(f"{line}\n" for line in (f"B {_boot()} {self._owner}", *leases)).encode())

    def close(self) -> None:
        """End without a trace: nothing is in doubt."""
        os.close(self._file)
        self.path.unlink(missing_ok=True)
        self._lock.release()
        Path(f"{self.path}.lock").unlink(missing_ok=True)

    def _write(self, note: str) -> None:
        with self._writing:
            self._put(_one_line(note).encode("utf-8", "replace") + b"\n")

    def _put(self, note: bytes) -> None:
        """All of it or nothing: a disk that fills up takes a part without a word, and spoils the note after it."""
        written = os.write(self._file, note)
        if written < len(note):
            os.ftruncate(self._file, self.size() - written)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))


def reply_note(mail_id: int, reply: Reply) -> bytes:
    """The note of a reply to a dot, for `dot` or `replied`."""
    return f"R {mail_id} {reply.code} {_one_line(reply.text[:300])}\n".encode("utf-8", "replace")


def _one_line(text: str) -> str:
    return text.replace("\n", " ")


def left_behind(directory: Path) -> Iterator[Notes]:
    """The notes of workers on this host that are dead; each is deleted once the caller is done with it."""
    for path in sorted(directory.glob("*.journal")):
        lock = FileLock(f"{path}.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            continue  # alive, or stopped and still able to send
        try:
            if path.exists():
                yield read(path)
                path.unlink()
        finally:
            lock.release()
            Path(f"{path}.lock").unlink(missing_ok=True)


def read(path: Path) -> Notes:
    """The notes of a journal file; a last line that was cut off is left out.

    One that cannot be read may have been the note of a dot: then nothing in the file is proof.
    """
    lines = path.read_bytes().split(b"\n")[:-1]
    notes = Notes(owner="")
    try:
        for line in lines:
            _take_in(notes, *line.decode("utf-8", "replace").partition(" ")[::2])
    except ValueError:
        log.warning("the journal %s is damaged; what it was to settle is left in doubt", path.name)
        notes.is_complete = False
    return notes


def _take_in(notes: Notes, kind: str, rest: str) -> None:
    if kind == "B":
        boot, _, notes.owner = rest.partition(" ")
        notes.is_complete = boot == _boot()
    elif kind == "L":
        name, _, token = rest.partition(" ")
        notes.holds.append(Hold(name, int(token)))
    elif kind == "D":
        notes.dotted.add(int(rest))
        notes.replies.pop(int(rest), None)  # the reply to an earlier attempt
    elif kind == "R":
        mail_id, code, text = rest.split(" ", 2)
        notes.replies[int(mail_id)] = Reply("dot", int(code), text)
    else:
        raise ValueError(kind)


def _boot() -> str:
    """Changes when the machine starts anew: by the kernel's word, else by the minute it started."""
    if BOOT_ID.exists():
        return BOOT_ID.read_text().strip()
    return str(round((time.time() - time.monotonic()) / 60))
