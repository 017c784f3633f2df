"""GET /v1/leads and POST /v1/leads/search: every lead once, in order, whatever comes in between."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from typing import Any

import pytest

from tests.api.builders import Site, a_lead, a_tenant


async def take_in(site: Site, last: int, **fields: Any) -> dict[str, Any]:
    fields = {"phone": f"+12125550{last}", "priority": "bulk", **fields}
    reply = await site.post("/v1/leads", fields)
    assert reply.status == 201, await reply.text()
    return await reply.json()


async def ids_of(site: Site, path: str) -> list[str]:
    reply = await site.get(path)
    assert reply.status == 200, await reply.text()
    return [lead["id"] for lead in (await reply.json())["data"]]


async def test_a_page_shows_the_newest_leads_and_links_to_the_next_which_stays_right_while_leads_are_added(
    site: Site,
):
    """Issue: cursor pages that stay right while rows are added."""
    made = []
    for last in range(100, 105):
        made.append((await take_in(site, last))["id"])
        site.clock.move_to(site.clock.now_ms() + 1000)

    first = await site.get("/v1/leads?limit=2&count=exact")
    page = await first.json()
    await take_in(site, 110)
    link = first.headers["Link"]
    rest = await (await site.get(link[link.index("<") + 1 : link.index(">")])).json()

    assert [lead["id"] for lead in page["data"]] == made[:2:-1]
    assert (page["has_more"], page["count"], page["count_exact"]) == (True, 5, True)
    assert [lead["id"] for lead in rest["data"]] == made[2:0:-1]


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_pages_of_leads_made_at_one_instant_hold_each_of_them_once(site: Site, order: str):
    made = [(await take_in(site, last))["id"] for last in range(100, 107)]
    seen: list[str] = []
    cursor = ""

    while cursor is not None:
        reply = await site.get(f"/v1/leads?limit=3&order={order}" + (f"&cursor={cursor}" if cursor else ""))
        page = await reply.json()
        seen += [lead["id"] for lead in page["data"]]
        cursor = page["next_cursor"]

    assert seen == (made if order == "asc" else made[::-1])


async def test_each_filter_finds_its_own_and_several_of_them_narrow(site: Site):
    batch = (await (await site.post("/v1/batches", {"name": "b", "agent_id": site.agent})).json())["id"]
    plain = await take_in(site, 100, tags=["hot"], external_id="crm-5")
    followed = await take_in(site, 101, agent_id=site.agent, tags=["hot", "solar"])
    batched = await take_in(site, 102, batch_id=batch, priority="live", external_id="crm-7")
    everybody = [batched["id"], followed["id"], plain["id"]]

    for query, wanted in {
        "status=new": [plain], "status=active": [batched, followed], "status=new&status=active": everybody,
        f"agent_id={site.agent}": [batched, followed], f"batch_id={batch}": [batched],
        f"agent_id={site.agent}&agent_id=agt_nobody&tag=solar": [followed], "tag=hot": [followed, plain],
        "tag=hot&tag=solar": [followed], "tag=none": [], "priority=live": [batched],
        "priority=live&priority=bulk": everybody,
        "external_id=crm-7": [batched], "external_id=crm-7&external_id=crm-5": [batched, plain],
        "external_id=none": [], "agent_id=agt_nobody": [], "batch_id=x": [],
        "created_at.gte=2026-06-16T18:00:00Z": everybody, "created_at.lt=2026-06-16T18:00:00Z": [],
        "status=reached": [],
    }.items():  # fmt: skip
        ids = [one if isinstance(one, str) else one["id"] for one in wanted]
        assert await ids_of(site, f"/v1/leads?{query}") == ids, query


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"), ("limit=201", "limit"), ("limit=x", "limit"), ("order=up", "order"),
        ("status=gone", "status"), ("count=all", "count"), ("created_at.gte=tomorrow", "created_at.gte"),
        ("created_at.lt=2026-06-16T18:00:00", "created_at.lt"), ("phone=%2B12125550123", "phone"),
        ("tag=", "tag"), ("order=asc&order=desc", "order"), ("external_id=a%00b", "external_id"),
    ],
)  # fmt: skip
async def test_a_parameter_that_means_nothing_is_named(site: Site, query: str, parameter: str):
    reply = await site.get(f"/v1/leads?{query}")

    assert reply.status == 422
    assert (await reply.json())["errors"][0]["parameter"].startswith(parameter)


@pytest.mark.parametrize(
    "cursor",
    ["x", "cur_0000000000000", "cur_0000000000000.e30", "9" * 900, "%C3%A9.%F0%9F%98%80", "."],
)
async def test_a_cursor_that_was_never_given_out_is_400(site: Site, cursor: str):
    reply = await site.get(f"/v1/leads?cursor={cursor}")

    assert (reply.status, (await reply.json())["code"]) == (400, "invalid-cursor")


async def test_a_cursor_is_good_for_the_order_it_was_made_in_only(site: Site):
    for last in (100, 101):
        await take_in(site, last)
    cursor = (await (await site.get("/v1/leads?limit=1")).json())["next_cursor"]

    assert (await site.get(f"/v1/leads?limit=1&cursor={cursor}")).status == 200
    assert (await site.get(f"/v1/leads?limit=1&order=asc&cursor={cursor}")).status == 400
    swapped = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
    assert (await site.get(f"/v1/leads?cursor={swapped}")).status == 400


async def test_counts_are_exact_or_about_as_asked(site: Site):
    for last in range(100, 104):
        await take_in(site, last, tags=["hot"] if last % 2 else [])

    about = await (await site.get("/v1/leads?limit=1&count=estimate")).json()
    exact = await (await site.get("/v1/leads?limit=1&count=exact&tag=hot")).json()
    nobody = await (await site.get("/v1/leads?limit=1&count=estimate&agent_id=agt_no")).json()

    assert (about["count"], about["count_exact"]) == (4, True), "so few are counted"
    assert (exact["count"], exact["count_exact"]) == (2, True)
    assert (nobody["count"], nobody["count_exact"]) == (0, True)
    assert "count" not in await (await site.get("/v1/leads")).json()


async def test_many_leads_are_told_about_as_many_as_there_are(site: Site, monkeypatch: pytest.MonkeyPatch):
    """API 1: `?count=estimate`; what is shown is never more than the count."""
    for last in range(100, 104):
        await take_in(site, last)
    for limit, value in (("MOST_COUNTED", 3), ("CHEAP", 0.0)):
        await site.rows("ANALYZE lead")
        with monkeypatch.context() as patch:
            patch.setattr(f"scheduler.ledger.leads.{limit}", value)
            about = await (await site.get("/v1/leads?limit=1&count=estimate")).json()
        assert (about["count"], about["count_exact"]) == (4, False), limit


@pytest.mark.parametrize("sort", ["created_at", "updated_at", "contacted_at", "name", "attempts_count"])
@pytest.mark.parametrize("sign", ["", "-"])
async def test_search_goes_page_by_page_in_every_order_over_every_lead_once(site: Site, sort: str, sign: str):
    made = [await take_in(site, 100 + n, name=f"N{n % 3}") for n in range(7)]
    for n, lead in enumerate(made):
        number = site.deps.ids.read("lead", lead["id"])
        await site.rows(
            "UPDATE lead SET attempts_count = g.n, updated_at = created_at + g.n * interval '1 hour',"
            " contacted_at = CASE WHEN g.n > 0 THEN created_at + g.n * interval '1 minute' END"
            " FROM (SELECT $2::integer AS n) AS g WHERE lead_id = $1", number, n % 4,
        )  # fmt: skip
    keys = {
        row["id"]: (0 if row[sort] == 0 else row[sort] or "", n)
        for n, row in enumerate([await (await site.get(f"/v1/leads/{lead['id']}")).json() for lead in made])
    }
    seen: list[str] = []
    cursor = None

    while True:
        asked = {"limit": 2, "sort": f"{sign}{sort}", **({"cursor": cursor} if cursor else {})}
        page = await (await site.post("/v1/leads/search", asked)).json()
        seen += [lead["id"] for lead in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert seen == sorted(keys, key=lambda id_: keys[id_], reverse=sign == "-")


async def test_signs_of_a_pattern_in_a_name_are_letters_like_others(site: Site):
    """RELIABILITY 5.1: LIKE escaped."""
    names = ["100%", "a_b", "aXb", "back\\slash", "%"]
    for n, name in enumerate(names):
        await take_in(site, 100 + n, name=name)
    wanted = {
        "%": ["100%", "%"],
        "_": ["a_b"],
        "\\": ["back\\slash"],
        "\\%": [],
        "a_b": ["a_b"],
        "' OR 1=1": [],
    }
    for said, found in wanted.items():
        reply = await site.post("/v1/leads/search", {"filter": {"name": said}})
        assert sorted(lead["name"] for lead in (await reply.json())["data"]) == sorted(found), said


async def test_a_cursor_tells_neither_names_nor_how_many_leads_there_are(site: Site):
    """Public ids hide the ledger's numbers on purpose, and no name may be in an access log."""
    await take_in(site, 100, name="Ana Canary")
    await take_in(site, 101, name="Zoe Canary")
    for sort in ("name", "created_at"):
        page = await (await site.post("/v1/leads/search", {"limit": 1, "sort": sort})).json()
        cursor = page["next_cursor"]
        _, _, body = cursor.partition(".")
        inside = urlsafe_b64decode(body + "=" * (-len(body) % 4))
        for told in (b"Canary", b"lead_id", b"2026-"):
            assert told not in cursor.encode()
            assert told not in inside


