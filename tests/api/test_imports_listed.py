"""GET /v1/imports and POST ./cancel (API 5, 6)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from scheduler.ledger.imports import end_import
from tests.api.builders import Site, a_tenant
from tests.api.imports import COUNTED, FILE, LINES, a_file, send, value


async def listed(site: Site, query: str = "") -> list[dict[str, Any]]:
    reply = await site.get(f"/v1/imports?{query}")
    assert reply.status == 200, await reply.text()
    found: list[dict[str, Any]] = (await reply.json())["data"]
    return found


async def test_imports_are_listed_newest_first_a_page_at_a_time(site: Site):
    """API 1: lists."""
    made = [(await (await send(site, FILE)).json())["id"] for _ in range(3)]

    first = await (await site.get("/v1/imports?limit=2&count=exact")).json()
    second = await (await site.get(f"/v1/imports?limit=2&cursor={first['next_cursor']}")).json()

    assert [one["id"] for one in first["data"] + second["data"]] == made[::-1]
    assert (first["has_more"], first["count"], second["has_more"]) == (True, 3, False)
    assert [one["id"] for one in await listed(site, "order=asc")] == made


async def test_a_list_is_narrowed_by_status_batch_and_time(site: Site):
    """API 1: filters."""
    one = await (await send(site, FILE)).json()
    site.clock.move_to(site.clock.now_ms() + 60_000)
    path = f"/v1/imports?agent_id={site.agent}&name=second"
    other = await (await site.send("POST", path, data=FILE, headers={"Content-Type": "text/csv"})).json()
    await site.rows("UPDATE import SET status = 'failed' WHERE import_id = 2")

    def ids(found: list[dict[str, Any]]) -> list[str]:
        return [each["id"] for each in found]

    assert ids(await listed(site, "status=done")) == [one["id"]]
    assert ids(await listed(site, "status=done&status=failed")) == [other["id"], one["id"]]
    assert ids(await listed(site, f"batch_id={one['batch_id']}")) == [one["id"]]
    assert ids(await listed(site, "batch_id=bat_nobody")) == []
    assert ids(await listed(site, f"created_at.gte={other['created_at']}")) == [other["id"]]
    assert ids(await listed(site, f"created_at.lt={other['created_at']}")) == [one["id"]]
    assert (await site.get("/v1/imports?status=gone")).status == 422


async def a_file_that_comes(site: Site, go_on: asyncio.Event) -> AsyncIterator[bytes]:
    """Its first 50 rows, and 50 more when it may."""
    data = a_file(100).splitlines(keepends=True)
    yield b"".join(data[:51])
    await go_on.wait()
    yield b"".join(data[51:])


async def begun(site: Site) -> str:
    """The import that is under way once its first rows are in."""
    while not await site.rows("SELECT 1 FROM import WHERE rows > 0"):
        pass
    return site.deps.ids.write("imp", await value(site, "SELECT import_id FROM import"))


async def test_a_canceled_import_takes_nothing_more_and_keeps_what_is_in(site: Site):
    """API 5: POST ./cancel; I21: its totals are those of the rows that are in."""
    go_on = asyncio.Event()
    sending = asyncio.create_task(send(site, a_file_that_comes(site, go_on), headers=LINES))
    import_id = await begun(site)

    canceled = await site.post(f"/v1/imports/{import_id}/cancel")
    go_on.set()
    done = json.loads((await (await sending).text()).splitlines()[-1])

    said = await canceled.json()
    assert (canceled.status, said["status"], said["created"]) == (200, "canceled", 50)
    assert (done["t"], done["status"], done["resume_row"]) == ("done", "canceled", 52)
    assert await value(site, "SELECT count(*) FROM lead") == 50
    kept = await (await site.get(f"/v1/imports/{import_id}")).json()
    assert kept["rows"] == sum(kept[name] for name in COUNTED) == 50
    assert await value(site, "SELECT status FROM batch") == "running"
    [line] = await site.rows("SELECT before, after FROM audit WHERE action = 'import_canceled'")
    assert json.loads(line["before"]) == {"status": "receiving"}
    assert [row["type"] for row in await site.rows("SELECT type FROM news WHERE type = 'import.done'")] == [
        "import.done"
    ]


async def test_a_sender_that_pauses_is_answered_when_its_import_is_canceled(site: Site):
    """Nobody waits for ten minutes of silence."""
    sending = asyncio.create_task(send(site, a_file_that_comes(site, asyncio.Event()), headers=LINES))
    import_id = await begun(site)

    assert (await site.post(f"/v1/imports/{import_id}/cancel")).status == 200

    lines = (await (await sending).text()).splitlines()
    assert json.loads(lines[-1])["status"] == "canceled"


async def test_canceling_twice_changes_nothing_and_what_is_done_stays_done(site: Site):
    said = await (await send(site, FILE)).json()
    assert (await site.post(f"/v1/imports/{said['id']}/cancel")).status == 409
    assert (await (await site.get(f"/v1/imports/{said['id']}")).json())["status"] == "done"

    await site.rows("UPDATE import SET status = 'receiving', finished_at = NULL")
    for _ in range(2):
        assert (await site.post(f"/v1/imports/{said['id']}/cancel")).status == 200
    assert await value(site, "SELECT count(*) FROM audit WHERE action = 'import_canceled'") == 1


async def test_of_a_cancel_and_an_end_at_once_one_wins_and_both_tell_the_same(site: Site):
    """The statement names the state that it leaves."""
    said = await (await send(site, FILE)).json()
    for turn in range(10):
        await site.rows("UPDATE import SET status = 'receiving', finished_at = NULL")
        end = end_import(site.database, 1, "done", bytes_received=0, now_ms=site.clock.now_ms())
        reply, was = await asyncio.gather(site.post(f"/v1/imports/{said['id']}/cancel"), end)

        status = await value(site, "SELECT status FROM import")
        assert (reply.status, was is not None) == ((200, False) if status == "canceled" else (409, True)), (
            turn
        )


async def test_nobody_cancels_an_import_of_another_account(site: Site):
    """I24."""
    other = await a_tenant(site.database, "Other")
    said = await (await send(site, FILE)).json()
    await site.rows("UPDATE import SET status = 'receiving', finished_at = NULL")

    assert (await site.post(f"/v1/imports/{said['id']}/cancel", key=other.key)).status == 404
    assert await value(site, "SELECT status FROM import") == "receiving"


@pytest.mark.parametrize(("said", "name"), [("tab", "Ana"), ("%7C", None)])
async def test_a_tab_has_a_name_since_a_parameter_holds_none(site: Site, said: str, name: str | None):
    """API 6: `delimiter`."""
    reply = await send(site, b"Phone\tName\n+12125550101\tAna\n", f"&delimiter={said}")

    assert reply.status == (202 if name else 422)
    assert [row["name"] for row in await site.rows("SELECT name FROM lead")] == ([name] if name else [])
