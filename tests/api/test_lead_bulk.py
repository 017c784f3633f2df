"""POST /v1/leads/bulk: a line for a line, in order; what is wrong with one is nobody else's matter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from api import lead_bulk
from scheduler.ledger.accounts import create_agent
from tests.api.builders import LIVE_PRESET, Site, a_tenant
from tests.api.test_bad_input import IMPOSSIBLE, UNREADABLE

NDJSON = {"Content-Type": "application/x-ndjson"}


def line(number: int, **fields: Any) -> bytes:
    return msgspec.json.encode({"phone": f"+1212555{number:04d}", **fields})


async def send(site: Site, body: Any, **rest: Any) -> list[dict[str, Any]]:
    headers = {**NDJSON, **rest.pop("headers", {})}
    reply = await site.send("POST", "/v1/leads/bulk", data=body, headers=headers, **rest)
    assert reply.status == 200, await reply.text()
    assert reply.content_type == "application/x-ndjson"
    return [msgspec.json.decode(one) for one in (await reply.read()).splitlines()]


async def test_each_line_is_answered_in_order_as_it_would_have_been_alone(site: Site):
    await site.post("/v1/dnc/entries", {"phone": "+12125550104"})
    await site.post("/v1/leads", {"phone": "+12125550105", "name": "Ana"})
    body = b"\n".join(
        [
            line(100, agent_id=site.agent, priority="live"), b'{"phone": "hello"}', b"{", line(101, nmae="x"),
            line(100, name="again"), line(104), line(105), line(105, external_id="e"), line(106),
        ]
    )  # fmt: skip

    rows = await send(site, body + b"\n\n")

    assert [(row["row"], row["status"], row["action"]) for row in rows] == [
        (1, 201, "created"), (2, 422, "rejected"), (3, 400, "rejected"), (4, 422, "rejected"),
        (5, 200, "duplicate"), (6, 409, "suppressed"), (7, 200, "unchanged"), (8, 200, "duplicate"),
        (9, 201, "created"),
    ]  # fmt: skip
    problems = {row["row"]: row["problem"] for row in rows if "problem" in row}
    assert problems[2]["errors"][0] == {
        "code": "phone-invalid", "detail": problems[2]["detail"], "pointer": "/phone",
    }  # fmt: skip
    assert problems[4]["errors"][0]["pointer"] == "/nmae"
    assert problems[6]["code"] == "dnc-blocked"
    assert [problem["retryable"] for problem in problems.values()] == [False] * 4
    assert (rows[4]["id"], rows[7]["id"]) == (rows[0]["id"], rows[6]["id"])
    lead = await (await site.get(f"/v1/leads/{rows[0]['id']}")).json()
    assert lead["next_attempt"]["at"] == "2026-06-16T18:00:00.000Z"
    assert [row["n"] for row in await site.rows("SELECT count(*) AS n FROM loop")] == [1]


async def test_a_duplicate_names_the_lead_of_the_line_that_it_repeats_in_whatever_block_that_was(
    site: Site, monkeypatch: pytest.MonkeyPatch
):
    """API 6: a row is its external id, else its phone; of a line that did not come in there is no lead."""
    monkeypatch.setattr(lead_bulk, "ROWS", 2)
    await site.post("/v1/leads", {"phone": "+12125550105"})
    await site.post("/v1/dnc/entries", {"phone": "+12125550104"})
    lines = [
        line(100, external_id="a"), line(101), line(102, external_id="a"), line(101, external_id="b"),
        line(104), line(104), line(105), line(106), line(100, external_id="a"), line(103),
    ]  # fmt: skip

    rows = await send(site, b"\n".join(lines))

    ids = [row.get("id") for row in rows]
    assert [row["action"] for row in rows] == [
        "created", "created", "duplicate", "duplicate", "suppressed", "duplicate", "unchanged", "created",
        "duplicate", "created",
    ]  # fmt: skip
    assert ids[2] == ids[8] == ids[0]
    assert ids[3] == ids[1]
    assert ids[5] is None
    assert len({ids[0], ids[1], ids[6], ids[9]}) == 4


async def test_a_line_that_means_a_known_lead_by_its_external_id_repeats_the_one_that_meant_it_by_its_phone(
    site: Site,
):
    lead = {"phone": "+12125550105", "external_id": "known"}
    known = await (await site.post("/v1/leads", lead)).json()

    rows = await send(site, b"\n".join([line(105), line(106, external_id="known")]))

    assert [(row["action"], row["id"]) for row in rows] == [
        ("unchanged", known["id"]), ("duplicate", known["id"]),
    ]  # fmt: skip


async def test_lines_go_to_the_agents_and_batches_that_they_name_and_foreign_ones_are_refused(site: Site):
    """I24."""
    second = await create_agent(
        site.database, account_id=site.home.account_id, name="second", auto_dialer=LIVE_PRESET,
        now_ms=site.clock.now_ms(),
    )  # fmt: skip
    batch = (await (await site.post("/v1/batches", {"name": "b", "agent_id": site.agent})).json())["id"]
    other = await a_tenant(site.database, "Other")
    theirs, mine = (site.deps.ids.write("agt", id_) for id_ in (other.agent_id, second))

    rows = await send(
        site,
        b"\n".join(
            [
                line(100, agent_id=mine), line(101, agent_id=theirs), line(102, batch_id=batch),
                line(103, batch_id="bat_x"), line(104, agent_id=5), line(105, cadence_id="cad_x"), line(106),
            ]
        ),
    )  # fmt: skip

    assert [row["status"] for row in rows] == [201, 422, 201, 422, 422, 422, 201]
    pointers = [row["problem"]["errors"][0]["pointer"] for row in rows if row["status"] == 422]
    assert pointers == ["/agent_id", "/batch_id", "/agent_id", "/cadence_id"]
    loops = await site.rows("SELECT agent_id, batch_id FROM loop ORDER BY loop_id")
    assert {row["agent_id"] for row in loops} == {second, site.home.agent_id}
    assert len(await site.rows("SELECT 1 FROM lead WHERE batch_id IS NOT NULL")) == 1


async def test_a_line_is_answered_while_the_next_is_still_to_come(site: Site):
    """API: NDJSON in and out, streamed both ways."""
    answered = asyncio.Event()

    async def lines() -> AsyncIterator[bytes]:
        yield line(100) + b"\n"
        await asyncio.wait_for(answered.wait(), 20)
        yield line(101)

    headers = {**NDJSON, "Authorization": f"Bearer {site.home.key}"}
    async with site.client.post("/v1/leads/bulk", data=lines(), headers=headers) as reply:
        first = msgspec.json.decode(await reply.content.readline())
        answered.set()
        second = msgspec.json.decode(await reply.content.readline())

    assert (first["row"], second["row"]) == (1, 2)
    assert (first["status"], second["status"]) == (201, 201)


async def test_the_same_lines_again_add_nothing_and_several_requests_at_once_make_each_lead_once(site: Site):
    body = b"\n".join(line(number, agent_id=site.agent, name=f"N{number}") for number in range(100, 200))

    replies = await asyncio.gather(*(send(site, body) for _ in range(3)))

    actions = [row["action"] for rows in replies for row in rows]
    assert (actions.count("created"), actions.count("unchanged")) == (100, 200)
    assert len({row["id"] for rows in replies for row in rows}) == 100
    assert [row["n"] for row in await site.rows("SELECT count(*) AS n FROM loop")] == [100]


async def test_no_more_lines_come_in_than_a_request_may_have(site: Site, monkeypatch: pytest.MonkeyPatch):
    """Issue: at most 10,000 rows."""
    monkeypatch.setattr(lead_bulk, "MOST_ROWS", 30)
    monkeypatch.setattr(lead_bulk, "ROWS", 20)

    whole = await send(site, b"\n".join(line(number) for number in range(100, 130)))
    more = await send(site, b"\n".join(line(number) for number in range(130, 180)))

    assert [row["row"] for row in whole] == list(range(1, 31))
    assert {row["status"] for row in whole} == {201}
    assert [row["row"] for row in more] == list(range(1, 32))
    assert (more[-1]["status"], more[-1]["problem"]["code"]) == (413, "body-too-large")
    assert [row["n"] for row in await site.rows("SELECT count(*) AS n FROM lead")] == [60]


async def test_a_repeated_request_gets_the_answers_of_the_first(site: Site):
    headers = {"Idempotency-Key": "bulk-1"}
    first = await send(site, line(100) + b"\n" + line(101), headers=headers)

    again = await send(site, line(100) + b"\n" + line(101), headers=headers)

    assert again == first
    assert {row["action"] for row in again} == {"created"}


@pytest.mark.parametrize("media", ["text/csv", "text/plain", "application/x-ndjson; charset=latin-1"])
async def test_what_is_no_ndjson_is_refused(site: Site, media: str):
    reply = await site.send("POST", "/v1/leads/bulk", data=b"{}", headers={"Content-Type": media})

    assert (reply.status, (await reply.json())["code"]) == (415, "unsupported-media-type")


async def test_no_body_is_400(site: Site):
    reply = await site.send("POST", "/v1/leads/bulk", headers=NDJSON)

    assert reply.status == 400


async def test_lines_of_bad_input_are_refused_one_by_one_and_their_neighbours_come_in(site: Site):
    """RELIABILITY 5.2, the row of POST /leads, for each line."""
    poison = [raw for raw in UNREADABLE.values() if b"\n" not in raw and b"\r" not in raw]
    impossible = [(raw, at) for raw, at in IMPOSSIBLE.values() if raw]
    body = [line(100), *poison, *(raw for raw, _ in impossible), line(101)]

    rows = await send(site, b"\n".join(body))

    assert len(rows) == len(body)
    assert (rows[0]["status"], rows[-1]["status"]) == (201, 201)
    assert {row["status"] for row in rows[1 : len(poison) + 1]} <= {400, 422}
    for (raw, pointer), row in zip(impossible, rows[len(poison) + 1 : -1], strict=True):
        assert row["status"] == 422, raw[:80]
        assert row["problem"]["errors"][0].get("pointer", "") == pointer, raw[:80]
    assert [row["n"] for row in await site.rows("SELECT count(*) AS n FROM lead")] == [2]
