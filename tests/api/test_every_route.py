"""RELIABILITY 5.2, the last row of the table: what every endpoint must survive, asked of each route there is.

A route that is added is asked from then on; what only one of them must survive is in the tests of its own.
"""

from __future__ import annotations

import io
from collections import defaultdict
from typing import Any

import msgspec
import pytest
from aiohttp import ClientResponse
from msgspec import inspect

from api.app import ROUTES
from api.routing import Route, showing
from scheduler.ledger.keys import SCOPES, create_key
from tests.api.builders import NOON_ON_A_TUESDAY, Site
from tests.api.crawl import PARAMETER, Planted, ask, body_for, collection_of, holdings, path_of, plant

GUARDED = [one for one in ROUTES if one.scope is not None]
TYPED = [one for one in GUARDED if one.body is not None]
LISTS = [
    one for one in GUARDED if one.method == "GET" and "cursor" in getattr(one.query, "__struct_fields__", ())
]
JSON = {"Content-Type": "application/json"}
UNNOTED = frozenset({"/v1/stream-tickets", "/v1/leads", "/v1/leads/bulk", "/v1/leads/external/{external_id}"})
"""A ticket lets nobody do anything; leads come by the million and have a history of their own."""


def nowhere(route: Route) -> str:
    """A path of the route's that leads to nothing: what is wrong with the request is said before."""
    values = {"id": "xx_0", "step_id": "stp_0", "version": "1", "part": "1"}
    return PARAMETER.sub(lambda match: values.get(match[1], "none"), route.path)


async def refused(reply: ClientResponse, status: int, code: str, route: Route) -> dict[str, Any]:
    """The problem, which is one as API 2 has it."""
    text = await reply.text()
    where = (route.method, route.path)
    assert (where, reply.status, reply.content_type) == (where, status, "application/problem+json"), text
    problem: dict[str, Any] = msgspec.json.decode(text)
    assert (where, problem["code"], problem["type"]) == (where, code, f"/problems/{code}")
    assert problem["request_id"] == reply.headers["X-Request-Id"]
    return problem


@pytest.fixture
async def planted(site: Site) -> Planted:
    return await plant(site, site.home, "home")


async def test_without_a_key_each_is_401(site: Site):
    for route in GUARDED:
        reply = await site.client.request(route.method, nowhere(route))
        await refused(reply, 401, "unauthenticated", route)
        assert reply.headers["WWW-Authenticate"] == "Bearer"


async def test_with_every_scope_but_its_own_each_is_403(site: Site):
    account_id = site.home.account_id
    keys = {
        scope: await create_key(
            site.database, account_id, "r", "test", set(SCOPES) - {scope, "admin"}, NOON_ON_A_TUESDAY
        )
        for scope in SCOPES
    }
    for route in GUARDED:
        assert route.scope is not None
        reply = await site.send(route.method, nowhere(route), key=keys[route.scope])
        await refused(reply, 403, "scope-missing", route)


async def test_a_method_that_a_path_does_not_have_is_405_and_names_those_it_has(site: Site):
    methods: dict[str, set[str]] = defaultdict(set)
    for route in ROUTES:
        methods[nowhere(route)].add(route.method)
    for path, has in methods.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - has:
            reply = await site.send(method, path)
            if reply.status == 404:  # such as /v1/leads/search: another pattern takes it for an id
                continue
            assert reply.status == 405, (method, path)
            assert has <= set(reply.headers["Allow"].split(",")), (method, path)


@pytest.mark.parametrize(
    "type_", ["text/plain", "application/xml", "garbage", "multipart/form-data; boundary=x"]
)
async def test_a_body_of_another_type_is_415_and_changes_nothing(site: Site, planted: Planted, type_: str):
    before = await holdings(site, site.home.account_id)
    for route in TYPED:
        reply = await site.send(route.method, nowhere(route), data=b"{}", headers={"Content-Type": type_})
        await refused(reply, 415, "unsupported-media-type", route)
    for route in GUARDED:
        if route.streams and route.method == "POST" and type_ not in ("text/plain", "garbage"):
            reply = await site.send(
                route.method, path_of(route, planted), data=b"{}", headers={"Content-Type": type_}
            )
            await refused(reply, 415, "unsupported-media-type", route)
    assert await holdings(site, site.home.account_id) == before


