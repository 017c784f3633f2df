"""API 1 and 2: problems, bad input (RELIABILITY 5.2), tags, pages, health, and what is never shown."""

from __future__ import annotations

import io
import json
import logging
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import structlog

from api.app import make_metrics_app
from api.embedded.valkey import EmbeddedValkey
from api.problems import KINDS
from scheduler.ledger.database import Database
from scheduler.wheel import TimingWheel
from tests.api.builders import PHONE, Site, a_lead, a_site

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "hint"),
    [({"phone": "x", "nmae": 1}, "name"), ({"phone": "x", "external": 1}, "external_id"),
     ({"phone": "x", "consent": {"base": 1}}, "basis")],
)  # fmt: skip
async def test_an_unknown_field_names_the_nearest_known_one(site: Site, body: dict, hint: str):
    """API 1: unknown field 422, nearest known name in hint."""
    assert hint in (await (await site.post("/v1/leads", body)).json())["hint"]


async def test_an_unknown_choice_lists_the_known_ones(site: Site):
    assert "live" in (await (await site.post("/v1/leads", a_lead(priority="urgent"))).json())["hint"]


async def test_a_body_above_one_mebibyte_is_413_whether_it_says_its_length_or_not(site: Site):
    big = b'{"phone":"' + b"1" * 1_048_576 + b'"}'

    async def chunks() -> Any:
        for start in range(0, len(big), 65_536):
            yield big[start : start + 65_536]

    for data in (io.BytesIO(big), chunks()):
        reply = await site.send("POST", "/v1/leads", data=data, headers=JSON)
        assert reply.status == 413
        assert (await reply.json())["code"] == "body-too-large"


@pytest.mark.parametrize(
    "headers",
    [{"Content-Type": "text/plain"}, {"Content-Type": "application/xml"}, {"Content-Type": "garbage"},
     {"Content-Type": "application/json; charset=latin-1"}, {**JSON, "Content-Encoding": "gzip"},
     {**JSON, "Content-Encoding": "deflate, gzip"}],
)  # fmt: skip
async def test_a_body_of_another_type_is_415(site: Site, headers: dict[str, str]):
    reply = await site.send("POST", "/v1/leads", data=b'{"phone":"+12125550123"}', headers=headers)

    assert reply.status == 415
    assert (await reply.json())["code"] == "unsupported-media-type"


@pytest.mark.parametrize(
    "type_",
    ["application/json; charset=utf8", "application/json;charset=UTF8", 'application/json; charset="UTF-8"',
     "Application/JSON", "application/json; charset=us-ascii"],
)  # fmt: skip
async def test_a_body_may_name_its_charset_as_clients_do(site: Site, type_: str):
    reply = await site.send("POST", "/v1/leads/search", data=b"{}", headers={"Content-Type": type_})
    lines = type_.lower().replace("application/json", "application/x-ndjson")
    bulk = await site.send("POST", "/v1/leads/bulk", data=b"{}\n", headers={"Content-Type": lines})

    assert (reply.status, bulk.status) == (200, 200)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [("limit=0", "limit"), ("limit=-1", "limit"), ("limit=1000000000", "limit"), ("limit=x", "limit"),
     ("limit=1&limit=2", "limit"), ("order=up", "order"), ("lmit=5", "lmit"), ("order=%00", "order"),
     ("%27%3B--=1", "';--")],
)  # fmt: skip
async def test_a_bad_parameter_is_422_and_named(site: Site, query: str, parameter: str):
    reply = await site.get(f"/v1/agents?{query}")

    assert reply.status == 422
    assert (await reply.json())["errors"][0]["parameter"] == parameter


@pytest.mark.parametrize(
    "cursor", ["x", "x" * 99, "cur_1", "cur_0000000000000", "agt_0000000000000", "'; DROP TABLE agent"]
)
async def test_a_cursor_that_is_not_ours_is_400(site: Site, cursor: str):
    reply = await site.get("/v1/agents", params={"cursor": cursor})

    assert reply.status == 400
    assert (await reply.json())["code"] == "invalid-cursor"


