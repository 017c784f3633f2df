"""I24: nothing of one tenant ever reaches another, and nothing that one does changes another."""

from __future__ import annotations

from msgspec import inspect

from api.app import ROUTES
from tests.api.bodies import KINDS, kind_of, put, references
from tests.api.builders import OTHER_PHONE, PHONE, Site, a_lead, a_tenant
from tests.api.crawl import (
    Planted,
    about_of,
    ask,
    body_for,
    holdings,
    path_of,
    plant,
    said,
)
from tests.api.streaming import listening
from tests.api.test_events import numbered

CANARY = "canary-9f3a"


async def two_tenants(site: Site) -> tuple[Planted, Planted]:
    """Each with one of everything, with the same phones; neither is the operator, who sees all accounts."""
    site.home = await a_tenant(site.database, "home")
    home = await plant(site, site.home, "home")
    return home, await plant(site, await a_tenant(site.database, CANARY), CANARY)


async def test_what_is_anothers_does_not_exist_by_any_method_of_any_path(site: Site):
    """Asked by A with the ids of B each route answers 404; asked by B it does not."""
    home, other = await two_tenants(site)
    before = await holdings(site, other.tenant.account_id)
    routes = [one for one in ROUTES if one.scope is not None and "{id}" in one.path]
    assert len(routes) > 70
    for route in routes:
        path = path_of(route, other)
        reply = await ask(site, route, path, body_for(route, home))
        status = 403 if path.startswith("/v1/accounts/") else 404
        assert (route.method, path, reply.status) == (route.method, path, status)
        assert CANARY not in await said(reply)
    assert await holdings(site, other.tenant.account_id) == before
    for route in sorted(routes, key=lambda one: (one.method == "DELETE", one.method != "GET")):
        reply = await ask(site, route, path_of(route, other), body_for(route, other), key=other.tenant.key)
        if route.method != "DELETE":  # its lead's loop goes with it, and so on
            assert (route.method, route.path, reply.status) != (route.method, route.path, 404)
        assert reply.status < 500, (route.method, route.path, await reply.text())


async def test_a_body_that_names_something_of_anothers_is_refused_and_changes_nothing(site: Site):
    """Each reference of each body in turn, all others right."""
    home, other = await two_tenants(site)
    before = await holdings(site, other.tenant.account_id)
    tried = 0
    for route in ROUTES:
        if route.body is None:
            continue
        body = body_for(route, home)
        assert body is not None
        for place in references(route.body, about_of(route)):
            if place[0] not in body:
                continue
            kind = kind_of(place, about_of(route))
            theirs = other.by_kind.get(kind or "", other.ids["step_id"])
            reply = await ask(site, route, path_of(route, home), put(body, place, theirs))
            assert CANARY not in await said(reply), (route.path, place)
            if route.path == "/v1/leads/search":
                assert (await reply.json())["data"] == []
            else:
                problem = await reply.json()
                assert (route.path, place, reply.status) == (route.path, place, 422)
                assert "no s" in problem["detail"], (route.path, place, problem)
            tried += 1
        assert "no such" not in await said(await ask(site, route, path_of(route, home), body)), route.path
    assert tried > 40
    assert await holdings(site, other.tenant.account_id) == before


async def test_no_list_and_no_search_shows_anything_of_another(site: Site):
    """Lists as they are, and narrowed to what is B's."""
    _, other = await two_tenants(site)
    for route in ROUTES:
        if route.method != "GET" or "{" in route.path or route.scope is None:
            continue
        fields = inspect.type_info(route.query).fields  # type: ignore[attr-defined]
        narrow = {
            field.encode_name: other.by_kind[KINDS[field.encode_name]]
            for field in fields
            if KINDS.get(field.encode_name) in other.by_kind
        }
        for query in ({}, *({name: id_} for name, id_ in narrow.items())):
            reply = await site.send("GET", route.path, params=query)
            assert reply.status in (200, 403, 404, 422), (route.path, query)
            assert CANARY not in await said(reply), (route.path, query)
    for wanted in (
        {"name": CANARY},
        {"external_id": CANARY},
        {"agent_id": other.ids["agents"]},
        {"tag": CANARY},
    ):
        found = await (await site.post("/v1/leads/search", {"filter": wanted})).json()
        assert found["data"] == []
    assert len((await (await site.get("/v1/leads")).json())["data"]) == 1


async def test_whatever_a_tenant_does_with_its_own_changes_nothing_of_another(site: Site):
    """Every route once with all that is right; what succeeds is answered as its description says."""
    home, other = await two_tenants(site)
    before = await holdings(site, other.tenant.account_id)
    for route in sorted(ROUTES, key=lambda one: one.method == "DELETE"):
        if route.scope is None:
            continue
        reply = await ask(site, route, path_of(route, home), body_for(route, home))
        assert reply.status in route.answers or 400 <= reply.status < 500, (route.method, route.path)
        assert CANARY not in await said(reply), (route.method, route.path)
    for body in ({"phone": PHONE}, {"phone": OTHER_PHONE}):
        assert (await site.post("/v1/dnc/entries", body)).status in (200, 201)
    assert await holdings(site, other.tenant.account_id) == before


async def test_a_stream_tells_nothing_of_another_whatever_topics_it_names(site: Site):
    home, other = await two_tenants(site)
    lead, batch = other.ids["leads"], other.ids["batches"]
    async with listening(
        site, {"topics": f"attempts,batch:{batch},lead:{lead},lead:{home.ids['leads']}"}
    ) as reader:
        for planted in (other, home):
            body = {"tags": ["told"], "name": planted.canary}
            path = f"/v1/leads/{planted.ids['leads']}"
            assert (await site.send("PATCH", path, json=body, key=planted.tenant.key)).status == 200
        await numbered(site)
        [heard] = await reader.events(1)
        assert heard.data["data"]["object"]["id"] == home.ids["leads"]
        assert CANARY not in str(heard)
    replayed = await (await site.get("/v1/events", params={"lead_id": lead})).text()
    assert CANARY not in replayed


async def test_a_file_names_nothing_of_another(site: Site):
    """Imports and bulk lines with an agent, a batch or a cadence of B's."""
    _, other = await two_tenants(site)
    before = await holdings(site, other.tenant.account_id)
    leads = await site.rows("SELECT count(*) AS n FROM lead WHERE account_id = $1", site.home.account_id)
    for name in ("agent_id", "batch_id", "cadence_id"):
        id_ = other.by_kind[KINDS[name]]
        reply = await site.send(
            "POST", "/v1/imports", params={name: id_, "name": "x"}, data=b"phone\n+12125550150\n",
            headers={"Content-Type": "text/csv"},
        )  # fmt: skip
        assert reply.status == 422, await reply.text()
        assert CANARY not in await said(reply)
        line = await site.post("/v1/leads", a_lead(phone="+12125550151", **{name: id_}))
        assert line.status == 422
        assert CANARY not in await said(line)
    assert (
        await site.rows("SELECT count(*) AS n FROM lead WHERE account_id = $1", site.home.account_id) == leads
    )
    assert await holdings(site, other.tenant.account_id) == before
