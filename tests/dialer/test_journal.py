"""The journal: what is about to leave is on disk before it does, and is there when the ledger forgot it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from dialer import journal as journals
from dialer.journal import Journal, open_journal
from dialer.providers.base import Accepted, Action, PlaceResult
from scheduler.domain.time import HOUR, SECOND, Ms
from scheduler.errors import ServerUnavailable
from scheduler.ledger import quarantine
from tests.builders import PHONE, TUESDAY_2PM, ScriptedProvider
from tests.restored import Watched
from tests.worlds import OpenWorld

PERMIT = UUID(int=7)


def opened(folder: Path, *, max_bytes: int = 10**8, keep_ms: Ms = 48 * HOUR) -> Journal:
    return open_journal(folder, max_bytes=max_bytes, keep_ms=keep_ms, new_id=uuid4)


def a_call(attempt_id: int, at_ms: Ms = TUESDAY_2PM, permit: UUID = PERMIT) -> quarantine.Testimony:
    return quarantine.Testimony(1, f"who-{attempt_id}", at_ms, attempt_id, attempt_id + 100, 1, permit)


async def told(journal: Journal, since_ms: Ms = 0) -> dict[str, list[int]]:
    """Attempts by the name of the journal that tells of them."""
    found: dict[str, list[int]] = {}
    async for name, _, chunk in journal.told(since_ms):
        found.setdefault(name, []).extend(item.attempt_id for item in chunk)
    return found


def contents(folder: Path, pattern: str = "*") -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob(pattern) if path.is_file()]


def tear(folder: Path) -> None:
    """What a crash in the middle of a write leaves."""
    [path] = folder.rglob("*.log")
    path.write_bytes(path.read_bytes() + b"\x00\x00\x01\x00torn")


async def remembers_from(journal: Journal) -> Ms:
    return [remembers_ms async for _, remembers_ms, _ in journal.told(0)][-1]


async def test_what_was_kept_is_told_as_it_was(tmp_path: Path) -> None:
    """F18: calls under their permit, opt-outs, from the asked instant on; by a later process as well."""
    journal = opened(tmp_path)
    calls = [a_call(1), a_call(2)]
    await journal.keep(calls)
    await journal.opted_out(3, ["somebody"], TUESDAY_2PM + SECOND)
    journal.close()

    again = opened(tmp_path)
    chunks = [chunk async for _, _, chunk in again.told(TUESDAY_2PM)]
    assert chunks == [[*calls, quarantine.Testimony(3, "somebody", TUESDAY_2PM + SECOND)], []]
    assert await told(again, TUESDAY_2PM + 1) == {again.name: [0]}
    again.close()


async def test_a_list_of_any_length_is_kept_whole(tmp_path: Path) -> None:
    """I8: a file of people who are never called comes in large pieces."""
    journal = opened(tmp_path)
    whos = [f"{number:016x}" for number in range(60_000)]
    await journal.opted_out(1, [], TUESDAY_2PM)
    await journal.opted_out(1, whos, TUESDAY_2PM)

    assert [item.who async for _, _, chunk in journal.told(0) for item in chunk] == whos
    journal.close()


async def test_a_call_is_in_the_journal_before_it_leaves(open_world: OpenWorld, tmp_path: Path) -> None:
    """I1, F18: with the ids that the ledger may forget, and without the phone (I25)."""
    there: list[list[int]] = []

    class Looking(ScriptedProvider):
        async def place(self, actions: list[Action], *how: Any) -> list[PlaceResult]:
            there.append((await told(watched.journal))[watched.journal.name])
            assert [action.attempt_id for action in actions] == there[-1]
            return [Accepted(f"ref-{action.attempt_id}") for action in actions]

    watched = Watched(await open_world(provider=Looking()), tmp_path)
    await watched.look()
    loop_id = await watched.world.a_due_loop()
    await watched.dial()

    [attempt] = await watched.world.attempts(loop_id)
    assert there == [[attempt["attempt_id"]]]
    assert not any(PHONE[-7:].encode() in content for content in contents(tmp_path))
    watched.journal.close()


async def test_what_cannot_be_put_down_is_not_sent_and_waits_until_it_can(
    open_world: OpenWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I1, I14: a full disk costs lateness."""
    watched = Watched(await open_world(provider=ScriptedProvider()), tmp_path)
    world = watched.world
    await watched.look()
    await world.a_due_loop()
    with monkeypatch.context() as full:
        full.setattr(os, "pwrite", _no_space)
        await watched.dial()
        assert not watched.witness.may_arm()
        assert await watched.dial() == 0, "nothing is claimed while the disk is full"
    assert world.provider.placed == []

    assert await watched.look()
    await world.services.sweeper.step(world.now_ms)
    await watched.dial()
    assert len(world.provider.placed) == 1
    watched.journal.close()