async def test_agents_come_in_pages_that_link_to_the_next(site: Site):
    for number in range(4):
        await site.rows(
            "INSERT INTO agent (account_id, name, auto_dialer, created_at, updated_at) "
            "VALUES ($1, $2, '{}', now(), now())", site.home.account_id, f"a{number}",
        )  # fmt: skip
    seen, path = [], "/v1/agents?limit=2"
    while path:
        reply = await site.get(path)
        seen += [agent["name"] for agent in (await reply.json())["data"]]
        link = re.match(r'<(.*)>; rel="next"', reply.headers.get("Link", ""))
        path = link[1] if link else ""

    assert seen == ["Acme agent", "a0", "a1", "a2", "a3"]
    newest = await (await site.get("/v1/agents?limit=1&order=desc")).json()
    assert newest["data"][0]["name"] == "a3"


async def test_an_object_that_did_not_change_is_304_to_who_has_its_tag(site: Site):
    reply = await site.get("/v1/account")
    tag = reply.headers["ETag"]

    again = await site.get("/v1/account", headers={"If-None-Match": f'"x", {tag}'})
    await site.rows("UPDATE account SET jitter_max_s = 5")
    changed = await site.get("/v1/account", headers={"If-None-Match": tag})

    assert (again.status, await again.read()) == (304, b"")
    assert changed.status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/nothing", 404), ("GET", "/v1", 404), ("GET", "/", 404), ("GET", "/v1//account", 404),
     ("GET", "/v1/../etc/passwd", 404), ("GET", "/v1/leads/%2e%2e/x", 404), ("GET", "/v1/account%00", 404),
     ("GET", "/metrics", 404), ("DELETE", "/v1/account", 405), ("PUT", "/v1/leads", 405),
     ("OPTIONS", "/v1/leads", 405), ("TRACE", "/v1/leads", 405), ("PROPFIND", "/v1/leads", 405),
     ("GET", "/v1/account/pause", 405), ("POST", "/livez", 405), ("GET", "/v1/triggers", 404)],
)  # fmt: skip
async def test_what_does_not_exist_is_a_problem_and_not_a_promise(
    site: Site, method: str, path: str, status: int
):
    reply = await site.send(method, path)

    assert reply.status == status
    assert reply.content_type == "application/problem+json"
    if status == 405:
        assert reply.headers["Allow"]


async def test_head_answers_like_get_without_a_body(site: Site):
    reply = await site.send("HEAD", "/v1/account")

    assert (reply.status, await reply.read()) == (200, b"")
    assert reply.headers["ETag"]


async def test_the_type_of_every_problem_resolves(site: Site):
    for code, kind in KINDS.items():
        reply = await site.client.get(f"/problems/{code}")
        assert (reply.status, kind.meaning in await reply.text()) == (200, True)
    assert (await site.client.get("/problems/nope")).status == 404


async def test_a_request_id_is_taken_over_if_harmless_and_minted_else(site: Site):
    taken = await site.get("/v1/account", headers={"X-Request-Id": "web-7f"})
    assert taken.headers["X-Request-Id"] == "web-7f"
    for harmful in ("a b", "x" * 200, "<script>", "12125550123", "212-555-0123"):
        minted = await site.get("/v1/account", headers={"X-Request-Id": harmful})
        assert re.fullmatch(r"req_[0-9a-z]{20}", minted.headers["X-Request-Id"])


async def test_accept_garbage_changes_nothing(site: Site):
    assert (await site.get("/v1/account", headers={"Accept": ";;q=x, */"})).status == 200


