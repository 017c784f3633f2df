"""RELIABILITY 5.2, settings: the least and the most that is allowed is kept and dialed by; beyond is 422."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.builders import EPOCH, Site, a_lead

WHOLE_DAYS = {"ranges": [{"start": "00:00", "end": "24:00"}]}
A_MINUTE = {"ranges": [{"start": "23:59", "end": "24:00"}]}


def dialer(**fields: Any) -> dict[str, Any]:
    return {"auto_dialer": {"enabled": True, "strategy": "followup", **fields}}


def intervals(*lengths: int) -> dict[str, Any]:
    return dialer(strategy="intervals", intervals_s=list(lengths))


def cap(most: Any, window_s: Any) -> dict[str, Any]:
    return {"frequency_caps": [{"max": most, "window_s": window_s}]}


def throttle(**fields: Any) -> dict[str, Any]:
    return {"throttle": fields}


ALLOWED: dict[str, list[dict[str, Any]]] = {
    "account": [
        {"max_dials_per_s": 0.001},
        {"max_dials_per_s": 10_000},
        {"max_concurrent": 1},
        {"max_concurrent": 1_000_000},
        {"jitter_max_s": 0},
        {"jitter_max_s": 86_400},
        cap(1, 60),
        cap(30, 2_592_000),
        {"windows": {"mon": A_MINUTE}},
        {"windows": dict.fromkeys(("tue", "sun"), WHOLE_DAYS)},
        {"timezone": "Pacific/Kiritimati"},
        {"timezone": "America/St_Johns"},
        {"timezone": "Antarctica/Troll"},
    ],
    "agent": [
        dialer(max_attempts=1),
        dialer(max_attempts=100),
        dialer(max_retry_days=0),
        dialer(max_retry_days=365),
        dialer(max_consecutive_errors=1),
        dialer(max_consecutive_errors=100),
        intervals(60),
        intervals(7_776_000),
        {"timezone": "Australia/Lord_Howe"},
    ],
    "batch": [
        throttle(max_per_min=0.001),
        throttle(max_per_min=1_000_000),
        throttle(max_concurrent=1),
        throttle(max_concurrent=1_000_000),
        throttle(spread_over_s=0),
        throttle(spread_over_s=604_800),
    ],
}

BEYOND: dict[str, list[dict[str, Any]]] = {
    "account": [
        *({"max_dials_per_s": value} for value in (0, -1, 5e-324, 1e-300, 0.0009, 10_001, 1e308, 2**63)),
        *({name: value} for name in ("max_concurrent", "jitter_max_s") for value in (-1, 0.5, 2**31, 2**63)),
        cap(0, 60),
        cap(-1, 60),
        cap(31, 60),
        cap(1, 0),
        cap(1, 59),
        cap(1, 2**31),
        *(
            {"windows": {"mon": {"ranges": [{"start": start, "end": end}]}}}
            for start, end in (
                ("22:00", "02:00"),
                ("09:00", "09:00"),
                ("24:00", "24:00"),
                ("09:60", "10:00"),
                ("-1:00", "10:00"),
            )
        ),
        {"windows": {"mon": {"ranges": []}}},
        {"windows": {}},
        {"windows": None},
        {"windows": {"xxx": WHOLE_DAYS}},
        {"windows": {"mon": {"ranges": WHOLE_DAYS["ranges"] * 2}}},
        {"timezone": ""},
        {"timezone": "../UTC"},
    ],
    "agent": [
        *(dialer(max_attempts=value) for value in (0, -1, 101, 2**31)),
        dialer(max_retry_days=366),
        dialer(max_consecutive_errors=0),
        intervals(),
        intervals(59),
        intervals(7_776_001),
        intervals(*[60] * 101),
    ],
    "batch": [
        *(throttle(max_per_min=value) for value in (0, -1, 0.0009, 1e308)),
        throttle(max_concurrent=0),
        throttle(spread_over_s=-1),
        throttle(spread_over_s=604_801),
        throttle(start_at="9999-12-31T23:59:59Z"),
        throttle(start_at="2026-06-16T18:00:00"),
        throttle(start_at="1970-01-01T00:00:00Z"),
    ],
}


@pytest.fixture
async def paths(site: Site) -> dict[str, str]:
    batch = await (await site.post("/v1/batches", {"name": "b", "agent_id": site.agent})).json()
    return {
        "account": "/v1/account",
        "agent": f"/v1/agents/{site.agent}",
        "batch": f"/v1/batches/{batch['id']}",
    }


@pytest.mark.parametrize("what", ALLOWED)
async def test_the_least_and_the_most_is_kept_and_dialed_by(site: Site, paths: dict[str, str], what: str):
    for n, change in enumerate(ALLOWED[what]):
        changed = await site.send("PATCH", paths[what], json=change, headers={"If-Match": "*"})
        assert changed.status == 200, (change, await changed.text())

        lead = await site.post(
            "/v1/leads", a_lead(phone=f"+121255501{n:02d}", batch_id=paths["batch"].rpartition("/")[2])
        )
        assert lead.status == 201, (change, await lead.text())
        now_ms = site.clock.now_ms()
        await site.flow.wheel.claim(
            0, worker="w", claim_id=f"{n}", limit=9, now_ms=now_ms, wall_ms=now_ms, epoch=EPOCH
        )
        for path in ("/v1/wheel", f"/v1/leads/{(await lead.json())['id']}/explain", paths[what]):
            reply = await site.get(path)
            assert reply.status == 200, (change, path, await reply.text())


@pytest.mark.parametrize("what", BEYOND)
async def test_what_is_beyond_is_422_and_changes_nothing(site: Site, paths: dict[str, str], what: str):
    before = await (await site.get(paths[what])).json()
    for change in BEYOND[what]:
        reply = await site.send("PATCH", paths[what], json=change, headers={"If-Match": "*"})
        assert reply.status == 422, (change, await reply.text())
    assert await (await site.get(paths[what])).json() == before