@pytest.mark.parametrize(
    "raw",
    [b"{", b'{"a":1}}', b"\xff\xfe{\x00}\x00", b'{"a":"\x00"}', b'{"\\ud800":1}', b'{"a":NaN}',
     b'{"a":' * 100_000 + b"1" + b"}" * 100_000],
    ids=["broken", "too much", "UTF-16", "raw NUL", "lone surrogate", "NaN", "100 000 levels"],
)  # fmt: skip
async def test_what_is_no_json_is_400(site: Site, raw: bytes):
    for route in TYPED:
        reply = await site.send(route.method, nowhere(route), data=raw, headers=JSON)
        assert reply.status in (400, 422), (route.path, await reply.text())
        if reply.status == 422:  # it was refused before its end was reached
            await refused(reply, 422, "validation-failed", route)


@pytest.mark.parametrize("raw", [b"[]", b"5", b'"x"', b"null", b"true"])
async def test_a_body_that_is_no_object_is_422(site: Site, raw: bytes):
    for route in TYPED:
        reply = await site.send(route.method, nowhere(route), data=raw, headers=JSON)
        await refused(reply, 422, "validation-failed", route)


async def test_where_no_body_is_asked_for_an_empty_object_is_none(site: Site):
    """Many clients send `{}` with every POST and DELETE; what says something is refused."""
    bodiless = [one for one in GUARDED if one.body is None and not one.streams and one.method != "GET"]
    assert len(bodiless) > 20
    for route in bodiless:
        with_nothing = await site.send(route.method, nowhere(route), data=b" {}\n", headers=JSON)
        without = await site.send(route.method, nowhere(route))
        assert with_nothing.status == without.status, (route.method, route.path)
        reply = await site.send(route.method, nowhere(route), json={"nobody knows this": 1})
        problem = await refused(reply, 422, "validation-failed", route)
        assert problem["errors"][0]["code"] == "unknown-field"


async def test_a_field_that_nobody_knows_is_422_and_the_nearest_is_named(site: Site):
    """API 1: unknown field, 422, nearest known name in `hint`."""
    for route in TYPED:
        fields = inspect.type_info(route.body).fields  # type: ignore[attr-defined]
        near = max((field.encode_name for field in fields), key=len)
        reply = await site.send(route.method, nowhere(route), json={f"{near}x": 1})
        problem = await refused(reply, 422, "validation-failed", route)
        assert problem["errors"][0]["pointer"] == f"/{near}x"
        assert near in problem["hint"]


HOSTILE: list[Any] = [
    None, [], {}, "a\0b", -1, 2**64, 10**400, "x" * 20_000, [[[[[[]]]]]], {"": {"": {"": {}}}},
    "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", "2026-07-01T10:00:00", "'; DROP TABLE lead; --",
    ["\0"], "agt_0000000000000",
]  # fmt: skip


async def test_whatever_a_field_is_given_the_answer_is_no_fault(site: Site, planted: Planted):
    """Each field of each body, against what exists."""
    faults = []
    for route in TYPED:
        if route.path.startswith("/v1/accounts"):
            continue
        body, path = body_for(route, planted), path_of(route, planted)
        for field in inspect.type_info(route.body).fields:  # type: ignore[attr-defined]
            for value in HOSTILE:
                reply = await ask(site, route, path, {**(body or {}), field.encode_name: value})
                if reply.status >= 500:
                    faults.append((route.method, route.path, field.encode_name, value))
                if reply.status >= 400:
                    assert reply.content_type == "application/problem+json"
    assert faults == []