def _no_space(*_: Any) -> int:
    raise OSError(28, "No space left on device")


async def test_groups_that_come_while_the_disk_is_busy_are_written_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One flush for all of them, and nobody goes on before it."""
    flushes: list[int] = []
    flush = os.fdatasync

    def counted(descriptor: int) -> None:
        flushes.append(descriptor)
        flush(descriptor)

    monkeypatch.setattr(os, "fdatasync", counted)
    journal = opened(tmp_path)

    await asyncio.gather(*[journal.keep([a_call(number)]) for number in range(1, 21)])

    assert len(flushes) == 2, "the first alone, the others while it was written"
    assert sorted((await told(journal))[journal.name]) == list(range(1, 21))
    journal.close()


async def test_whoever_was_written_along_hears_when_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I1: not one of them may leave."""
    journal = opened(tmp_path)
    monkeypatch.setattr(os, "fdatasync", _no_space)

    ends = await asyncio.gather(*[journal.keep([a_call(n)]) for n in range(5)], return_exceptions=True)

    assert [type(end) for end in ends] == [ServerUnavailable] * 5
    assert journal.broken
    journal.close()


async def test_a_torn_end_loses_nothing_that_was_kept(tmp_path: Path) -> None:
    """A crash in the middle of a write: what came back to somebody is there."""
    journal = opened(tmp_path)
    await journal.keep([a_call(1)])
    journal.close()
    tear(tmp_path)

    again = opened(tmp_path)
    await again.keep([a_call(2, TUESDAY_2PM + 1)])
    assert await told(again) == {again.name: [1, 2]}
    again.close()


async def test_a_journal_tells_for_dead_processes_beside_it_and_not_for_living_ones(tmp_path: Path) -> None:
    """F18: under their own names, which stay with their folders."""
    living, dead, ours = opened(tmp_path), opened(tmp_path), opened(tmp_path)
    for attempt_id, journal in enumerate((living, dead, ours), start=1):
        await journal.keep([a_call(attempt_id)])
    dead.close()

    assert await told(ours) == {dead.name: [2], ours.name: [3]}

    ours.close()
    back = opened(tmp_path)
    assert back.name == dead.name, "the lowest that is free"
    back.close()
    living.close()


async def test_what_is_too_old_or_too_much_is_forgotten_and_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F18: a journal that does not reach back to the backup counts as missing."""
    journal = opened(tmp_path, keep_ms=3 * HOUR)
    assert await remembers_from(journal) == 0
    for hours in range(6):
        await journal.keep([a_call(hours + 1, TUESDAY_2PM + hours * HOUR)])
    assert await told(journal) == {journal.name: [2, 3, 4, 5, 6]}
    assert await remembers_from(journal) == TUESDAY_2PM + HOUR
    journal.close()

    monkeypatch.setattr(journals, "FILE_BYTES", 1)
    small = opened(tmp_path, max_bytes=200)
    await small.keep([a_call(7, TUESDAY_2PM + 6 * HOUR)])
    assert (await told(small))[small.name][-1] == 7
    assert sum(map(len, contents(tmp_path, "*.log"))) <= 200
    assert await remembers_from(small) > TUESDAY_2PM + HOUR
    small.close()


async def test_a_beat_outlives_the_process_that_noted_it(tmp_path: Path) -> None:
    """F18: also where every process and the wheel were lost with the ledger."""
    one, other = opened(tmp_path), opened(tmp_path)
    await one.note(41, TUESDAY_2PM)
    await one.note(40, TUESDAY_2PM + SECOND)
    await other.note(12, TUESDAY_2PM)
    one.close()
    other.close()

    again = opened(tmp_path)
    assert again.beat == (41, TUESDAY_2PM)
    again.close()
