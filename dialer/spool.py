"""The spool: where news waits while the ledger is away, so that neither a crash nor a long outage loses any.

It holds answers to sends and events of the provider, on disk before anybody acknowledges them. Each process
has a folder of its own under the data directory, held by a lock; a process that starts takes over what dead
ones left there. Draining twice is harmless: the ledger stores each event once.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import UUID

import msgspec
import structlog

from dialer.folders import folder_name, in_thread, lock_folder
from dialer.news import Group, Sent
from dialer.providers.base import Accepted, NotDialled, ProviderEvent, Unknown
from dialer.record_log import LogFull, Mark, RecordLog, move_files
from scheduler.domain.time import Ms
from scheduler.wheel import Claim

log = structlog.get_logger()


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
                await in_thread(self._records.append, records)
            except LogFull:
                return False
        return True

    async def head(self, limit: int) -> tuple[Group, Mark | None]:
        """The oldest news, and the mark to `drop` once it is committed; None when there is none."""
        async with self._busy:
            records, mark = await in_thread(self._records.head, limit)
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
            await in_thread(self._records.drop, mark)

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
        lock = lock_folder(place)
        if lock is None:
            continue
        if own is None:
            own = place, lock
            names.append(folder_name(lock, new_id))
            continue
        if move_files(place, own[0]):
            names.append(folder_name(lock, new_id))
        os.close(lock)
    assert own is not None
    records = RecordLog(own[0], max_bytes=max_bytes)
    if not records.empty:
        log.warning("spool_found", bytes=records.size, torn_bytes=records.cut_bytes, spools=len(names))
    return Spool(records, own[1], names)


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