async def test_whatever_a_parameter_is_given_the_answer_is_no_fault(site: Site, planted: Planted):
    """Operators, SQL, the ends of the calendar, ids of other kinds."""
    hostile = (
        "", "'; DROP TABLE lead; --", "%_\\", "0.5", "9" * 30, "9999-12-31T23:59:59-12:00",
        "0001-01-01T00:00:00+12:00", planted.ids["agents"], "x" * 3000,
    )  # fmt: skip
    faults = []
    for route in GUARDED:
        if route.method != "GET" or "text/event-stream" in route.gives:
            continue
        for field in inspect.type_info(route.query).fields:  # type: ignore[attr-defined]
            for value in hostile:
                path = path_of(route, planted)
                reply = await site.send("GET", path, params={field.encode_name: value})
                await reply.read()
                if reply.status >= 500:
                    faults.append((route.path, field.encode_name, value))
    assert faults == []


async def test_a_body_above_the_limit_is_413_whether_it_says_its_length_or_not(site: Site):
    big = b"[" + b" " * site.deps.settings.body_max + b"]"

    async def chunks() -> Any:
        for start in range(0, len(big), 65_536):
            yield big[start : start + 65_536]

    for route in TYPED:
        for data in (io.BytesIO(big), chunks()):
            reply = await site.send(route.method, nowhere(route), data=data, headers=JSON)
            await refused(reply, 413, "body-too-large", route)


PAGES = {
    422: ("limit=0", "limit=-1", "limit=1000000000", "limit=x", "limit=1&limit=2", "order=up", "cursor=%00",
          "created_at.gte=x", "created_at.lt=2026-06-16", "created_at.gte=2026-06-16T18:00:00"),
    400: ("cursor=" + "9" * 33, "cursor=" + "9" * 4500, "cursor=x",
          "cursor=cur_0000000000000", "cursor=%27%3B--"),
}  # fmt: skip


async def test_no_list_takes_a_page_that_cannot_be(site: Site, planted: Planted):
    assert len(LISTS) > 15
    for route in LISTS:
        for query in PAGES[422]:
            reply = await site.get(f"{path_of(route, planted)}?{query}")
            problem = await refused(reply, 422, "validation-failed", route)
            assert problem["errors"][0]["parameter"] == query.partition("=")[0]
        for query in PAGES[400]:
            reply = await site.get(f"{path_of(route, planted)}?{query}")
            await refused(reply, 400, "invalid-cursor", route)


async def test_a_parameter_that_nobody_knows_is_422(site: Site):
    for route in GUARDED:
        if not route.streams:
            reply = await site.send(route.method, f"{nowhere(route)}?lmit=1")
            problem = await refused(reply, 422, "validation-failed", route)
            assert problem["errors"][0]["parameter"] == "lmit"


async def test_what_asks_for_a_tag_is_428_without_and_412_with_an_old_one_and_changes_nothing(
    site: Site, planted: Planted
):
    """API 1: `If-Match` needed to change agents, cadences, windows."""
    guarded = [one for one in ROUTES if one.if_match]
    assert len(guarded) >= 8
    before = await holdings(site, site.home.account_id)
    for route in guarded:
        path, sent = path_of(route, planted), {"json": body_for(route, planted)} if route.body else {}
        reply = await site.send(route.method, path, **sent)
        await refused(reply, 428, "precondition-required", route)
        reply = await site.send(route.method, path, headers={"If-Match": '"old"'}, **sent)
        await refused(reply, 412, "version-stale", route)
    assert await holdings(site, site.home.account_id) == before


