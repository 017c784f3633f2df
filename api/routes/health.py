"""At the root, without a key: is it alive, is it ready, which version, and what each problem means."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.metadata import version

import msgspec
from aiohttp import web

from api.deps import Deps
from api.problems import KINDS, Problem
from scheduler.domain import rules
from scheduler.domain.zones import TZDATA_VERSION
from scheduler.errors import DialwheelError, EpochNotReady, ServerUnavailable
from scheduler.ledger import reads


class Check(msgspec.Struct):
    """One part that readiness hangs on."""

    name: str
    ok: bool
    detail: str


class Readiness(msgspec.Struct, omit_defaults=True):
    status: str
    checks: list[Check] = []


def add_health(app: web.Application, deps: Deps) -> None:
    async def livez(_request: web.Request) -> web.Response:
        """The process answers."""
        return _json({"status": "ok"})

    async def readyz(request: web.Request) -> web.Response:
        """Whether requests would be served and calls go out; `?verbose` says it part by part."""
        checks = [
            await _check("postgres", lambda: _postgres(deps)),
            await _check("wheel", lambda: _wheel(deps)),
            *_clocks(deps),
            Check("parts", deps.started(), "up" if deps.started() else "starting"),
        ]
        failed = [check for check in checks if not check.ok]
        if "verbose" in request.query:
            status = "ok" if not failed else "unready"
            return _json(Readiness(status, checks), status=200 if not failed else 503)
        if failed:
            raise Problem("starting" if failed[0].name == "parts" else "dependency-down", failed[0].detail)
        return _json({"status": "ok"})

    async def show_version(_request: web.Request) -> web.Response:
        """This build, and the data it decides by."""
        said = {
            "name": "dialwheel",
            "version": version("dialwheel"),
            "rules_revision": rules.load().revision,
            "tzdata": TZDATA_VERSION,
        }
        return _json(said)

    async def show_problem(request: web.Request) -> web.Response:
        """What a problem's `type` resolves to."""
        code = request.match_info["code"]
        kind = KINDS.get(code)
        if kind is None:
            raise Problem("not-found")
        return web.Response(text=f"{code} ({kind.status})\n{kind.title}.\n{kind.meaning}\n")

    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/version", show_version)
    app.router.add_get("/problems/{code}", show_problem)


async def _check(name: str, look: Callable[[], Awaitable[str]]) -> Check:
    try:
        return Check(name, True, await look())
    except DialwheelError as error:
        return Check(name, False, error.what)


def _clocks(deps: Deps) -> list[Check]:
    return [] if deps.probe is None else [Check("clocks", deps.probe.may_arm(), deps.probe.said)]


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


def _json(value: object, *, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(value), content_type="application/json")
