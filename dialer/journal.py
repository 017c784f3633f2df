"""The journal: calls about to leave and opt-outs about to be answered, on disk before they are.

It is the witness that Postgres may be held against: a ledger put back to an earlier state is told from here
who was called meanwhile, and who asked not to be. No phone is in it, only its keyed hash. Each process has a
folder of its own under the data directory, held by a lock, with a file an hour; those of dead processes are
read along.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from uuid import UUID

import msgspec

from dialer.folders import folder_name, in_thread, lock_folder
from dialer.record_log import framed, sync_folder, whole_records
from scheduler.domain.time import HOUR, Ms
from scheduler.errors import ServerUnavailable
from scheduler.ledger.quarantine import Testimony

FILE_BYTES = 8 * 1024 * 1024
FILE_MS: Ms = HOUR
CHUNK = 5_000
"""Testimonies in a record at most, and handed over at once at least."""

_SUFFIX = ".log"
_BEAT, _FORGOT = "beat", "forgot"


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    """A group under one permit: (account, who, attempt, loop, n) each."""

    at_ms: Ms
    permit: bytes
    items: list[tuple[int, str, int, int, int]]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Kept).decode


class _Batch:
    """What is written together. `written` is on disk."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.written = False


class Journal:
    """The journal of this process. Make it with `open_journal`. What comes while the disk is busy is written
    together. `beat`: the ledger's highest that any process of this data directory has noted, and when."""

    def __init__(self, root: Path, place: Path, lock: int, name: str, *, max_bytes: int, keep_ms: Ms) -> None:
        self.name = name
        self.beat: tuple[int, Ms] = max(map(_read_beat, _places(root)), default=(0, 0))
        self.broken = False
        """Its last write failed: nothing may leave until one succeeds."""
        self._root = root
        self._place = place
        self._lock = lock
        self._max_bytes = max_bytes
        self._keep_ms = keep_ms
        self._busy = asyncio.Lock()
        self._next = _Batch()
        self._file: int | None = None  # descriptor of the file that is written
        self._size = 0
        self._began_ms: Ms = 0

    async def keep(self, items: Sequence[Testimony]) -> None:
        """On disk when this returns. They have one permit and instant. Raises ServerUnavailable."""
        for begin in range(0, len(items), CHUNK):  # a record has its limit
            some = items[begin : begin + CHUNK]
            first = some[0]
            rows = [(item.account_id, item.who, item.attempt_id, item.loop_id, item.n) for item in some]
            await self._append(_encode(_Kept(first.at_ms, first.permit.bytes, rows)), first.at_ms)

    async def opted_out(self, account_id: int, whos: Sequence[str], now_ms: Ms) -> None:
        await self.keep([Testimony(account_id, who, now_ms) for who in whos])

    async def note(self, beat: int, now_ms: Ms) -> None:
        """Remember that the ledger had this beat, over a crash of this process. Raises ServerUnavailable."""
        self.beat = max(self.beat, (beat, now_ms))
        try:
            await in_thread(_write_small, self._place / _BEAT, f"{self.beat[0]} {self.beat[1]}")
        except OSError as error:
            self.broken = True
            raise _unwritable(self._place, error) from error
        self.broken = False

    async def told(self, since_ms: Ms) -> AsyncIterator[tuple[str, Ms, list[Testimony]]]:
        """What this journal and those of dead processes beside it have since then, in chunks: the journal's
        name, from when on it remembers everything, and what it has; the last chunk of each is empty."""
        for place in await in_thread(_places, self._root):
            own = place == self._place
            lock = self._lock if own else await in_thread(lock_folder, place)
            if lock is None:
                continue  # another process has it, and tells
            try:
                name = self.name if own else folder_name(lock, lambda: UUID(int=0))
                remembers_ms = await in_thread(_remembers_from, place)
                chunks = _chunks(place, since_ms)
                while chunk := await in_thread(next, chunks, None):
                    yield name, remembers_ms, chunk
                yield name, remembers_ms, []
            finally:
                if not own:
                    os.close(lock)

    def close(self) -> None:
        self._end_file()
        os.close(self._lock)

    async def _append(self, record: bytes, now_ms: Ms) -> None:
        batch = self._next
        batch.records.append(record)
        async with self._busy:
            if batch is self._next:  # else somebody wrote it along
                self._next = _Batch()
                try:
                    await in_thread(self._write, batch, now_ms)
                except OSError as error:
                    raise _unwritable(self._place, error) from error
        if not batch.written:
            raise _unwritable(self._place, None)

    def _write(self, batch: _Batch, now_ms: Ms) -> None:
        data = framed(batch.records)
        try:
            if self._file is None or self._size >= FILE_BYTES or now_ms >= self._began_ms + FILE_MS:
                self._begin_file(now_ms, len(data))
            assert self._file is not None
            done = 0
            while done < len(data):
                done += os.pwrite(self._file, data[done:], self._size + done)
            os.fdatasync(self._file)
        except OSError:
            self.broken = True
            self._end_file()  # what is torn at its end is not read
            raise
        self.broken = False
        self._size += len(data)
        batch.written = True

    def _begin_file(self, now_ms: Ms, room: int) -> None:
        """A file is named for the instant from which it has everything."""
        self._end_file()
        files = _files(self._place)
        began_ms = max([now_ms, *(_began_ms(path) + 1 for path in files[-1:])])
        self._forget(files, now_ms, room)
        path = self._place / f"{began_ms:015}{_SUFFIX}"
        self._file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        sync_folder(self._place)
        self._size, self._began_ms = 0, began_ms

    def _forget(self, files: list[Path], now_ms: Ms, room: int) -> None:
        """Remove files that are too old, or too much; from when on all is there stands in a file."""
        size = sum(path.stat().st_size for path in files) + room
        ends_ms = [*(_began_ms(path) for path in files[1:]), now_ms]
        for path, end_ms in zip(files, ends_ms, strict=False):
            if end_ms >= now_ms - self._keep_ms and size <= self._max_bytes:
                return
            _write_small(self._place / _FORGOT, str(end_ms))
            size -= path.stat().st_size
            path.unlink()

    def _end_file(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def open_journal(root: Path, *, max_bytes: int, keep_ms: Ms, new_id: Callable[[], UUID]) -> Journal:
    """A journal under `root`; a name stays with its folder. It forgets what is older than `keep_ms`, or
    beyond `max_bytes`. Raises OSError."""
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    for number in itertools.count(1):
        place = root / str(number)
        lock = lock_folder(place)
        if lock is not None:
            name = folder_name(lock, new_id)
            return Journal(root, place, lock, name, max_bytes=max_bytes, keep_ms=keep_ms)
    raise AssertionError("numbers do not end")


def _places(root: Path) -> list[Path]:
    return sorted((path for path in root.iterdir() if path.name.isdigit()), key=lambda path: int(path.name))


def _files(place: Path) -> list[Path]:
    return sorted(path for path in place.glob(f"*{_SUFFIX}") if path.stem.isdigit())


def _began_ms(path: Path) -> Ms:
    return int(path.stem)


def _chunks(place: Path, since_ms: Ms) -> Iterator[list[Testimony]]:
    """What a folder's files have since then; files that end before are not opened."""
    files = _files(place)
    chunk: list[Testimony] = []
    for path, follower in itertools.zip_longest(files, files[1:]):
        if follower is not None and _began_ms(follower) <= since_ms - FILE_MS:  # clocks are set back, too
            continue
        for record in whole_records(path):
            kept = _decode(record)
            if kept.at_ms >= since_ms:
                permit = UUID(bytes=kept.permit)
                chunk += [
                    Testimony(account_id, who, kept.at_ms, attempt_id, loop_id, n, permit)
                    for account_id, who, attempt_id, loop_id, n in kept.items
                ]
            if len(chunk) >= CHUNK:
                yield chunk
                chunk = []
    if chunk:
        yield chunk


def _remembers_from(place: Path) -> Ms:
    try:
        return int((place / _FORGOT).read_text())
    except (FileNotFoundError, ValueError):
        return 0


def _read_beat(place: Path) -> tuple[int, Ms]:
    try:
        beat, at_ms = (place / _BEAT).read_text().split()
        return int(beat), int(at_ms)
    except (FileNotFoundError, ValueError):
        return 0, 0


def _write_small(path: Path, text: str) -> None:
    """In one step: whoever reads it finds the old or the new."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)


def _unwritable(place: Path, error: OSError | None) -> ServerUnavailable:
    return ServerUnavailable(
        "the journal cannot be written",
        f"{place}: {'its disk failed a moment ago' if error is None else error.strerror}",
        "free its disk; nothing is called until it can",
    )