async def test_a_ledger_that_is_away_is_503_with_a_time_to_retry(site: Site):
    """RELIABILITY 5.3: 503 with a problem body, never 500."""
    await site.get("/v1/account")
    await site.database.close()

    for path in ("/v1/account", "/v1/agents", f"/v1/leads/{site.deps.ids.write('lead', 1)}"):
        reply = await site.get(path)
        assert reply.status == 503
        problem = await reply.json()
        assert (problem["code"], problem["retryable"]) == ("dependency-down", True)
        assert int(reply.headers["Retry-After"]) > 0


async def test_a_wheel_that_is_away_is_503_but_leads_are_taken_in_and_a_pause_holds(
    database: Database, server_dir: Path, aiohttp_client: Any
):
    """DESIGN 1: a lost wheel costs lateness; the ledger is the truth."""
    server = EmbeddedValkey(server_dir / f"gone-{uuid4().hex[:6]}").start()
    wheel = await TimingWheel.connect(server.url)
    site = await a_site(aiohttp_client, database, wheel)
    server.stop()

    assert (await site.get("/v1/wheel")).status == 503
    assert (await site.client.get("/readyz")).status == 503
    assert (await site.post("/v1/leads", a_lead(agent_id=site.agent))).status == 201
    assert (await site.post("/v1/account/pause", {"reason": "x"})).status == 200
    assert (await site.post("/v1/dnc/entries", {"phone": PHONE})).status == 201
    assert (await site.post("/v1/account/resume", {})).status == 503
    await wheel.close()


async def test_a_fault_of_ours_shows_its_request_id_and_nothing_else(site: Site):
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError(f"secret {PHONE}")

    site.flow.lanes.shape_account = broken  # type: ignore[method-assign]
    with structlog.testing.capture_logs() as logged:
        reply = await site.post("/v1/account/resume", {})

    text = await reply.text()
    assert reply.status == 500
    assert json.loads(text)["request_id"] == reply.headers["X-Request-Id"]
    assert "RuntimeError" not in text
    assert "secret" not in text
    assert "Traceback" not in text
    (line,) = [entry for entry in logged if entry["event"] == "request_failed"]
    assert line["error"] == "RuntimeError"
    assert "secret" not in str(logged)
    assert PHONE not in str(logged)


async def test_health_is_told_without_a_key_part_by_part(site: Site):
    assert (await site.client.get("/livez")).status == 200
    assert (await site.client.get("/readyz")).status == 200
    said = await (await site.client.get("/readyz?verbose")).json()
    assert {check["name"]: check["ok"] for check in said["checks"]} == {
        "postgres": True, "wheel": True, "ledger": True, "parts": True,
    }  # fmt: skip
    assert (await (await site.client.get("/version")).json())["name"] == "dialwheel"


async def test_a_lost_wheel_or_ledger_is_alive_but_not_ready(site: Site):
    await site.flow.wheel.begin_rebuild(0)
    reply = await site.client.get("/readyz")
    assert (reply.status, (await reply.json())["code"]) == (503, "starting"), "it is being rebuilt"

    await site.database.close()
    reply = await site.client.get("/readyz")
    assert (reply.status, (await reply.json())["code"]) == (503, "dependency-down")
    verbose = await site.client.get("/readyz?verbose")
    assert (verbose.status, int(verbose.headers["Retry-After"]) > 0) == (503, True)
    said = await verbose.json()
    assert [check["name"] for check in said["checks"] if not check["ok"]] == ["postgres", "wheel"]
    assert (await site.client.get("/livez")).status == 200


async def test_in_quarantine_opt_outs_are_taken_and_readiness_says_that_nobody_is_called(site: Site):
    """F18: a balancer that sent nobody here any more would lose opt-outs."""
    lead = await (await site.post("/v1/leads", a_lead(agent_id=site.agent))).json()
    standing = site.flow.standing
    standing.quarantined, standing.why = True, "it lacks what was seen of it"

    reply = await site.client.get("/readyz")
    assert (reply.status, (await reply.json())["status"]) == (200, "quarantined")
    said = await (await site.client.get("/readyz?verbose")).json()
    assert [check["name"] for check in said["checks"] if not check["ok"]] == ["ledger"]
    explained = await (await site.get(f"/v1/leads/{lead['id']}/explain")).json()
    assert not explained["callable_now"]
    assert explained["blockers"][0]["rule"] == "quarantine"
    reply = await site.post("/v1/dnc/entries", {"phone": PHONE, "reason": "asked"})
    assert reply.status == 201