async def test_leads_of_the_longest_names_are_paged_by_name_too(site: Site):
    for last in (100, 101):
        await take_in(site, last, name="\N{MUSICAL SYMBOL G CLEF}" * 500)
    asked = {"limit": 1, "sort": "name"}
    page = await (await site.post("/v1/leads/search", asked)).json()
    rest = await site.post("/v1/leads/search", {**asked, "cursor": page["next_cursor"]})
    assert rest.status == 200, await rest.text()
    assert (await rest.json())["has_more"] is False


async def test_search_takes_one_value_or_several_and_a_span_of_time(site: Site):
    one, other = await take_in(site, 100, email="Ana@Example.com"), await take_in(site, 101, tags=["a", "b"])

    for narrow, wanted in (
        ({"email": "ana@example.COM"}, [one]), ({"tag": "a"}, [other]), ({"tag": ["a", "b"]}, [other]),
        ({"status": "new", "priority": "bulk"}, [other, one]), ({"status": ["new", "active"]}, [other, one]),
        ({"created_at": {"gte": "2026-06-16T18:00:00Z", "lt": "2026-06-17T00:00:00Z"}}, [other, one]),
        ({"created_at": {"lt": "2026-06-16T18:00:00Z"}}, []),
    ):  # fmt: skip
        found = await (await site.post("/v1/leads/search", {"filter": narrow})).json()
        assert [lead["id"] for lead in found["data"]] == [lead["id"] for lead in wanted], narrow


