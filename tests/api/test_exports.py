"""Exports: files of what the lists show (API 5), safe to open (RELIABILITY 5.2), each account's own (I24)."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from api import export_kinds, exporting
from api.exporting import cell
from api.job_kinds import kinds
from scheduler.domain.time import DAY, HOUR
from scheduler.ledger import exports
from scheduler.services.exports import OldExports
from scheduler.services.jobs import Jobs
from tests.api.builders import PHONE, Site, a_lead, a_tenant
from tests.api.test_attempts import a_call, result


async def work(site: Site) -> None:
    """All jobs that are queued, to their end."""
    jobs = Jobs(site.flow, site.clock, site.deps.settings, kinds(site.deps.ids))
    await jobs.step(site.clock.now_ms())


async def begin(site: Site, kind: str, status: int = 202, **said: Any) -> Any:
    reply = await site.post("/v1/exports", {"kind": kind, **said})
    assert reply.status == status, await reply.text()
    return await reply.json()


async def shown(site: Site, export: dict[str, Any]) -> Any:
    return await (await site.get(f"/v1/exports/{export['id']}")).json()


async def fetched(site: Site, export: dict[str, Any]) -> str:
    reply = await site.get(f"/v1/exports/{export['id']}/file")
    assert reply.status == 200, await reply.text()
    assert reply.headers["Content-Disposition"] == f'attachment; filename="{export["name"]}"'
    return await reply.text()


async def exported(site: Site, kind: str, **said: Any) -> str:
    export = await begin(site, kind, **said)
    await work(site)
    return await fetched(site, export)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


async def leads(site: Site, *names: str, **fields: Any) -> list[str]:
    made = []
    for number, name in enumerate(names):
        body = a_lead(phone=f"+1212555013{number}", name=name, **{"agent_id": site.agent, **fields})
        made.append((await (await site.post("/v1/leads", body)).json())["id"])
    return made


async def test_a_file_is_written_in_the_background_and_fetched_when_it_is_done(site: Site):
    ids = await leads(site, "Ana", "Bob")

    export = await begin(site, "leads")
    assert (export["status"], export["file_url"], export["format"]) == ("queued", None, "csv")
    assert export["name"] == "leads-simulated-2026-06-16.csv", "of demo data the name says so"
    early = await site.get(f"/v1/exports/{export['id']}/file")
    assert (early.status, (await early.json())["code"]) == (409, "state-conflict")
    await work(site)

    done = await shown(site, export)
    assert (done["status"], done["rows"], done["done"], done["total"]) == ("done", 2, 2, 2)
    text = await fetched(site, export)
    assert done["bytes"] == len(text.encode())
    assert [(row["id"], row["name"]) for row in rows_of(text)] == list(zip(ids, ("Ana", "Bob"), strict=True))
    job = await (await site.get(f"/v1/jobs/{done['job_id']}")).json()
    assert (job["kind"], job["status"]) == ("export", "done")
    actions = (await (await site.get(f"/v1/audit?target={export['id']}")).json())["data"]
    assert [line["action"] for line in actions] == ["export_downloaded", "export_begun"]


async def test_lines_of_ndjson_are_the_objects_of_the_list(site: Site):
    await leads(site, "Ana", "Bob")

    lines = [json.loads(line) for line in (await exported(site, "leads", format="ndjson")).splitlines()]

    listed = (await (await site.get("/v1/leads?order=asc")).json())["data"]
    assert lines == listed


async def test_each_kind_can_be_had_whole_and_by_a_filter(site: Site):
    lead, attempt = await a_call(site)
    await result(site, attempt, outcome="busy")
    [other] = await leads(site, "Ana", tags=["hot"])
    callback = {"lead_id": other, "at": "2026-06-17T15:30:00Z"}
    called = (await (await site.post("/v1/callbacks", callback)).json())["id"]
    entry = await (await site.post("/v1/dnc/entries", {"phone": "+12125550177"})).json()
    loop = (await (await site.get(f"/v1/loops?lead_id={lead}")).json())["data"][0]["id"]
    span = {"gte": "2026-06-16T00:00:00Z", "lt": "2026-06-17T00:00:00Z"}
    wanted: list[tuple[str, dict[str, Any], list[str]]] = [
        ("leads", {}, [lead, other]),
        ("leads", {"tag": ["hot"]}, [other]),
        ("leads", {"agent_id": [site.agent], "at": span}, [lead, other]),
        ("attempts", {}, [attempt]),
        ("attempts", {"lead_id": [other]}, []),
        ("attempts", {"loop_id": [loop], "status": ["ended"]}, [attempt]),
        ("loops", {"lead_id": [lead]}, [loop]),
        ("callbacks", {"status": ["scheduled"]}, [called]),
        ("callbacks", {"status": ["done"]}, []),
        ("dnc_entries", {}, [entry["id"]]),
    ]
    for kind, filter_, ids in wanted:
        found = rows_of(await exported(site, kind, filter=filter_))
        assert [row["id"] for row in found] == ids, (kind, filter_)
    lines = rows_of(await exported(site, "audit", filter={"at": span}))
    assert "result_noted" in {row["action"] for row in lines}


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=cmd|"/c calc"!A0'])
def test_a_cell_that_a_spreadsheet_would_run_is_text(name: str):
    """RELIABILITY 5.2: formulas in spreadsheets."""
    assert cell(name) == f"'{name}"


async def test_what_somebody_is_called_runs_in_no_spreadsheet_and_phones_keep_their_digits(site: Site):
    await leads(site, '=HYPERLINK("http://x","y")', "+SUM(A1)", 'a,"b"\nc', variables={"x": "=1"})

    rows = rows_of(await exported(site, "leads"))
    assert [row["name"] for row in rows] == ['\'=HYPERLINK("http://x","y")', "'+SUM(A1)", 'a,"b"\nc']
    assert rows[0]["phone"] == "'+12125550130"
    assert json.loads(rows[0]["variables"]) == {"x": "=1"}
    bare = rows_of(await exported(site, "leads", drop_plus=True))
    assert (bare[0]["phone"], bare[1]["name"]) == ("12125550130", "'+SUM(A1)")


async def test_a_file_of_many_parts_is_gone_on_with_after_a_crash_and_has_each_row_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
):
    """A part and the place where the job goes on are written at once."""
    monkeypatch.setattr(export_kinds, "PAGE", 2)
    ids = await leads(site, *"abcdefg")
    export = await begin(site, "leads")
    parts = 0

    async def crashing(*arguments: Any, **named: Any) -> bool:
        nonlocal parts
        parts += 1
        written = await exports.add_part(*arguments, **named)
        if parts in (2, 4):
            raise RuntimeError("the process was killed")  # after the write, before the commit
        return written

    monkeypatch.setattr(exporting, "add_part", crashing)
    for _ in range(3):
        await work(site)
        await site.rows("UPDATE job SET leased_until = NULL")

    done = await shown(site, export)
    assert (done["status"], done["rows"], parts) == ("done", 7, 6)
    assert [row["id"] for row in rows_of(await fetched(site, export))] == ids


async def test_a_file_is_kept_for_a_while_and_then_gone(site: Site):
    await leads(site, "Ana")
    export = await begin(site, "leads")
    await work(site)
    assert export["expires_at"] == "2026-06-19T18:00:00.000Z"
    site.clock.move_to(site.clock.now_ms() + 3 * DAY - HOUR)
    await OldExports(site.database).step(site.clock.now_ms())
    assert "Ana" in await fetched(site, export)

    site.clock.move_to(site.clock.now_ms() + HOUR)
    assert (await site.get(f"/v1/exports/{export['id']}/file")).status == 404
    await OldExports(site.database).step(site.clock.now_ms())
    assert await site.rows("SELECT 1 FROM export_part") == []


async def test_a_canceled_job_writes_no_file(site: Site):
    await leads(site, "Ana")
    export = await begin(site, "leads")
    assert (await site.post(f"/v1/jobs/{export['job_id']}/cancel")).status == 200
    await work(site)

    assert (await shown(site, export))["status"] == "canceled"
    assert (await site.get(f"/v1/exports/{export['id']}/file")).status == 409


async def test_what_a_key_may_not_list_it_can_neither_export_nor_fetch(site: Site):
    made = await (await site.post("/v1/api-keys", {"name": "reader", "scopes": ["read"]})).json()
    reader = made["secret"]
    for kind in ("audit", "dnc_entries"):
        reply = await site.post("/v1/exports", {"kind": kind}, key=reader)
        assert (reply.status, (await reply.json())["code"]) == (403, "scope-missing")
    export = await begin(site, "audit")
    await work(site)
    assert (await site.get(f"/v1/exports/{export['id']}/file", key=reader)).status == 403


async def test_a_file_has_rows_of_its_own_account_alone_and_is_nobody_else_s(site: Site):
    """I24: the job serves its account by the ledger's own walls."""
    await leads(site, "Ana")
    other = await a_tenant(site.database, "other")
    agent = site.deps.ids.write("agt", other.agent_id)
    theirs = await (
        await site.post("/v1/leads", a_lead(phone=PHONE, name="canary", agent_id=agent), key=other.key)
    ).json()
    export = await begin(site, "leads")
    await work(site)

    text = await fetched(site, export)
    assert "Ana" in text
    assert "canary" not in text
    for path in (f"/v1/exports/{export['id']}", f"/v1/exports/{export['id']}/file"):
        assert (await site.get(path, key=other.key)).status == 404
    assert (await (await site.get("/v1/exports", key=other.key)).json())["data"] == []
    for kind, filter_ in (("leads", {"agent_id": [agent]}), ("loops", {"lead_id": [theirs["id"]]})):
        assert (await begin(site, kind, 422, filter=filter_))["errors"][0]["code"] == "not-found"


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"kind": "calls"}, "/kind"),
        ({"kind": "leads", "format": "xlsx"}, "/format"),
        ({"kind": "audit", "filter": {"status": ["new"]}}, "/filter/status"),
        ({"kind": "leads", "filter": {"status": ["hot"]}}, "/filter/status"),
        ({"kind": "leads", "filter": {"agent_id": ["agt_x"]}}, "/filter/agent_id/0"),
        ({"kind": "leads", "filter": {"phone": "1"}}, "/filter/phone"),
        ({"kind": "leads", "filter": {"tag": []}}, "/filter/tag"),
        ({}, "/kind"),
    ],
)
async def test_an_order_that_makes_no_sense_is_422_and_says_where(site: Site, said: dict, pointer: str):
    reply = await site.post("/v1/exports", said)
    assert reply.status == 422
    assert [error["pointer"] for error in (await reply.json())["errors"]] == [pointer]


async def test_an_account_keeps_a_limited_number_of_files(site: Site):
    for _ in range(site.deps.settings.exports_kept):
        last = await begin(site, "audit")

    assert (await begin(site, "audit", 409))["code"] == "state-conflict"
    newest = (await (await site.get("/v1/exports?limit=200")).json())["data"]
    oldest = (await (await site.get("/v1/exports?limit=200&order=asc&count=exact")).json())["data"]
    assert len(newest) == 20
    assert oldest == newest[::-1]
    assert newest[0]["id"] == last["id"], "the newest first"
    assert len(await site.rows("SELECT 1 FROM job")) == 20, "nothing is begun for it"
