"""Whether requests would be served and calls go out, part by part."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from api.deps import Deps
from scheduler.errors import DialwheelError, EpochNotReady, ServerUnavailable
from scheduler.ledger import reads

QUARANTINABLE = "ledger"


class Check(msgspec.Struct, omit_defaults=True):
    """One part that readiness hangs on. `starting`: it is not there yet, and will be by itself."""

    name: str
    ok: bool
    detail: str
    starting: bool = False


class Readiness(msgspec.Struct, omit_defaults=True):
    status: str
    checks: list[Check] = []


async def checks_of(deps: Deps) -> list[Check]:
    return [
        await _check("postgres", lambda: _postgres(deps)),
        await _check("wheel", lambda: _wheel(deps)),
        *_clocks(deps),
        _ledger(deps),
        Check("parts", True, "up") if deps.started() else Check("parts", False, "starting", starting=True),
    ]


def serves(check: Check) -> bool:
    """Whether requests are served: in quarantine nobody is called, but opt-outs and leads are taken."""
    return check.ok or check.name == QUARANTINABLE


async def _check(name: str, look: Callable[[], Awaitable[str]]) -> Check:
    try:
        return Check(name, True, await look())
    except DialwheelError as error:
        return Check(name, False, error.what, isinstance(error, EpochNotReady))


def _clocks(deps: Deps) -> list[Check]:
    return [] if deps.probe is None else [Check("clocks", deps.probe.may_arm(), deps.probe.said)]


def _ledger(deps: Deps) -> Check:
    standing = deps.flow.standing
    if standing.quarantined:
        return Check(
            QUARANTINABLE, False, f"nobody is called: {standing.why}; run: dialwheel ledger reconcile"
        )
    return Check(QUARANTINABLE, True, "has all that was seen of it")


async def _postgres(deps: Deps) -> str:
    missing = await reads.ready(deps.flow.database)
    if missing:
        raise ServerUnavailable(f"{len(missing)} migrations are to be run")
    return "reachable, schema current"


async def _wheel(deps: Deps) -> str:
    for shard in range(deps.settings.shards):
        if await deps.flow.wheel.epoch(shard) is None:
            raise EpochNotReady(f"shard {shard} of the wheel is being rebuilt")
    return "reachable, ready"
