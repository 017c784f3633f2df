"""POST /v1/imports?dry_run=true: how a file would come in, and nothing of it kept (API 1, 6)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.builders import Site
from tests.api.imports import COUNTED, CSV, FILE, LINES, a_file, send, value

TABLES = ("lead", "loop", "batch", "import", "import_reject", "lane", "place", "news", "audit")


async def kept(site: Site) -> dict[str, Any]:
    """All that is in the ledger, by table."""
    return {name: await site.rows(f"SELECT * FROM {name} ORDER BY 1") for name in TABLES}


async def rehearsed(site: Site, data: bytes, query: str = "", **rest: Any) -> dict[str, Any]:
    reply = await send(site, data, f"&dry_run=true{query}", **rest)
    assert reply.status == 200, await reply.text()
    found: dict[str, Any] = await reply.json()
    return found


async def test_a_rehearsal_tells_totals_codes_and_the_first_bad_rows_and_keeps_nothing(site: Site):
    """API 1: a dry run validates, writes nothing, returns `impact`."""
    before = await kept(site)

    said = await rehearsed(site, FILE)

    assert (said["status"], said["rows"], said["created"]) == ("done", 4, 2)
    assert said["rows"] == sum(said[name] for name in COUNTED)
    assert said["codes"] == {"duplicate-in-file": 1, "phone-invalid": 1}
    assert [(one["row"], one["code"], one["value"]) for one in said["errors"]] == [
        (3, "phone-invalid", "hello"), (5, "duplicate-in-file", "+·········01"),
    ]  # fmt: skip
    assert said["impact"]["loops_started"] == 2
    assert said["impact"]["first_touch_at"] <= said["impact"]["last_touch_at"]
    assert said["impact"]["zones"] == {"America/New_York": 2}
    assert await kept(site) == before


KNOWN = [
    b"+12125550101,Ana,,",  # as it is
    b"+12125550102,Cyd Two,,",  # another name
    b"+12125550103,,x-3,",  # its external id is new
    b"+12125550109,Suppressed,,",
    b"+12125550104,,x-3,",  # the same lead as above, by its external id
    b"+12125550199,New,,",
    b"+12125550198,,x-1,",  # a new number for one that is known by its id
    b"nonsense,,,",
    b"+12125550197,,,Mars/Olympus",
    b"+12125550101,,other,",  # the number of another
]
HEADER = b"Phone,Name,External Id,Time Zone"


@pytest.mark.parametrize("on_duplicate", ["update", "skip", "reject"])
async def test_a_rehearsal_foretells_exactly_what_the_import_then_does(site: Site, on_duplicate: str):
    """MISSION, rehearse: the figures that a person decides by are those that come true."""
    first = (HEADER, b"+12125550101,Ana,x-1,", b"+12125550102,Cyd,,", b"+12125550103,Eve,,")
    await send(site, b"\n".join(first))
    await site.rows(
        "INSERT INTO suppression (account_id, phone, reason, created_at) "
        "VALUES ($1, '+12125550109', 'asked', now())", site.home.account_id,
    )  # fmt: skip
    await site.rows("UPDATE lead SET status = 'new' WHERE phone = '+12125550103'")
    await site.rows("DELETE FROM loop WHERE lead_id = 3")  # it is known, and followed up by nobody
    file = b"\n".join((HEADER, *KNOWN))
    before = await kept(site)

    foretold = await rehearsed(site, file, f"&on_duplicate={on_duplicate}")

    assert await kept(site) == before
    loops = await value(site, "SELECT count(*) FROM loop")
    lines = await send(site, file, f"&on_duplicate={on_duplicate}", headers=LINES)
    done = json.loads((await lines.text()).splitlines()[-1])
    assert {name: foretold[name] for name in (*COUNTED, "rows", "codes")} == {
        name: done[name] for name in (*COUNTED, "rows", "codes")
    }
    assert len({name for name in COUNTED if done[name]}) >= 4  # the file has something of most of them
    assert await value(site, "SELECT count(*) FROM loop") == loops + foretold["impact"]["loops_started"]
    kept_rejects = await site.rows("SELECT row, code FROM import_reject WHERE import_id = 2 ORDER BY row")
    assert [(one["row"], one["code"]) for one in foretold["errors"]] == [tuple(row) for row in kept_rejects]


async def test_a_rehearsal_can_be_followed_line_by_line(site: Site):
    before = await kept(site)

    reply = await send(site, FILE, "&dry_run=true", headers=LINES)
    lines = [json.loads(line) for line in (await reply.text()).splitlines()]

    assert [line["t"] for line in lines if line["t"] != "progress"] == ["start", "error", "error", "done"]
    assert (lines[0]["import_id"], lines[-1]["import_id"], lines[-1]["status"]) == (None, None, "done")
    assert lines[-1]["impact"]["loops_started"] == 2
    assert await kept(site) == before


async def test_a_long_rehearsal_shows_the_first_bad_rows_only_and_counts_all(site: Site):
    data = b"Phone\n" + b"".join(b"no%d\n" % number for number in range(250))

    said = await rehearsed(site, data)

    assert (said["rejected"], said["codes"]) == (250, {"phone-invalid": 250})
    assert [one["row"] for one in said["errors"]] == list(range(2, 102))


async def test_first_touches_are_foretold_from_the_start_of_the_batch_on(site: Site):
    said = await rehearsed(site, a_file(200), "&start_at=2026-06-18T15:00:00Z&spread_over_s=3600")

    impact = said["impact"]
    assert impact["first_touch_at"] >= "2026-06-18T15:00:00"
    assert impact["first_touch_at"] < impact["last_touch_at"]
    assert sum(impact["zones"].values()) == 200


async def test_a_rehearsal_refuses_what_the_import_would(site: Site):
    batch = await (await site.post("/v1/batches", {"name": "over", "agent_id": site.agent})).json()
    await site.post(f"/v1/batches/{batch['id']}/cancel")
    path = f"/v1/imports?dry_run=true&batch_id={batch['id']}"

    assert (await site.send("POST", path, data=FILE, headers=CSV)).status == 409
    assert (await send(site, b"Name\nAna\n", "&dry_run=true")).status == 422
    assert (await send(site, b"", "&dry_run=true")).status == 400
    draft = await (await site.post("/v1/cadences", {"name": "a draft"})).json()
    assert (await send(site, FILE, f"&dry_run=true&cadence_id={draft['id']}")).status == 409
