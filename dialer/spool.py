"""The spool: where news waits while the ledger is away, so that neither a crash nor a long outage loses any.

It holds answers to sends and events of the provider, on disk before anybody acknowledges them. Each process
has a folder of its own under the data directory, held by a lock; a process that starts takes over what dead
ones left there. Draining twice is harmless: the ledger stores each event once.
"""

from __future__ import annotations

import asyncio
import fcntl
import itertools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import structlog

from dialer.news import Group, Sent
from dialer.providers.base import Accepted, NotDialled, ProviderEvent, Unknown
from dialer.record_log import LogFull, Mark, RecordLog, move_files
from scheduler.domain.time import Ms
from scheduler.wheel import Claim

log = structlog.get_logger()

T = TypeVar("T")


class _Event(msgspec.Struct, tag="event", array_like=True, frozen=True):
    event: ProviderEvent


class _Sent(msgspec.Struct, tag="sent", array_like=True, frozen=True):
    claim: Claim
    attempt_id: int
    permit: UUID
    at_ms: Ms
    accepted: Accepted | None
    not_dialled: NotDialled | None
    unknown: Unknown | None


_decoder = msgspec.msgpack.Decoder(_Event | _Sent)
_encode = msgspec.msgpack.Encoder().encode


class Spool:
    """The spool of this process. Make it with `open_spool`. `names`: its own, which stays with the folder,
    and those of the spools it took over."""

    def __init__(self, records: RecordLog, lock: int, names: Sequence[str]) -> None:
        self.names = names
        self._records = records
        self._lock = lock
        self._busy = asyncio.Lock()

    @property
    def empty(self) -> bool:
        return self._records.empty

    async def put(self, news: Group) -> bool:
        """Keep it; on disk when this returns True. False: there is no room, and nothing of it was kept."""
        records = [_encode(_record(answer)) for answer in news.sent]
        records += [_encode(_Event(event)) for event in news.events]
        async with self._busy:
            try:
                await _in_thread(self._records.append, records)
            except LogFull:
                return False
        return True

    async def head(self, limit: int) -> tuple[Group, Mark | None]:
        """The oldest news, and the mark to `drop` once it is committed; None when there is none."""
        async with self._busy:
            records, mark = await _in_thread(self._records.head, limit)
        group = Group([], [])
        for record in records:
            try:
                kept = _decoder.decode(record)
            except msgspec.MsgspecError as error:  # of another version
                log.error("spooled_record_refused", bytes=len(record), error=type(error).__name__)
                continue
            if isinstance(kept, _Event):
                group.events.append(kept.event)
            else:
                result = kept.accepted or kept.not_dialled or kept.unknown
                group.sent.append(Sent(kept.claim, kept.attempt_id, kept.permit, kept.at_ms, result))
        return group, mark

    async def drop(self, mark: Mark) -> None:
        async with self._busy:
            await _in_thread(self._records.drop, mark)

    def close(self) -> None:
        """What is in it stays for the next process on this data directory."""
        self._records.close()
        os.close(self._lock)


def open_spool(folder: Path, *, max_bytes: int, new_id: Callable[[], UUID]) -> Spool:
    """A spool under `folder`, with what dead processes left there. `new_id` names new ones."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    own: tuple[Path, int] | None = None
    names: list[str] = []
    for number in itertools.count(1):
        place = folder / str(number)
        if own is not None and not place.exists():
            break
        lock = _lock(place)
        if lock is None:
            continue
        if own is None:
            own = place, lock
            names.append(_name(lock, new_id))
            continue
        if move_files(place, own[0]):
            names.append(_name(lock, new_id))
        os.close(lock)
    assert own is not None
    records = RecordLog(own[0], max_bytes=max_bytes)
    if not records.empty:
        log.warning("spool_found", bytes=records.size, torn_bytes=records.cut_bytes, spools=len(names))
    return Spool(records, own[1], names)


async def _in_thread(work: Callable[..., T], *arguments: Any) -> T:
    """Not left before it is done: whoever comes next finds the files at rest."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


def _lock(place: Path) -> int | None:
    """The lock of a spool's folder; None while another process has it."""
    place.mkdir(exist_ok=True, mode=0o700)
    descriptor = os.open(place / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _name(lock: int, new_id: Callable[[], UUID]) -> str:
    """What the folder is called on the wheel: written into its lock once."""
    name = os.pread(lock, 64, 0).decode()
    if not name:
        name = new_id().hex
        os.pwrite(lock, name.encode(), 0)
    return name


def _record(answer: Sent) -> _Sent:
    result = answer.result
    return _Sent(
        answer.claim,
        answer.attempt_id,
        answer.permit,
        answer.at_ms,
        result if isinstance(result, Accepted) else None,
        result if isinstance(result, NotDialled) else None,
        result if isinstance(result, Unknown) else None,
    )
