"""`python -m bench http`: `dialwheel up` on private servers under load from Locust, all on one machine.

The account is paused, so that the figures are those of the API and not of dialing; then a file of leads is
imported. Each kind of request has a run of its own: as fast as it is answered, or at a rate that is kept.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import msgspec

from api.callback_tokens import CallbackTokens
from bench.cpu import cpu_s
from bench.import_rows import a_file
from bench.peers.envs import ROOT, python_with
from bench.ports import free_port
from bench.site import private_site
from scheduler.ledger.accounts import ensure_installation
from scheduler.ledger.database import Database

READY_WITHIN_S = 60.0
SECRET = "whsec_" + "c2Vj" * 8
SETTINGS = {
    "permit_s": "0.1",  # a pause is answered so much later
    "rate_limit_per_min": "0",
    "rate_limit_address_per_min": "0",
    "log_level": "error",
    "provider_secret": SECRET,
}
BULK_ROWS = 1000
UNDER_WAY = """
WITH called AS (
    UPDATE loop SET status = 'dialing', attempts = 1, next_at = NULL, next_kind = NULL, next_step = NULL,
                    next_channel = NULL, open_until = NULL
    WHERE loop_id IN (SELECT loop_id FROM loop WHERE status = 'scheduled' AND attempts = 0 LIMIT $1)
    RETURNING loop_id, lead_id, account_id, agent_id, batch_id, lane_id, policy_version
)
INSERT INTO attempt (loop_id, lead_id, account_id, agent_id, batch_id, lane_id, n, step, kind, channel, state,
                     due_at, armed_at, not_after, dispatched_at, permit, why, rules_revision, policy_version,
                     provider)
SELECT loop_id, lead_id, account_id, agent_id, batch_id, lane_id, 1, 0, 'first', 'call', 'accepted',
       now(), now(), now() + interval '1 hour', now(), gen_random_uuid(), '[]', 'bench', policy_version,
       'webhook'
FROM called
RETURNING attempt_id
"""

CALLS = 40_000
"""Under way at a dialer of somebody's own, which reports on each three times."""


class Kind(NamedTuple):
    """One run: `user` of the locustfile, how many at once, and their rate together; 0: as fast as it goes."""

    user: str
    users: int
    per_s: float = 0


KINDS = {
    "enrolment, as fast as it goes": Kind("Enrolment", 64),
    "enrolment at 500/s": Kind("Enrolment", 100, 500),
    "upsert by external id, as fast as it goes": Kind("Upsert", 32),
    "bulk, as fast as it goes": Kind("Bulk", 3),
    "reading at 100/s": Kind("Reading", 20, 100),
    "reading, as fast as it goes": Kind("Reading", 32),
    "provider callbacks, as fast as they go": Kind("Reporting", 128),
}


def run(leads: int, *, seconds: int, only: str = "") -> dict[str, Any]:
    """`leads`: in the account before; `only`: kinds whose name has it."""
    locust = python_with("load", groups=ROOT / "pyproject.toml")
    with private_site() as site, _up(site.settings) as (url, key, pid):
        servers = {**site.servers, "api": pid}
        load, seeded = asyncio.run(_seed(url, key, leads))
        load |= {"secret": SECRET, "calls": asyncio.run(_calls(site.settings.postgres_url))}
        kinds: dict[str, Any] = {}
        for name, kind in KINDS.items():
            if only in name:
                before = {server: cpu_s(at) for server, at in servers.items()}
                kinds[name] = _load(locust, url, kind, {**load, "key": key}, seconds)
                kinds[name]["cpu_s"] |= {
                    server: round(cpu_s(at) - before[server], 1) for server, at in servers.items()
                }
                load["first"] += 1_000_000
        return {"bench": "http", "leads": leads, "seconds_each": seconds, "seeded": seeded, "kinds": kinds}


@contextmanager
def _up(settings: Any) -> Iterator[tuple[str, str, int]]:
    """`dialwheel up` as a process of its own: its address, its key, its process id."""
    port = free_port()
    given = {
        **SETTINGS,
        "data_dir": str(Path(settings.data_dir) / "up"),
        "postgres_url": settings.postgres_url,
        "redis_url": settings.redis_url,
        "http_port": str(port),
        "metrics_port": str(free_port()),
    }
    environment = {**os.environ, **{f"DIALWHEEL_{name.upper()}": value for name, value in given.items()}}
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli", "up"], env=environment, cwd=ROOT, stdout=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        asyncio.run(_ready(url, process))
        yield url, Path(given["data_dir"], "key").read_text().strip(), process.pid
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


