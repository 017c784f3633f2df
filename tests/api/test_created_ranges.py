"""API 1: every list takes a range on `created_at`, a list that is added later too."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from api.app import ROUTES
from api.instants import utc
from scheduler.domain.time import DAY
from scheduler.services.herald import Herald
from tests.api.builders import NOON_ON_A_TUESDAY, Site
from tests.api.crawl import Planted, path_of, plant

LISTS = [one for one in ROUTES if "cursor" in getattr(one.query, "__struct_fields__", ())]
AT_ONCE = timedelta(milliseconds=1)
FAR = "2199-01-01T00:00:00Z"


@pytest.fixture
async def planted(site: Site) -> Planted:
    """One of everything, a lead that waits, a file of which a part is in, and events."""
    planted = await plant(site, site.home, "home")
    waits = await site.post(f"/v1/leads/{planted.ids['leads']}/signals", {"kind": "replied"})
    assert waits.status in (200, 201, 202), await waits.text()
    begun = await site.post(f"/v1/imports?parts=true&agent_id={site.agent}&name=parts")
    planted.ids["imports"] = (await begun.json())["id"]
    part = await site.send("PUT", f"/v1/imports/{planted.ids['imports']}/parts/1", data=b"phone\n")
    assert part.status in (200, 201), await part.text()
    await Herald(site.database, site.clock, period_s=1, kept_days=7).step(site.clock.now_ms())
    return planted


async def page(site: Site, path: str, **query: str) -> dict[str, Any]:
    named = {name.replace("_at_", "_at."): value for name, value in query.items()}
    reply = await site.get(path, params={"count": "exact", **named})
    assert reply.status == 200, (path, await reply.text())
    found: dict[str, Any] = await reply.json()
    return found


def created_at(shown: dict[str, Any]) -> str:
    """Of a lead that waits: the lead's."""
    at: str = shown.get("lead", shown)["created_at"]
    return at


async def test_each_list_shows_and_counts_what_was_created_in_the_time_that_is_asked_for(
    site: Site, planted: Planted
):
    assert len(LISTS) > 25
    for route in LISTS:
        path = path_of(route, planted)
        everything = await page(site, path)
        total = everything["count"]
        assert total > 0, f"{path} has nothing to show"
        assert len(everything["data"]) == total, path
        for at in {created_at(shown) for shown in everything["data"]}:
            after = utc(datetime.fromisoformat(at) + AT_ONCE)
            then = [shown for shown in everything["data"] if created_at(shown) == at]
            same = await page(site, path, created_at_gte=at, created_at_lt=after)
            assert (path, same["data"], same["count"]) == (path, then, len(then))
            before, since = (
                await page(site, path, created_at_lt=at),
                await page(site, path, created_at_gte=at),
            )
            assert (path, before["count"] + since["count"]) == (path, total)
            assert all(created_at(shown) < at for shown in before["data"]), path
            assert all(created_at(shown) >= at for shown in since["data"]), path


async def test_each_list_is_empty_where_the_time_is_or_is_still_to_come(site: Site, planted: Planted):
    for route in LISTS:
        path = path_of(route, planted)
        [shown, *_] = (await page(site, path))["data"]
        for query in (
            {"created_at_gte": FAR},
            {"created_at_lt": "1960-01-01T00:00:00Z"},
            {"created_at_gte": created_at(shown), "created_at_lt": created_at(shown)},
            {"created_at_gte": FAR, "created_at_lt": created_at(shown)},
        ):
            empty = await page(site, path, **query)
            assert (path, empty["data"], empty["count"], empty["has_more"]) == (path, [], 0, False)


async def test_pages_of_a_time_follow_each_other_in_either_order(site: Site):
    """Agents of three days: those of the second and third, one a page."""
    for day in range(3):
        site.clock.move_to(NOON_ON_A_TUESDAY + day * DAY)
        for name in "ab":
            reply = await site.post("/v1/agents", {"name": f"{day}{name}"})
            assert reply.status == 201, await reply.text()

    for order, wanted in (("asc", ["1a", "1b", "2a", "2b"]), ("desc", ["2b", "2a", "1b", "1a"])):
        names: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            found = await page(
                site, "/v1/agents", limit="1", order=order, created_at_gte="2026-06-17T18:00:00Z", **cursor
            )
            assert found["count"] == 4
            names += [agent["name"] for agent in found["data"]]
            if not found["has_more"]:
                break
            cursor = {"cursor": found["next_cursor"]}
        assert names == wanted
