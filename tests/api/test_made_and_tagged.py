"""API 1: what is made is found where the answer says, and the `ETag` of each answer is the one of a GET."""

from __future__ import annotations

import pytest

from api.app import ROUTES
from api.routing import Route
from tests.api.builders import Site
from tests.api.crawl import Planted, ask, body_for, path_of, plant

ALONE = {"/v1/leads/{id}/signals", "/v1/stream-tickets"}
"""What these make is not read by itself."""

APART = {"/v1/accounts", "/v1/webhooks", "/v1/sim/clock"}
"""The operator's, and what asks for the address behind a name: tests of their own make these."""

CHANGES = [one for one in ROUTES if one.method in ("POST", "PUT") and one.scope and one.path not in APART]
READ = {one.path: one.reply for one in ROUTES if one.method == "GET"}


@pytest.fixture
async def planted(site: Site) -> Planted:
    return await plant(site, site.home, "home")


async def test_what_is_made_is_where_the_answer_says_and_tagged_as_it_is_there(site: Site, planted: Planted):
    made = set[str]()
    for route in CHANGES:
        reply = await ask(site, route, path_of(route, planted), body_for(route, planted))
        if reply.status != 201 or route.path in ALONE or route.method == "PUT":
            continue
        made.add(route.path)
        where = reply.headers.get("Location")
        assert where is not None, route.path
        found = await site.get(where)
        assert (route.path, found.status) == (route.path, 200)
        assert (route.path, reply.headers.get("ETag")) == (route.path, found.headers["ETag"])
    assert len(made) >= 15


async def test_what_is_acted_on_is_tagged_as_it_is_read(site: Site, planted: Planted):
    acted, others = set[str](), dict[str, str | None]()
    for route in CHANGES:
        above = acted_on(route)
        if not isinstance(route.reply, type) or READ.get(above) is not route.reply:
            continue
        path = path_of(route, planted)
        reply = await ask(site, route, path, body_for(route, planted))
        if reply.status >= 400 or "Location" in reply.headers:  # not with this one, or another is made
            continue
        acted.add(route.path)
        found = await site.get("/".join(path.split("/")[: len(above.split("/"))]))
        if reply.headers.get("ETag") != found.headers["ETag"]:
            others[route.path] = reply.headers.get("ETag")
    assert others == {}
    assert len(acted) >= 12


async def test_a_lead_is_tagged_when_it_is_taken_in_again(site: Site, planted: Planted):
    for path in ("/v1/leads", "/v1/leads/external/home"):
        method = "POST" if path == "/v1/leads" else "PUT"
        reply = await site.send(method, path, json={"phone": "+12125550123", "external_id": "home"})
        assert reply.status == 200, await reply.text()
        found = await site.get(f"/v1/leads/{planted.ids['leads']}")
        assert reply.headers["ETag"] == found.headers["ETag"]


async def test_an_import_is_tagged_as_it_is_read(site: Site):
    begun = await site.post(f"/v1/imports?agent_id={site.agent}&name=file&parts=true")
    assert begun.status == 201, await begun.text()
    assert begun.headers["ETag"] == (await site.get(begun.headers["Location"])).headers["ETag"]


def acted_on(route: Route) -> str:
    """The path of the object: `/v1/agents/{id}` of `/v1/agents/{id}/pause`."""
    head, id_, _ = route.path.partition("/{id}/")
    return f"{head}/{{id}}" if id_ else route.path.rpartition("/")[0]