async def test_metrics_name_routes_and_never_paths_phones_or_tenants(site: Site, aiohttp_client: Any):
    """I25; API 8."""
    lead = await (await site.post("/v1/leads", a_lead(agent_id=site.agent))).json()
    await site.get(f"/v1/leads/{lead['id']}")
    await site.get(f"/v1/{PHONE}")
    site.deps.metrics.dispatched(0.01)
    site.deps.metrics.attempt_ended("answered")
    site.deps.metrics.ingested(3)
    metrics = await aiohttp_client(make_metrics_app(site.deps.metrics))

    text = await (await metrics.get("/metrics")).text()

    assert 'route="/v1/leads/{id}"' in text
    assert 'route="unmatched"' in text
    for name in (
        "due_total",
        "dispatched_total 1.0",
        'attempts_total{outcome="answered"} 1.0',
        "dispatch_lag_seconds_bucket",
        "wheel_depth 1.0",
        "overdue 0.0",
        "in_flight 0.0",
        "ingest_rows_total 3.0",
    ):
        assert f"dialwheel_{name}" in text, name
    assert PHONE[1:] not in text
    assert lead["id"] not in text
    assert "Acme" not in text


async def test_no_log_line_of_any_request_holds_a_phone(site: Site, caplog: pytest.LogCaptureFixture):
    """I25. A line of each request is written where somebody asked for them."""
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as logged:
        lead = await (await site.post("/v1/leads", a_lead(agent_id=site.agent))).json()
        await site.post("/v1/leads", {"phone": PHONE, "x": 1})
        await site.post("/v1/leads/search", {"filter": {"phone": PHONE}})
        await site.get(f"/v1/leads/{PHONE}")
        await site.get(f"/v1/leads/{lead['id']}/timeline")
        await site.post("/v1/dnc/entries", {"phone": PHONE})
        await site.database.close()
        await site.post("/v1/leads", a_lead())

    assert len(logged) >= 7
    assert PHONE[1:] not in str(logged)


@pytest.mark.parametrize("path", ["agents", "trunks", "caller-ids", "caller-id-pools", "batches"])
async def test_a_list_tells_how_many_there_are_only_when_it_is_asked(site: Site, path: str):
    """API §1: `?count=estimate|exact` adds `count` and `count_exact`."""
    plain = await (await site.get(f"/v1/{path}")).json()
    assert "count" not in plain
    counted = await (await site.get(f"/v1/{path}?count=exact&limit=1")).json()
    assert counted["count"] == len(plain["data"])
    assert counted["count_exact"] is True


async def test_what_the_state_of_things_forbids_comes_with_what_to_do(site: Site):
    """API 2: `hint`, and a pointer where a field is at fault."""
    lead = await (await site.post("/v1/leads", a_lead(external_id="crm-1"))).json()
    refused = {
        "/external_id": await site.post("/v1/leads", a_lead(external_id="crm-2")),
        "/agent_id": await site.post("/v1/loops", {"lead_id": lead["id"]}),
        "/lead_id": await site.post("/v1/callbacks", {"lead_id": lead["id"], "text": "tomorrow at noon"}),
    }
    for pointer, reply in refused.items():
        problem = await reply.json()
        assert reply.status == (409 if pointer == "/external_id" else 422), problem
        assert (problem["errors"][0]["pointer"], bool(problem["hint"])) == (pointer, True)

    await site.post(f"/v1/agents/{site.agent}/pause", {})
    paused = await site.post(f"/v1/leads/{lead['id']}/call", {"agent_id": site.agent})
    assert (await paused.json())["hint"] == KINDS["dialing-paused"].meaning
