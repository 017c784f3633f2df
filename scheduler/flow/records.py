"""The record of an attempt: why it was made when it was made, as it can be shown to a court.

It is written once the attempt is over, from what the ledger holds, and never changed: a result that is put
right makes a further one. Each holds the hash of the one before of its account, so that what is changed or
taken out afterwards shows. Whoever keeps a hash of their own needs to trust nobody.
"""

from __future__ import annotations

import asyncio
import hashlib
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from scheduler.domain.model import Place, Priority
from scheduler.domain.placement import opening_at
from scheduler.domain.time import SECOND, Ms
from scheduler.flow.context import Flow
from scheduler.flow.policies import AgentPolicy, compile_policy
from scheduler.ledger.database import Row
from scheduler.ledger.instants import to_datetime, to_ms
from scheduler.ledger.records import Link, add_links, ended_since, facts, lock_behind
from scheduler.public_ids import PublicIds

FORMAT = "dialwheel.record/1"

AT_ONCE = 100
"""Records in one transaction: some 10 ms of work."""

BREATH = 10
"""So many, half a millisecond of work, then others have their turn: dialers may run in this process."""

GROUPS = 500

_IN_TEXT = ("auto_dialer", "windows", "frequency_caps", "no_call_days", "closures")
_NOT_SETTINGS = {"account_paused": False, "agent_paused": False, "deleted": False}

_canonical = msgspec.json.Encoder(order="sorted").encode


async def record_ended(flow: Flow, ids: PublicIds, now_ms: Ms) -> int:
    """Record what has ended since, of one account, `AT_ONCE` attempts or some more. Answers how many events
    that was; 0 when nothing is behind."""
    database = flow.database
    async with database.transaction() as on:
        head = await lock_behind(database, on)
        if head is None:
            return 0
        attempt_ids, upto = await ended_since(database, on, head, groups=GROUPS, attempts=AT_ONCE)
        links: list[Link] = []
        number, previous = head.number, head.hash
        for at, row in enumerate(await facts(database, on, head.account_id, attempt_ids)):
            if at % BREATH == 0:
                await asyncio.sleep(0)
            body = _canonical(await _body(flow, ids, row, now_ms))
            number, hash_ = number + 1, chained(previous, body)
            links.append(
                Link(number, row["attempt_id"], row["revisions"] + 1, body.decode(), previous, hash_)
            )
            previous = hash_
        await add_links(database, on, head, links, upto, now_ms)
    return upto - head.news_seq


def chained(previous: bytes, body: bytes) -> bytes:
    """A link's hash: SHA-256 of the one before, its 32 bytes, followed by the body's."""
    return hashlib.sha256(previous + body).digest()


def shown_facts(row: Row, ids: PublicIds) -> dict[str, Any]:
    """What of an attempt does not change any more, unless that is told: a row of `record_facts`."""
    return {
        "id": ids.write("att", row["attempt_id"]),
        "batch_id": _shared_id(ids, "bat", row["batch_id"]),
        "cadence_id": _shared_id(ids, "cad", row["cadence_id"]),
        **{name: _utc(row[name]) for name in _INSTANTS},
        **{name: row[name] for name in _PLAIN},
        "number": row["n"],
        "step": row["step"] + 1,
    }


@lru_cache(maxsize=5000)
def _shared_id(ids: PublicIds, prefix: str, number: int | None) -> str | None:
    """Of what many attempts have in common."""
    return ids.write_or_none(prefix, number)


_INSTANTS = (*("due_at", "armed_at", "not_after", "dispatched_at", "answered_at", "ended_at", "callback_at"),)
_PLAIN = (
    *("kind", "channel", "outcome", "disposition", "caller_id", "provider", "provider_call_id"),
    *("cadence_version", "policy_version", "rules_revision"),
)


class Settings(msgspec.Struct, frozen=True):
    """What was in force at a version of an agent's policy: as values, as JSON, and its SHA-256 in hex."""

    said: dict[str, Any]
    text: bytes
    sha256: str