async def test_lists_show_nothing_of_another_account(site: Site):
    """I24."""
    other = await a_tenant(site.database, "Other")
    await site.post("/v1/leads", a_lead(tags=["canary"]), key=other.key)

    assert await ids_of(site, "/v1/leads?tag=canary") == []
    page = await (await site.get("/v1/leads?count=exact")).json()
    assert (page["data"], page["count"]) == ([], 0)


async def test_leads_are_taken_into_a_cadence_that_is_active_and_found_by_it(site: Site):
    """API: POST enrols when a cadence is given; cadence-not-active."""
    cadence = await (
        await site.post("/v1/cadences", {"name": "Five-step", "steps": [{"name": "one"}, {"name": "two"}]})
    ).json()
    other = await a_tenant(site.database, "Other")
    theirs = await (await site.post("/v1/cadences", {"name": "x", "steps": [{}]}, key=other.key)).json()
    said = {"agent_id": site.agent, "cadence_id": cadence["id"]}

    draft = await site.post("/v1/leads", a_lead(**said))
    foreign = await site.post("/v1/leads", a_lead(**said | {"cadence_id": theirs["id"]}))
    published = await site.post(f"/v1/cadences/{cadence['id']}/publish", {})
    await site.post(f"/v1/cadences/{cadence['id']}/activate")
    followed = await take_in(site, 100, **said)
    plain = await take_in(site, 101, agent_id=site.agent)

    assert (draft.status, (await draft.json())["code"]) == (409, "cadence-not-active")
    assert (foreign.status, (await foreign.json())["errors"][0]["pointer"]) == (422, "/cadence_id")
    assert published.status in (200, 202)
    assert await ids_of(site, f"/v1/leads?cadence_id={cadence['id']}") == [followed["id"]]
    assert await ids_of(site, f"/v1/leads?agent_id={site.agent}&limit=1") == [plain["id"]]
    found = await site.post(
        "/v1/leads/search", {"filter": {"cadence_id": [cadence["id"], "cad_x"]}, "count": "exact"}
    )
    page = await found.json()
    assert ([lead["id"] for lead in page["data"]], page["count"]) == ([followed["id"]], 1)
