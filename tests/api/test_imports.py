"""POST /v1/imports over HTTP: the file in, the lines out, the rejected rows back (API 6)."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientError

from scheduler.errors import ServerUnavailable
from tests.api.builders import Site, a_tenant
from tests.api.imports import COUNTED, CSV, FILE, LINES, NDJSON, send


async def test_an_import_answers_totals_that_add_up_and_the_leads_are_planned(site: Site):
    """I21."""
    reply = await send(site, FILE, "&consent=demo&max_per_min=60")

    said = await reply.json()
    assert reply.status == 202
    assert reply.headers["Location"] == f"/v1/imports/{said['id']}"
    assert (said["rows"], said["created"], said["rejected"], said["duplicate"]) == (4, 2, 1, 1)
    assert said["rows"] == sum(said[name] for name in COUNTED)
    assert said["status"] == "done"
    assert await (await site.get(f"/v1/imports/{said['id']}")).json() == said
    batch = await (await site.get(f"/v1/batches/{said['batch_id']}")).json()
    assert batch["counts"]["leads"] == 2
    assert sum(batch["counts"].values()) == 4  # the leads, and their sum
    assert batch["throttle"]["max_per_min"] == 60
    assert [
        row["n"] for row in await site.rows("SELECT count(*) AS n FROM loop WHERE status = 'scheduled'")
    ] == [2]


async def test_the_same_file_twice_adds_nothing(site: Site):
    await send(site, FILE)

    again = await (await send(site, FILE)).json()

    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, 2)
    assert [row["n"] for row in await site.rows("SELECT count(*) AS n FROM loop")] == [2]


async def test_rejected_rows_come_back_as_they_came_with_the_reason(site: Site):
    said = await (await send(site, FILE)).json()

    reply = await site.get(said["errors_url"])
    rows = list(csv.reader(io.StringIO(await reply.text())))
    lines = [
        json.loads(line)
        for line in (await (await site.get(said["errors_url"] + "?format=ndjson")).text()).splitlines()
    ]

    assert reply.content_type == "text/csv"
    assert rows[0] == ["Phone", "First Name", "Plan", "_row", "_code", "_detail"]
    assert [row[:5] for row in rows[1:]] == [
        ["hello", "Bob", "B", "3", "phone-invalid"],
        ["'+12125550101", "Ana", "A", "5", "duplicate-in-file"],
    ]
    assert [(line["row"], line["code"], line["cells"]["Phone"]) for line in lines] == [
        (3, "phone-invalid", "hello"), (5, "duplicate-in-file", "+12125550101"),
    ]  # fmt: skip


async def test_rejected_rows_run_in_no_spreadsheet_and_mended_they_go_in_as_they_were_meant(site: Site):
    """RELIABILITY 5.1: also in files that go back to who sent them, cells are no formulas."""
    file = b'Phone,Name,"=1+1"\nhello,"=HYPERLINK(""http://x"",""y"")",@SUM(A1)\n'
    said = await (await send(site, file)).json()

    text = await (await site.get(said["errors_url"])).text()
    header, row = csv.reader(io.StringIO(text))
    assert header[:3] == ["Phone", "Name", "'=1+1"]
    assert row[:3] == ["hello", '\'=HYPERLINK("http://x","y")', "'@SUM(A1)"]

    mended = text.replace("hello", "'+12125550123")
    assert (await (await send(site, mended.encode())).json())["created"] == 1
    [lead] = (await (await site.get("/v1/leads")).json())["data"]
    assert (lead["phone"], lead["name"]) == ("+12125550123", '=HYPERLINK("http://x","y")')
    assert lead["variables"]["=1+1"] == "@SUM(A1)"


async def test_live_lines_begin_with_start_tell_each_bad_row_and_end_with_done(site: Site):
    reply = await send(site, FILE, headers=LINES)

    lines = [json.loads(line) for line in (await reply.text()).splitlines()]
    assert reply.status == 200
    assert reply.content_type == "application/x-ndjson"
    assert [line["t"] for line in lines if line["t"] != "progress"] == ["start", "error", "error", "done"]
    done = lines[-1]
    assert done["rows"] == sum(done[name] for name in COUNTED) == 4
    assert (await site.get(f"/v1/imports/{done['import_id']}")).status == 200
    assert (await site.get(f"/v1/batches/{lines[0]['batch_id']}")).status == 200
    assert all("+1212555" not in json.dumps(line) for line in lines)


@pytest.mark.parametrize("encoding", ["Content-Encoding", "a gzip file"])
async def test_a_packed_file_is_unpacked_by_us(site: Site, encoding: str):
    headers = (
        {**CSV, "Content-Encoding": "gzip"}
        if encoding == "Content-Encoding"
        else {"Content-Type": "application/gzip"}
    )

    said = await (await send(site, gzip.compress(FILE), headers=headers)).json()

    assert said["created"] == 2


async def test_ndjson_goes_in_by_its_type(site: Site):
    data = b'{"phone":"+12125550101","name":"Ana"}\n{"phone":1}\n'

    said = await (await send(site, data, headers=NDJSON)).json()

    assert (said["created"], said["rejected"]) == (1, 1)


async def test_columns_are_mapped_by_hand(site: Site):
    await send(site, b"Wer;Wo\r\n+12125550101;Ana\r\n", "&map.Wer=phone&map.Wo=name&delimiter=;")

    assert [row["name"] for row in await site.rows("SELECT name FROM lead")] == ["Ana"]


async def test_keys_of_ndjson_are_mapped_by_hand_as_columns_are(site: Site):
    """API 5: `map.<column>=<field>` holds for both kinds of file, and goes before the usual names."""
    row = {"phone": "none", "Wer": "+12125550101", "Wo": "Ana", "x": 1, "y": 2, "z": 3}
    query = "&map.Wer=phone&map.Wo=name&map.x=variables.score&map.y=ignore"
    said = await (await send(site, json.dumps(row).encode(), query, headers=NDJSON)).json()
    wrong = await send(site, json.dumps(row).encode(), "&map.Wer=fone", headers=NDJSON)

    [lead] = await site.rows("SELECT phone, name, variables FROM lead")
    assert (said["created"], lead["phone"], lead["name"]) == (1, "+12125550101", "Ana")
    assert json.loads(lead["variables"]) == {"phone": "none", "score": 1, "z": 3}
    assert (await wrong.json())["errors"][0]["parameter"] == "map.Wer"


REFUSED: dict[str, tuple[bytes, int]] = {
    "empty": (b"", 400),
    "blank": (b"\n\n", 400),
    "header only": (b"Phone\n", 400),
    "no phone column": (b"Name,Age\nAna,5\n", 422),
    "no header": (b"+12125550101,Ana Ruiz\n+12125550102,Lee Kim\n", 422),
    "UTF-16": ("Phone\n+12125550101\n".encode("utf-16"), 400),
    "a zip": (b"PK\x03\x04" + b"\0" * 100, 400),
    "a picture": (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, 400),
}


@pytest.mark.parametrize(("data", "status"), REFUSED.values(), ids=list(REFUSED))
@pytest.mark.parametrize("headers", [CSV, LINES], ids=["at once", "live"])
async def test_what_is_no_file_of_leads_is_refused_whole_and_says_what_to_do(
    site: Site, data: bytes, status: int, headers: dict[str, str]
):
    """Issue 2, bad input: a clean refusal before anything is written."""
    reply = await send(site, data, headers=headers)

    problem = await reply.json()
    assert reply.content_type == "application/problem+json"
    assert reply.status in (status, 422), problem
    assert problem["hint"]
    assert "Ana" not in json.dumps(problem)  # the first row is no list of columns
    for table in ("lead", "batch", "import"):
        assert await site.rows(f"SELECT 1 FROM {table}") == []


@pytest.mark.parametrize(
    ("query", "parameter"),
    [("name=x", "agent_id"), ("agent_id={agent}", "name"), ("agent_id=agt_1&name=x", "agent_id"),
     ("agent_id={agent}&batch_id=bat_1", "batch_id"), ("agent_id={agent}&name=x&priority=now", "priority"),
     ("agent_id={agent}&name=x&max_per_min=0", "max_per_min"),
     ("agent_id={agent}&name=x&max_per_min=inf", "max_per_min"),
     ("agent_id={agent}&name=x&max_per_min=nan", "max_per_min"), ("agent_id={agent}&nmae=x", "nmae"),
     ("agent_id={agent}&name=x&on_duplicate=guess", "on_duplicate"), ("agent_id={agent}&name=%00", "name"),
     ("agent_id={foreign}&name=x", "agent_id")],
)  # fmt: skip
async def test_a_wrong_parameter_is_named_and_nothing_is_read(site: Site, query: str, parameter: str):
    other = await a_tenant(site.database, "Other")
    said = query.format(agent=site.agent, foreign=site.deps.ids.write("agt", other.agent_id))

    reply = await site.send("POST", f"/v1/imports?{said}", data=FILE, headers=CSV)

    assert reply.status == 422
    assert (await reply.json())["errors"][0]["parameter"] == parameter
    assert await site.rows("SELECT 1 FROM batch") == []


@pytest.mark.parametrize(
    ("query", "parameter"),
    [("&map.Wer=phone", "map.Wer"), ("&map.Phone=fone", "map.Phone"), ("&delimiter=ab", "delimiter")],
)
async def test_a_parameter_that_does_not_fit_the_file_is_named(site: Site, query: str, parameter: str):
    """API 2: a fault names its parameter, also one that only the file shows."""
    problem = await (await send(site, b"Phone,Name\n+12125550101,Ana\n", query)).json()

    assert (problem["status"], problem["code"]) == (422, "validation-failed")
    assert [(one["parameter"], one["hint"]) for one in problem["errors"]] == [(parameter, problem["hint"])]


@pytest.mark.parametrize(
    "headers",
    [{"Content-Type": "multipart/form-data; boundary=x"}, {"Content-Type": "application/json"},
     {"Content-Type": "text/csv; charset=utf-16"}, {**CSV, "Content-Encoding": "br"}],
)  # fmt: skip
async def test_a_file_of_another_type_is_415(site: Site, headers: dict[str, str]):
    assert (await send(site, FILE, headers=headers)).status == 415


async def test_a_sender_that_leaves_keeps_what_it_sent(site: Site):
    """API 6: disconnect keeps committed rows."""

    async def broken_off() -> AsyncIterator[bytes]:
        yield b"Phone\n" + b"".join(b"+1212555%04d\n" % number for number in range(100, 150))
        while not await site.rows("SELECT 1 FROM import"):
            pass
        raise ConnectionResetError("gone")

    with pytest.raises((ClientError, ConnectionResetError)):
        await send(site, broken_off())

    for _ in range(10_000):
        rows = await site.rows("SELECT status, rows, created FROM import WHERE finished_at IS NOT NULL")
        if rows:
            break
    assert tuple(rows[0]) == ("failed", 50, 50)


async def test_two_senders_of_one_file_at_once_enrol_nobody_twice(site: Site):
    data = b"Phone\n" + b"".join(b"+1212555%04d\n" % number for number in range(100, 200))

    replies = await asyncio.gather(send(site, data), send(site, data))

    said = [await reply.json() for reply in replies]
    assert sum(one["created"] for one in said) == 100
    assert all(one["rows"] == 100 for one in said)
    assert [row["n"] for row in await site.rows("SELECT count(*) AS n FROM loop")] == [100]


async def test_an_import_with_a_key_is_done_once_and_replayed_with_its_last_line(site: Site):
    key = {"Idempotency-Key": "file-1"}
    first = await (await send(site, FILE, headers={**LINES, **key})).text()
    again = await send(site, FILE, headers={**LINES, **key})

    assert again.headers["Idempotency-Replayed"] == "true"
    assert (await again.text()).splitlines() == first.splitlines()[-1:]
    assert [row["n"] for row in await site.rows("SELECT count(*) AS n FROM import")] == [1]


async def test_rows_are_counted_in_the_metrics(site: Site):
    await send(site, FILE)

    assert b"dialwheel_ingest_rows_total 4.0" in await site.deps.metrics.render()


async def test_an_export_that_breaks_does_not_look_like_one_that_ended(site: Site):
    data = b"Phone\n" + b"x%d\n" * 1500 % tuple(range(1500))
    said = await (await send(site, data)).json()
    assert said["rejected"] == 1500
    fetch, pages = site.database.fetch, []

    async def breaking(name: str, *arguments: Any, **rest: Any) -> Any:
        pages.append(name)
        if pages.count("read_import_rejects") == 2:
            raise ServerUnavailable("Postgres does not answer")
        return await fetch(name, *arguments, **rest)

    site.database.fetch = breaking  # type: ignore[method-assign]
    with pytest.raises(ClientError):
        await (await site.get(said["errors_url"])).read()