@lru_cache(maxsize=500)
def settings_of(kept: str) -> Settings:
    """A column of `policy_kept`. The JSON has its keys in order and no spaces."""
    said = msgspec.json.decode(kept)
    text = _canonical(said)
    return Settings(said, text, hashlib.sha256(text).hexdigest())


async def _body(flow: Flow, ids: PublicIds, row: Row, now_ms: Ms) -> dict[str, Any]:
    settings = None if row["settings"] is None else settings_of(row["settings"])
    place = Place(tuple(row["zones"]), tuple(row["regions"]), tuple(row["own_zones"]), row["source"])
    return {
        "format": FORMAT,
        "account_id": _shared_id(ids, "acc", row["account_id"]),
        "agent_id": _shared_id(ids, "agt", row["agent_id"]),
        "lead_id": ids.write("lead", row["lead_id"]),
        "loop_id": ids.write("loop", row["loop_id"]),
        "recorded_at": _utc(to_datetime(now_ms)),
        "attempt": shown_facts(row, ids),
        "person": None if row["phone"] is None else flow.lead_key(None, row["phone"]),
        "place": msgspec.to_builtins(place),
        "window": None if settings is None else await _window(flow, row, place),
        "counters": None if settings is None or row["phone"] is None else _counters(row, settings.said),
        "consent": _consent(row),
        "why": [_line(line) for line in msgspec.json.decode(row["why"])],
        "settings_sha256": None if settings is None else settings.sha256,
    }


async def _window(flow: Flow, row: Row, place: Place) -> dict[str, Any] | None:
    """The open time, by all rules and windows, in which the permit was given; None where it was given beyond
    them, as manual calls may be."""
    agent = _policy(row["settings"], row["account_id"], row["agent_id"], row["policy_version"])
    follows = None if row["cadence_id"] is None else (row["cadence_id"], row["cadence_version"])
    policy = agent.policy
    if follows is not None:
        cadence = (await flow.policies.cadences([follows]))[follows]
        policy = msgspec.structs.replace(agent.in_cadences, cadence=cadence)
    after_hours = policy.live_after_hours and row["priority"] == Priority.LIVE
    around = opening_at(policy, place, to_ms(row["armed_at"]), after_hours=after_hours)
    if around is None:
        return None
    return {"from_at": _utc(to_datetime(around[0])), "until_at": _utc(to_datetime(around[1]))}


@lru_cache(maxsize=500)
def _policy(kept: str, account_id: int, agent_id: int, version: int) -> AgentPolicy:
    """As it was compiled then."""
    said = settings_of(kept).said
    encoded = {name: _canonical(said[name]).decode() for name in _IN_TEXT}
    whose = {"account_id": account_id, "agent_id": agent_id, "policy_version": version}
    return compile_policy({**said, **encoded, **whose, **_NOT_SETTINGS}, 0)


def _counters(row: Row, settings: dict[str, Any]) -> list[dict[str, Any]]:
    """How often the person had been called within each of the account's caps, before this."""
    armed_ms, contacts = to_ms(row["armed_at"]), [to_ms(at) for at in row["contacts"]]
    return [
        {
            "max": cap["max"],
            "window_s": cap["window_s"],
            "used": sum(armed_ms - cap["window_s"] * SECOND < at_ms <= armed_ms for at_ms in contacts),
        }
        for cap in settings["frequency_caps"]
    ]


def _consent(row: Row) -> dict[str, Any] | None:
    """Where it was given is the person's own and stays with the lead."""
    if row["consent"] is None:
        return None
    said = msgspec.json.decode(row["consent"])
    return {name: said.get(name) for name in ("basis", "captured_at", "expires_at")}


def _line(line: dict[str, Any]) -> dict[str, Any]:
    """A line of the reasons, its instants as all others of the record."""
    said = {name: line.get(name) for name in ("from_at", "to_at")}
    return {**line, **{name: None if at is None else _utc(to_datetime(at)) for name, at in said.items()}}


def _utc(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