async def _ready(url: str, process: subprocess.Popen[bytes]) -> None:
    async with asyncio.timeout(READY_WITHIN_S), aiohttp.ClientSession() as session:
        while process.poll() is None:
            try:
                async with session.get(f"{url}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                await asyncio.sleep(0.2)
    raise RuntimeError("dialwheel up did not come up")


async def _seed(url: str, key: str, leads: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Pause the account, import the leads; what the load needs to know, and how fast the import was."""
    headers = {"Authorization": f"Bearer {key}"}
    without_end = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(url, headers=headers, timeout=without_end) as session:
        async with session.post("/v1/account/pause", json={"reason": "a benchmark"}) as answer:
            answer.raise_for_status()
        async with session.get("/v1/agents?limit=1") as answer:
            agent_id = (await answer.json())["data"][0]["id"]
        query = {"agent_id": agent_id, "name": "seed", "consent": "bench"}
        began = asyncio.get_running_loop().time()
        async with session.post(
            "/v1/imports", params=query, data=a_file(leads, 0), headers={"Content-Type": "text/csv"}
        ) as answer:
            answer.raise_for_status()
        took_s = asyncio.get_running_loop().time() - began
        async with session.get("/v1/leads?limit=200") as answer:
            some = (await answer.json())["data"]
    load = {
        "agent_id": agent_id,
        "leads": [lead["id"] for lead in some],
        "phones": [lead["phone"] for lead in some],
        "rows": BULK_ROWS,
        "first": 0,
    }
    return load, {"rows": leads, "seconds": round(took_s, 1), "rows_per_s": round(leads / took_s)}


async def _calls(postgres_url: str) -> list[str]:
    """Let calls be under way: the addresses of their reports."""
    database = await Database.connect(postgres_url)
    try:
        installation = await ensure_installation(database, now_ms=0)
        async with database.connection() as on:
            rows = await on.fetch(UNDER_WAY, CALLS)
    finally:
        await database.close()
    tokens = CallbackTokens(installation.id_key)
    return [f"/v1/providers/webhook/callbacks/{tokens.write(row['attempt_id'])}" for row in rows]


def _load(locust: Path, url: str, kind: Kind, load: dict[str, Any], seconds: int) -> dict[str, Any]:
    """Let Locust send one kind of requests, in a process of its own; its figures by endpoint."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as given, tempfile.NamedTemporaryFile() as spent:
        said = {**load, "user": kind.user, "users": kind.users, "per_s": kind.per_s}
        json.dump({**said, "url": url, "spent": spent.name}, given)
        given.flush()
        done = subprocess.run(
            [
                *[str(locust), "-m", "locust", "-f", str(ROOT / "bench" / "locustfile.py"), "--headless"],
                *["--json", "--host", url, "--users", str(kind.users), "--spawn-rate", str(kind.users)],
                *["--run-time", f"{seconds}s", "--loglevel", "ERROR", "--exit-code-on-error", "0", kind.user],
            ],
            env={**os.environ, "DIALWHEEL_LOAD": given.name, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"Locust failed:\n{done.stderr[-2000:]}")
        locust_s = round(float(Path(spent.name).read_text()), 1)
    shown = {one["name"]: figures_of(one) for one in msgspec.json.decode(done.stdout)}
    return {
        "users": kind.users,
        "per_s": kind.per_s or None,
        "endpoints": shown,
        "cpu_s": {"locust": locust_s},
    }


def figures_of(one: dict[str, Any]) -> dict[str, Any]:
    """Requests a second, and how long they took in ms; from Locust's own counts, which are whole ms."""
    took = Counter({float(ms): count for ms, count in one["response_times"].items()})
    spent_s = max(1e-3, one["last_request_timestamp"] - one["start_time"])
    figures = {
        "requests": one["num_requests"],
        "failures": one["num_failures"],
        "per_s": round(one["num_requests"] / spent_s, 1),
        "p50_ms": _quantile(took, 0.5),
        "p99_ms": _quantile(took, 0.99),
    }
    if "bulk" in one["name"]:
        figures["rows_per_s"] = round(one["num_requests"] * BULK_ROWS / spent_s)
    return figures


def _quantile(took: Counter[float], share: float) -> float:
    left = share * took.total()
    for ms in sorted(took):
        left -= took[ms]
        if left <= 0:
            return ms
    return 0.0