async def test_a_tag_that_nobody_asked_for_is_looked_at_all_the_same(site: Site, planted: Planted):
    """API 1: `ETag` everywhere, 412 stale: a delete with yesterday's tag erases nothing of today."""
    heeding = showing(ROUTES)
    assert len(heeding) > 25
    before = await holdings(site, site.home.account_id)
    for route in ROUTES:
        if route.name in heeding and not route.path.startswith(("/v1/accounts", "/v1/sim")):
            path, sent = path_of(route, planted), {"json": body_for(route, planted)} if route.body else {}
            reply = await site.send(route.method, path, headers={"If-Match": '"old"'}, **sent)
            await refused(reply, 412, "version-stale", route)
    assert await holdings(site, site.home.account_id) == before
    for route in ROUTES:
        if route.name in heeding and route.method == "PATCH" and route.path.startswith("/v1/dnc"):
            path = path_of(route, planted)
            match = {"If-Match": (await site.get(path)).headers["ETag"]}
            body = body_for(route, planted)
            reply = await site.send("PATCH", path, headers=match, json=body)
            assert reply.status == 200, await reply.text()


async def test_an_id_of_nothing_is_404(site: Site, planted: Planted):
    """Of another kind, made up, endless, not even text."""
    nothing = ("xx_0", "{kind}_0", "{kind}_0000000000000", "{kind}_" + "z" * 3000, "{kind}_%00", "{kind}_ü")
    for route in GUARDED:
        if "{id}" not in route.path or route.path.startswith("/v1/accounts"):
            continue
        own = planted.ids[collection_of(route)]
        for id_ in nothing:
            path = path_of(route, planted).replace(own, id_.format(kind=own.partition("_")[0]))
            await refused(await ask(site, route, path, body_for(route, planted)), 404, "not-found", route)


async def test_every_post_is_kept_under_its_key_and_another_under_it_is_refused(site: Site):
    """API 1: replay = stored reply + `Idempotency-Replayed: true`; reuse with another body 422."""
    for number, route in enumerate(one for one in GUARDED if one.method == "POST"):
        key = {"Idempotency-Key": f"k-{number}"}
        path = nowhere(route)
        first = await site.send("POST", path, json={"nobody knows this": 1}, headers=key)
        answer = await first.read()
        again = await site.send("POST", path, json={"nobody knows this": 1}, headers=key)
        other = await site.send("POST", path, json={"nobody knows this": 1000}, headers=key)
        assert first.status < 500, (route.path, first.status)
        assert (again.status, await again.read()) == (first.status, answer)
        assert again.headers["Idempotency-Replayed"] == "true"
        problem = await refused(other, 422, "idempotency-key-reused", route)
        assert problem["errors"][0]["header"] == "Idempotency-Key"
        for wrong in ("k" * 256, "", "ü"):
            reply = await site.send("POST", path, json={}, headers={"Idempotency-Key": wrong})
            await refused(reply, 422, "validation-failed", route)


async def test_a_rehearsal_leaves_nothing_behind(site: Site, planted: Planted):
    """API 1: `?dry_run=true` validates, writes nothing, answers `impact`."""
    rehearsed = [one for one in ROUTES if "dry_run" in getattr(one.query, "__struct_fields__", ())]
    assert len(rehearsed) > 10
    before = await holdings(site, site.home.account_id)
    for route in rehearsed:
        path = path_of(route, planted)
        path += "&dry_run=true" if "?" in path else "?dry_run=true"
        reply = await ask(site, route, path, body_for(route, planted))
        assert reply.status in (200, 409, 422), (route.method, route.path, await reply.text())
        if reply.status == 200:
            assert "impact" in await reply.json()
    assert await holdings(site, site.home.account_id) == before


@pytest.mark.parametrize(
    ("what", "fields"),
    [("trunks", {"name": "x"}), ("caller-id-pools", {"name": "x"}), ("templates", {"name": "x"}),
     ("caller-ids", {"phone": "+12125550199"}), ("agents", {"name": "x"}),
     ("no-call-days", {"date": "2026-12-24"}),
     ("dnc/lists", {"name": "x"}), ("cadences", {"name": "x"}), ("accounts", {"name": "x"})],
)  # fmt: skip
async def test_the_audit_log_still_tells_what_was_deleted(site: Site, what: str, fields: dict[str, Any]):
    """API 5: who, before, after; RELIABILITY 5.1."""
    made = await (await site.post(f"/v1/{what}", fields)).json()
    assert (await site.send("DELETE", f"/v1/{what}/{made['id']}")).status in (200, 204)
    [line] = (await (await site.get(f"/v1/audit?target={made['id']}&limit=1")).json())["data"]
    assert line["after"] is None
    assert line["before"].items() >= fields.items()


