"""`ledger`: whether Postgres has all that was seen of it; `ledger reconcile`: the way out of quarantine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec

from api.cli.exits import FAILED, OK, TRY_LATER
from api.cli.import_words import grouped
from api.cli.session import Session
from api.cli.wheel_work import confirm, with_stores
from scheduler.domain.time import SECOND, Ms
from scheduler.errors import Refused

if TYPE_CHECKING:
    from scheduler.flow.put_back import Repaired
    from scheduler.ledger.quarantine import Gap

WAIT_S = 5.0
"""How long processes that run are waited for to tell what their journals have: they do it every second."""


class Standing(msgspec.Struct):
    """Of a ledger in quarantine: what is forgotten, and whose journals have told of it and whose have not."""

    why: str
    ledger_at: str
    seen_at: str
    told: list[str]
    missing: list[str]

    @property
    def complete(self) -> bool:
        """Whether every call and every opt-out of that time is known."""
        return bool(self.told) and not self.missing


def show_ledger(session: Session) -> int:
    """The exit code says whether permits are given."""
    found = with_stores(session, lambda stores: stand(stores))
    if found is None:
        session.answer({"quarantine": None}, ["  The ledger has all that was seen of it."])
        return OK
    session.answer({"quarantine": found}, [*_lines(found), "  End it with: dialwheel ledger reconcile"])
    return TRY_LATER


def reconcile_ledger(session: Session, *, accept_loss: bool) -> int:
    """Put back what the journals tell, end the quarantine, and build the wheel anew."""
    return with_stores(session, lambda stores: _reconcile(session, stores, accept_loss))


async def stand(stores: Any) -> Standing | None:
    """Look as the running parts do, with the journals of this data directory that nobody has open."""
    from api.parts import open_witness
    from scheduler.errors import StartError

    try:
        async with open_witness(stores, beats=False) as witnessing:
            return await _looked(stores, witnessing)
    except StartError:  # no journal can be opened here: others may tell
        async with open_witness(stores, journal=False, beats=False) as witnessing:
            return await _looked(stores, witnessing)


async def _looked(stores: Any, witnessing: Any) -> Standing | None:
    for _ in range(int(WAIT_S)):
        await witnessing.witness.step(stores.clock.now_ms())
        found = await _standing(stores)
        if found is None or found.complete:
            return found
        await asyncio.sleep(1)
    return found


async def _standing(stores: Any) -> Standing | None:
    from scheduler.ledger.quarantine import journals_of, open_gap

    gap = await open_gap(stores.database)
    if gap is None:
        return None
    journals = await journals_of(stores.database, gap)
    sent_by_ms = gap.began_at_ms + int(
        stores.settings.permit_s * SECOND
    )  # what had a permit has left by then
    told = [
        each.name
        for each in journals
        if each.told == gap.quarantine_id
        and (each.told_at_ms or 0) >= sent_by_ms
        and (each.remembers_from_ms or 0) <= gap.told_from_ms
    ]
    missing = [each.name for each in journals if each.name not in told]
    return Standing(gap.why, _utc(gap.ledger_at_ms), _utc(gap.seen_at_ms), told, missing)


async def _reconcile(session: Session, stores: Any, accept_loss: bool) -> int:
    from scheduler.ledger.quarantine import open_gap

    found = await stand(stores)
    gap = await open_gap(stores.database)
    if found is None or gap is None:
        session.answer({"quarantine": None}, ["  The ledger has all that was seen of it: nothing to do."])
        return OK
    hold_until_ms = None
    if not (found.complete or accept_loss):
        hold_until_ms = gap.seen_at_ms + stores.settings.journal_hold_s * SECOND
    for line in _lines(found):
        session.say(line)
    confirm(session, _impact(found, accept_loss, hold_until_ms), "nobody is called, as before")
    done = await repair(stores, gap, hold_until_ms=hold_until_ms, accept_loss=accept_loss)
    rebuilt, after = await build_anew(stores), msgspec.to_builtins(done)
    session.answer(
        {**after, "accepted_loss": accept_loss, "rebuilt": rebuilt},
        [
            f"  {grouped(done.attempts)} calls put back as attempts, {grouped(done.contacts)} counted for the"
            f" caps, {grouped(done.opt_outs)} opt-outs put back, {grouped(done.held)} loops wait.",
            "  The quarantine is over: people are called again."
            if rebuilt
            else "  The quarantine is over. Build the wheel anew: dialwheel wheel rebuild",
        ],
        plain=after.items(),
    )
    return OK if rebuilt else FAILED


async def repair(stores: Any, gap: Gap, *, hold_until_ms: Ms | None, accept_loss: bool) -> Repaired:
    """Put back what was told, and end the quarantine. Raises Refused where another did."""
    from api.provider_of import provider_name
    from scheduler.flow.put_back import put_back
    from scheduler.ledger.audit import Actor
    from scheduler.ledger.quarantine import end_quarantine

    flow, clock, actor = stores.flow, stores.clock, Actor("cli")
    provider = provider_name(stores.settings)
    done = await put_back(flow, clock, gap, actor, provider=provider, hold_until_ms=hold_until_ms)
    ended = await end_quarantine(
        stores.database,
        gap,
        actor,
        now_ms=clock.now_ms(),
        accepted_loss=accept_loss,
        after=msgspec.to_builtins(done),
    )
    if not ended:
        raise Refused(
            "state-conflict",
            "the quarantine was over already",
            "another reconcile ended it",
            "see: dialwheel ledger",
        )
    return done


async def build_anew(stores: Any) -> bool:
    """The wheel is that of a ledger that is gone. False where another process is at it for too long."""
    from scheduler.services.calendars import Calendars
    from scheduler.services.rebuild import rebuild

    stores.flow.forget()
    now_ms = stores.clock.now_ms()
    await Calendars(stores.flow).step(now_ms)
    whole = []
    for shard in range(stores.settings.shards):
        for _ in range(int(WAIT_S)):
            done = await rebuild(
                stores.flow, shard, now_ms, new_id=uuid4, call_ms=stores.settings.call_ms, whole_too=True
            )
            if done is not None:
                whole.append(shard)
                break
            await asyncio.sleep(1)
    return len(whole) == stores.settings.shards


def _impact(found: Standing, accept_loss: bool, hold_until_ms: Ms | None) -> str:
    if hold_until_ms is not None:
        return (
            f"Not every journal has told: what was due by {found.seen_at} waits until {_utc(hold_until_ms)}."
        )
    if accept_loss and not found.complete:
        return "Not every journal has told: who was called meanwhile may be called again at once."
    return "Every journal has told. What it tells is put back, then people are called again."


def _lines(found: Standing) -> Sequence[str]:
    lines = [
        f"  Nobody is called: {found.why}.",
        f"  The ledger remembers until {found.ledger_at}; it was last seen whole at {found.seen_at}.",
        f"  {len(found.told)} of {len(found.told) + len(found.missing)} journals have told what was between.",
    ]
    if found.missing:
        lines.append(f"  Missing: {', '.join(found.missing)}. Start the dialers and APIs that have them.")
    return lines


def _utc(at_ms: Ms) -> str:
    from scheduler.ledger.instants import to_datetime

    return to_datetime(at_ms).isoformat(timespec="seconds").replace("+00:00", "Z")
