"""`python -m bench wheel`: how fast, small, even and punctual the wheel is, beside what its server gives.

Servers of its own; every figure is the median, least and most of the runs. What they mean:

place_per_s            new loops of the next hour on ten lanes, in order of time as the feeder reads them;
                       `place_sparse_per_s`: of the next day on a hundred lanes
cycle_per_s            loops claimed, settled and placed an hour ahead; the better of two batch sizes
claim_ms               one claim of 100 after another
claim_ms_10k_lanes     claims of 100 while as many lanes with due work wait for their hours, their own pace, a
                       full gate of their own or one full account, in front of a lane that may go on
bytes_per_attempt      what the server allocates for what waits, and for the same loops in one plain zset
live_claim_ms          from before a live lead is placed until its claim is answered, beside overdue bulk
bulk_*                 what dialer lines were given of a paced batch, by the second, from the first second on
rebuild_s_per_million  from a lost wheel to an open epoch, loops read from Postgres
idle_requests_per_s    of a dialer that rests
raw_*                  the same server without us: pipelined ZADD, and a script that moves members
"""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import Any

import msgspec
import uvloop

from api.parts import Stores
from bench import wheel_ledger
from bench.figures import spread
from bench.site import private_site
from bench.wheel_backlog import DENSE, SPARSE, Backlog, bytes_of_lanes, bytes_of_plain_zset
from bench.wheel_bed import IN_FLIGHT, PLACE_BATCH, QUICK, Bed, Sizes, told
from bench.wheel_lanes import OBSTACLES, claims_past_lanes_ms
from bench.wheel_rates import BATCHES, LANES, Carousel
from bench.wheel_raw import raw_rates
from scheduler.settings import Settings
from scheduler.wheel.checks import wheel_facts

PACES = (200, 2000)
CLAIM_BATCH = 100


def run(runs: int, *, quick: bool) -> dict[str, Any]:
    """`quick`: sizes that only show that it works."""
    sizes = QUICK if quick else Sizes()
    with (
        private_site() as site,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(_run(site.settings, runs, sizes))


async def _run(settings: Settings, runs: int, sizes: Sizes) -> dict[str, Any]:
    began_s = time.monotonic()
    found = []
    async with wheel_ledger.installation(settings) as stores:
        bed = Bed(stores.wheel, settings.redis_url)
        with told(f"{sizes.waiting:,} loops into the ledger"):
            await wheel_ledger.fill(stores, sizes.waiting)
        for number in range(1, runs + 1):
            found.append(await _figures(f"run {number} of {runs}", bed, stores, sizes))
        await bed.own.aclose()
    server = await wheel_facts(settings.redis_url)
    return {
        "bench": "wheel",
        "runs": runs,
        "seconds": round(time.monotonic() - began_s),
        "server": f"{server.software} {server.version}",
        "settings": {
            "sizes": msgspec.structs.asdict(sizes),
            "cycle": {"batch": _with_cycle(found), "in_flight": IN_FLIGHT, "lanes": LANES},
            "place": {"batch": PLACE_BATCH, "in_flight": IN_FLIGHT},
            "claim": {"batch": CLAIM_BATCH},
            "dialer": {"lines": settings.dial_lines, "batch": settings.claim_batch},
            "throttle_burst_s": settings.throttle_burst_s,
            "slot_ms": settings.slot_ms,
        },
        **spread(found),
    }


def _with_cycle(found: list[dict[str, Any]]) -> int:
    """Adds `cycle_per_s`, of the batch size that is better in the median, and the ratios; answers that."""
    best = max(
        BATCHES, key=lambda batch: statistics.median(each["cycle_by_batch"][str(batch)] for each in found)
    )
    for each in found:
        each["cycle_per_s"] = each["cycle_by_batch"][str(best)]
        each["cycle_of_raw_move"] = each["cycle_per_s"] / each["raw_move_per_s"]
        each["place_of_raw_zadd"] = each["place_per_s"] / each["raw_zadd_per_s"]
    return best


async def _figures(title: str, bed: Bed, stores: Stores, sizes: Sizes) -> dict[str, Any]:
    """All of one run."""
    figures: dict[str, Any] = {}
    with told(f"{title}: the server without us"):
        await bed.empty()
        figures |= await raw_rates(bed.own, bed.url, sizes.raw, sizes.rate_s)
    with told(f"{title}: {sizes.cycled:,} loops go round"):
        figures |= await _round(bed, sizes)
    with told(f"{title}: claims past {sizes.lanes:,} lanes"):
        figures["claim_ms_10k_lanes"] = await _past_lanes(bed, sizes)
    figures |= await _waiting(title, bed, stores, sizes)
    with told(f"{title}: a lost wheel is built anew"):
        seconds = await wheel_ledger.rebuild_s(stores, bed, sizes.waiting)
        figures["rebuild_s_per_million"] = seconds * 1_000_000 / sizes.waiting
    with told(f"{title}: a dialer rests"):
        figures["idle_requests_per_s"] = await wheel_ledger.requests_at_rest_per_s(stores, bed, sizes.rest_s)
    return figures


async def _round(bed: Bed, sizes: Sizes) -> dict[str, Any]:
    carousel = Carousel(bed)
    await carousel.fill(sizes.cycled)
    by_batch = {str(batch): await carousel.cycles_per_s(batch, sizes.rate_s) for batch in BATCHES}
    return {"cycle_by_batch": by_batch, "claim_ms": await carousel.claims_ms(CLAIM_BATCH, sizes.claims)}


async def _past_lanes(bed: Bed, sizes: Sizes) -> dict[str, Any]:
    kinds = {
        kind: await claims_past_lanes_ms(bed, kind, sizes.lanes, sizes.lane_claims) for kind in OBSTACLES
    }
    worst = {name: max(figures[name] for figures in kinds.values()) for name in ("p50", "p99", "max")}
    return kinds | {"worst": worst}


async def _waiting(title: str, bed: Bed, stores: Stores, sizes: Sizes) -> dict[str, Any]:
    """Memory; then the dense lanes are given out at a pace."""
    with told(f"{title}: {sizes.waiting:,} loops wait: one zset, sparse lanes, dense lanes"):
        plain = await bytes_of_plain_zset(bed, sizes.waiting)
        sparse, place_sparse_per_s = await bytes_of_lanes(bed, sizes.waiting, *SPARSE)
        dense, place_per_s = await bytes_of_lanes(bed, sizes.waiting, *DENSE)
    backlog = Backlog(bed, stores)
    with told(f"{title}: bulk at {PACES[0]}/s, live leads beside it"):
        slow = await backlog.paced(PACES[0], sizes.bulk_s, sizes.live_per_s)
    with told(f"{title}: bulk at {PACES[1]}/s"):
        fast = await backlog.paced(PACES[1], sizes.bulk_s, 0)
    paced = {str(pace): each for pace, each in zip(PACES, (slow, fast), strict=True)}
    return {
        "place_per_s": place_per_s,
        "place_sparse_per_s": place_sparse_per_s,
        "bytes_per_attempt": {"sparse": sparse, "dense": dense, "plain_zset": plain},
        "live_claim_ms": slow["live_claim_ms"],
        "bulk_per_s": {pace: each["mean_per_s"] for pace, each in paced.items()},
        "bulk_cv": {pace: each["cv"] for pace, each in paced.items()},
        "bulk_sliding_max": {pace: each["sliding_max"] for pace, each in paced.items()},
    }