@pytest.mark.parametrize("what", ["agents", "batches"])
async def test_what_is_deleted_can_be_rehearsed(site: Site, what: str):
    """API 5: ° of a CRUD is of its DELETE as well."""
    body = {"name": "to go"} | ({"agent_id": site.agent} if what == "batches" else {})
    path = f"/v1/{what}/{(await (await site.post(f'/v1/{what}', body)).json())['id']}"
    rehearsed = await site.send("DELETE", f"{path}?dry_run=true")
    assert (rehearsed.status, (await rehearsed.json())["impact"]["out"]) == (200, 0)
    assert [(await site.send("DELETE", path)).status for _ in range(2)] == [204, 404]


async def test_head_answers_like_get_without_a_body(site: Site, planted: Planted):
    for route in ROUTES:
        if route.method != "GET" or "text/event-stream" in route.gives:
            continue
        if route.path.startswith("/v1/accounts/"):
            continue
        path = path_of(route, planted) if route.scope else nowhere(route)
        got, head = await site.get(path), await site.send("HEAD", path)
        assert (route.path, head.status, await head.read()) == (route.path, got.status, b"")


async def test_every_change_is_in_the_audit_log_with_who_made_it(site: Site, planted: Planted):
    """RELIABILITY 5.1: in the transaction of the change; who asked, from where, under which request id."""
    before, lines = await _books(site)
    changed = 0
    for route in sorted(GUARDED, key=lambda one: one.method == "DELETE"):
        if route.method == "GET" or route.path in UNNOTED:
            continue
        reply = await ask(site, route, path_of(route, planted), body_for(route, planted))
        after, more = await _books(site)
        where = (route.method, route.path, reply.status)
        if after != before:
            changed += 1
            new = [line for line in more if line not in lines]
            assert new, where
            for line in new:
                assert line["actor"].startswith("key:"), where
                assert line["request_id"] == reply.headers["X-Request-Id"], where
                assert line["address"], where
        before, lines = after, more
    assert changed > 40


async def _books(site: Site) -> tuple[dict[str, list[str]], list[dict[str, Any]]]:
    """What the account has, and its audit log."""
    held = await holdings(site, site.home.account_id)
    lines = [msgspec.json.decode(line) for line in held.pop("audit")]
    return {name: rows for name, rows in held.items() if name != "idempotency"}, lines


async def test_what_was_read_may_be_sent_back_and_changes_nothing(site: Site, planted: Planted):
    """API 4: what one endpoint answers another takes; a form saved as it was opened leaves no trace."""
    shown_at = {one.path for one in ROUTES if one.method == "GET"}
    traces = {}
    shown_at.remove("/v1/sim")  # calls go elsewhere here
    for route in TYPED:
        if route.method not in ("PATCH", "PUT") or route.path not in shown_at:
            continue
        path = path_of(route, planted)
        read = await site.get(path)
        shown = await read.json()
        body = {name: shown[name] for name in _names(route.body) if name in shown}
        assert body, path
        before = await holdings(site, site.home.account_id)

        reply = await site.send(route.method, path, json=body, headers={"If-Match": read.headers["ETag"]})

        after = await holdings(site, site.home.account_id)
        left = [table for table in before if before[table] != after[table]]
        told = await reply.json()
        again = await (await site.get(path)).json()
        told_else = {name for name, value in again.items() if told.get(name, value) != value}
        if (reply.status, left, told_else) != (200, [], set()) or again != shown:
            traces[path] = (reply.status, left, told_else, told)
    assert not traces, "\n".join(f"{path}: {trace}" for path, trace in traces.items())


def _names(type_: Any) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(type_)]
