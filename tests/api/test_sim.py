"""GET, PATCH /v1/sim and POST /v1/sim/clock (API 5): the network and the time of the simulator."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from api.app import make_app
from api.assembly import Ready, run_up
from api.simulation import Simulation
from bench.ports import free_port
from dialer.providers.simulated import SimulatedProvider
from scheduler.clock import Clock, SimulatedClock
from scheduler.domain.time import DAY, HOUR
from scheduler.errors import SettingsError
from scheduler.settings import Settings, check_settings
from tests.api.builders import NOON_ON_A_TUESDAY, PHONE, ApiServer, Site, a_tenant
from tests.builders import empty
from tests.worlds import a_ledger

NOW = "2026-06-16T18:00:0"


class Paced:
    """Services that remember what pace they were told to keep."""

    def __init__(self) -> None:
        self.told: list[tuple[float, float]] = []

    def __call__(self, speed: float, jump_s: float) -> None:
        self.told.append((speed, jump_s))


async def simulated(site: Site, aiohttp_client: Any, clock: Clock | None = None) -> Simulation:
    """The site with a simulator of its own, on a clock that can be moved unless told otherwise."""
    simulation = Simulation(SimulatedProvider(1), clock or SimulatedClock(NOON_ON_A_TUESDAY, 1.0), Paced())
    site.deps = dataclasses.replace(site.deps, simulation=simulation)
    site.client = await aiohttp_client(ApiServer(make_app(site.deps)))
    return simulation


async def test_the_simulator_shows_its_network_and_its_clock(site: Site, aiohttp_client: Any):
    await simulated(site, aiohttp_client)

    said = await (await site.get("/v1/sim")).json()

    assert (said["object"], said["provider"], said["rings"]) == ("sim", "simulated", 0)
    assert (said["network"]["human"], said["network"]["late"]) == (0.12, 0.005)
    assert (said["clock"]["speed"], said["clock"]["movable"]) == (1.0, True)
    assert said["clock"]["now_at"].startswith(NOW)


async def test_a_changed_network_answers_otherwise_from_the_next_call_on(site: Site, aiohttp_client: Any):
    simulation = await simulated(site, aiohttp_client)
    everybody = {"human": 0.9, "voicemail": 0.0, "busy": 0.0, "dead": 0.0, "blocked": 0.0, "fatigue": 1.0}

    reply = await site.send("PATCH", "/v1/sim", json={"network": everybody})

    said = await reply.json()
    assert reply.status == 200
    assert {name: said["network"][name] for name in everybody} == everybody
    assert said["network"]["converted"] == 0.08  # what is left out stays
    again = await site.send("PATCH", "/v1/sim", json={"network": said["network"]})
    assert (await again.json())["network"] == said["network"], "it takes the shape that it shows"
    assert simulation.provider.model.human == 0.9
    line, _ = await site.rows(
        "SELECT before, after FROM audit WHERE action = 'sim_changed' ORDER BY audit_id"
    )
    assert (json.loads(line["before"])["human"], json.loads(line["after"])["human"]) == (0.12, 0.9)


@pytest.mark.parametrize(
    "body",
    [{"human": 1.1}, {"human": -0.1}, {"human": 0.9, "voicemail": 0.9}, {"hunam": 0.1}, {"talk_mean_s": 0},
     {"converted": 0.6, "callback": 0.6}, {"human": "many"}, {"time_scale": 0}],
)  # fmt: skip
async def test_a_network_that_cannot_be_is_refused_and_nothing_changes(
    site: Site, aiohttp_client: Any, body: dict[str, Any]
):
    """API 1: bounds."""
    simulation = await simulated(site, aiohttp_client)
    before = simulation.provider.model

    refused = await site.send("PATCH", "/v1/sim", json={"network": body})
    detail = (await refused.json())["detail"]
    assert refused.status == 422
    assert all(name in detail for name in body), detail
    assert simulation.provider.model == before
    assert await site.rows("SELECT 1 FROM audit WHERE action = 'sim_changed'") == []


async def test_the_clock_jumps_ahead_and_changes_its_speed(site: Site, aiohttp_client: Any):
    simulation = await simulated(site, aiohttp_client)
    clock = simulation.movable
    assert clock is not None

    ahead = await site.post("/v1/sim/clock", {"advance_s": 3600})
    at = await site.post("/v1/sim/clock", {"at": "2026-06-18T14:00:00Z"})
    faster = await site.post("/v1/sim/clock", {"speed": 600})

    said = [(await reply.json())["clock"] for reply in (ahead, at, faster)]
    assert [reply.status for reply in (ahead, at, faster)] == [200] * 3
    assert said[0]["now_at"].startswith("2026-06-16T19:00:0")
    assert said[1]["now_at"].startswith("2026-06-18T14:00:0")
    assert (said[2]["speed"], clock.speed) == (600, 600)
    told = simulation._keep_pace.told  # type: ignore[attr-defined]
    assert [speed for speed, _ in told] == [1.0, 1.0, 600]
    assert told[0][1] == pytest.approx(3600, abs=5)
    assert await site.rows("SELECT 1 FROM audit WHERE action = 'sim_clock_moved'") != []


@pytest.mark.parametrize(
    "body",
    [{}, {"speed": 0}, {"speed": -1}, {"speed": 1e9}, {"speed": 2, "advance_s": 5}, {"advance_s": 0},
     {"advance_s": -60}, {"at": "2026-06-16T17:00:00Z"}, {"at": "2026-06-16T17:00:00"},
     {"at": "2036-06-16T17:00:00Z"}, {"advance_s": 10**9}],
)  # fmt: skip
async def test_the_clock_never_goes_back_nor_anywhere_else(
    site: Site, aiohttp_client: Any, body: dict[str, Any]
):
    """DESIGN 1: time only ever goes forwards."""
    simulation = await simulated(site, aiohttp_client)

    assert (await site.post("/v1/sim/clock", body)).status == 422
    assert simulation.clock.now_ms() - NOON_ON_A_TUESDAY < HOUR


def test_a_clock_that_is_moved_shows_no_instant_twice():
    clock = SimulatedClock(NOON_ON_A_TUESDAY, 1.0)
    shown = [clock.now_ms()]
    for speed, jump_ms in ((3600.0, 0), (0.1, DAY), (1.0, 1), (600.0, HOUR), (0.5, 0)):
        clock.run_at(speed)
        clock.move_to(clock.now_ms() + jump_ms)
        shown.append(clock.now_ms())
    assert shown == sorted(shown)
    assert shown[-1] >= NOON_ON_A_TUESDAY + DAY + HOUR
    clock.move_to(shown[-1] - HOUR)
    assert clock.now_ms() >= shown[-1]


async def test_where_calls_go_elsewhere_there_is_nothing_to_simulate(site: Site):
    """API 5: 409 with any live provider."""
    replies = [
        await site.get("/v1/sim"),
        await site.send("PATCH", "/v1/sim", json={"network": {"human": 0.5}}),
        await site.post("/v1/sim/clock", {"advance_s": 60}),
    ]
    assert [reply.status for reply in replies] == [409] * 3
    assert (await replies[0].json())["code"] == "state-conflict"


async def test_the_machine_s_own_clock_is_not_moved(site: Site, aiohttp_client: Any):
    await simulated(site, aiohttp_client, site.clock)
    before = site.clock.now_ms()

    assert (await (await site.get("/v1/sim")).json())["clock"]["movable"] is False
    assert (await site.post("/v1/sim/clock", {"advance_s": 60})).status == 409
    assert site.clock.now_ms() == before


async def test_the_operator_alone_has_the_simulator_in_hand(site: Site, aiohttp_client: Any):
    other = await a_tenant(site.database, "Other")
    await simulated(site, aiohttp_client)

    assert (await site.get("/v1/sim", key=other.key)).status == 403
    assert (
        await site.send("PATCH", "/v1/sim", json={"network": {"human": 0.5}}, key=other.key)
    ).status == 403
    assert (await site.post("/v1/sim/clock", {"speed": 2}, key=other.key)).status == 403


def test_a_clock_that_people_move_and_phones_that_ring_do_not_go_together():
    with pytest.raises(SettingsError):
        check_settings(
            Settings(sim_clock=True, provider_url="https://dialer.example", provider_secret="x" * 40)
        )


async def test_a_day_passes_as_fast_as_it_is_told_to_and_the_lead_is_called_on_its_way(
    postgres_server_url: str, valkey_url: str, tmp_path: Path
):
    """DESIGN 1: the same code that runs in production, on a clock that people move."""
    await empty(valkey_url)
    async with a_ledger(postgres_server_url) as ledger_url:
        settings = Settings(
            data_dir=str(tmp_path), postgres_url=ledger_url, redis_url=valkey_url, http_port=free_port(),
            metrics_port=free_port(), import_workers=0, sim_clock=True,
            rate_limit_per_min=0, rate_limit_address_per_min=0,
        )  # fmt: skip
        up, stop = asyncio.get_running_loop().create_future(), asyncio.Event()
        running = asyncio.create_task(run_up(settings, on_ready=up.set_result, stop=stop))
        await asyncio.wait([up, running], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        ready: Ready = up.result()
        try:
            async with ClientSession(ready.url, headers={"Authorization": f"Bearer {ready.key}"}) as http:
                await the_story(http)
        finally:
            stop.set()
            await running


async def the_story(http: ClientSession) -> None:
    async def ask(method: str, path: str, **body: Any) -> Any:
        async with http.request(method, path, json=body or None) as reply:
            assert reply.status < 300, (path, await reply.text())
            return await reply.json()

    async def tries(lead: str, least: int) -> list[Any]:
        while True:
            past = (await ask("GET", f"/v1/attempts?lead_id={lead}"))["data"]
            if len([one for one in past if one["status"] == "ended"]) >= least:
                return past

    nobody = {"human": 0, "voicemail": 0, "busy": 0, "dead": 0, "blocked": 0}
    faults = dict.fromkeys(
        ("timeout_dialled", "timeout_not_dialled", "server_error", "route_error", "lost"), 0
    )
    await ask("PATCH", "/v1/sim", network={**nobody, **faults})
    now = datetime.fromisoformat((await ask("GET", "/v1/sim"))["clock"]["now_at"])
    tuesday = (now + timedelta(days=1 + -now.weekday() % 7)).replace(hour=15, minute=0)  # 10:00 in New York
    agents = (await ask("GET", "/v1/agents"))["data"]
    lead = (await ask("POST", "/v1/leads", phone=PHONE, agent_id=agents[0]["id"], priority="live"))["id"]

    await ask("POST", "/v1/sim/clock", at=tuesday.isoformat())
    await ask("POST", "/v1/sim/clock", speed=600)
    past = await tries(lead, 2)

    assert {one["outcome"] for one in past if one["status"] == "ended"} == {"not_reached"}
    clock = (await ask("GET", "/v1/sim"))["clock"]
    assert datetime.fromisoformat(clock["now_at"]) > tuesday
    assert (await ask("GET", "/v1/wheel"))["clock_speed"] == 600
