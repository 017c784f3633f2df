"""The description that the server gives of itself: OpenAPI 3.1 of every route, from the types that decode."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from api.app import ROUTES
from api.openapi import describe
from scheduler.ledger.news import TYPES
from tests.api.builders import OTHER_PHONE, Site, a_lead


@pytest.fixture
def document() -> dict[str, Any]:
    return describe(ROUTES, "1.0")


def test_every_route_is_described_under_a_name_of_its_own(document: dict[str, Any]):
    """Issue: the document covers every path; API 5."""
    described = {
        (method.upper(), path): operation["operationId"]
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert set(described) == {(one.method, re.sub(r":[^}]*}", "}", one.path)) for one in ROUTES}
    assert len(set(described.values())) == len(ROUTES)


def test_every_operation_says_in_a_line_what_it_does(document: dict[str, Any]):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert len(operation["summary"]) > 5, (method, path)
            assert "\n" not in operation["summary"]
            assert operation["summary"][-1] not in ",:;", "the line ends with its sentence"


def test_every_parameter_says_what_it_is(document: dict[str, Any]):
    """Issue: the document is made of the types that serve: their docstrings tell of each parameter."""
    told = {
        (method, path, each["name"]): each.get("description", "")
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        for each in operation["parameters"]
    }
    assert {at: text for at, text in told.items() if len(text) < 8 or text[-1] != "."} == {}
    assert told["get", "/v1/leads", "status"] == "In one of these states. May be repeated."
    assert told["get", "/v1/leads", "limit"] == "How many are shown."


def test_no_parameter_is_described_as_one_that_may_be_null(document: dict[str, Any]):
    """API 1: what is not said is left out; a description of null would have clients send the word."""
    parameters = [
        each
        for methods in document["paths"].values()
        for operation in methods.values()
        for each in operation["parameters"]
    ]
    assert len(parameters) > 100
    assert [each for each in parameters if not each["schema"].keys() & {"type", "enum"}] == []
    assert [each for each in parameters if "null" in json.dumps(each["schema"])] == []


def test_event_types_and_the_headers_that_are_signed_or_resume_are_in_the_document(document: dict[str, Any]):
    """Issue: usable as it stands: no type of event is guessed, no header looked up elsewhere."""
    paths, hook = document["paths"], document["components"]["schemas"]["WebhookIn"]
    asked = next(each for each in paths["/v1/events"]["get"]["parameters"] if each["name"] == "type")
    assert hook["properties"]["types"]["items"]["enum"] == sorted(TYPES)
    assert asked["schema"]["items"]["enum"] == sorted(TYPES)
    report = paths["/v1/providers/{name}/callbacks/{token}"]["post"]["parameters"]
    assert [each["name"] for each in report if each["in"] == "header" and each["required"]] == [
        "webhook-id", "webhook-timestamp", "webhook-signature",
    ]  # fmt: skip
    sent = {name: of["post"]["requestBody"] for name, of in document["webhooks"].items()}
    assert sent.keys() == {"event", "events.batch", "webhook.ping"}
    assert sent["event"]["content"]["application/json"]["schema"]["$ref"].endswith("/Event")
    stream = paths["/v1/events/stream"]["get"]["parameters"]
    assert "Last-Event-ID" in [each["name"] for each in stream if each["in"] == "header"]


def test_references_lead_somewhere_and_nothing_is_described_that_is_not_used(document: dict[str, Any]):
    text = json.dumps(document)
    wanted = set(re.findall(r"#/components/schemas/([^\"]+)", text))
    assert wanted == set(document["components"]["schemas"])


ANSWERS = {"CadencePreview", "Effective", "Event", "Rule", "Sim", "StreamTicket", "Wheel", "WheelSlots"}
"""Worked out when they are asked for, or gone when they are used: nothing with an id is stored of them. An
event as it is sent has what API 7 says."""


def test_every_stored_object_has_an_id_and_tells_when_it_was_made_and_last_changed(document: dict[str, Any]):
    """API 4: all carry `id object created_at updated_at`."""
    schemas = document["components"]["schemas"]
    tagged = {name for name, of in schemas.items() if of.get("properties", {}).get("object", {}).get("type")}
    whole = {"id", "object", "created_at", "updated_at"}
    short = {name for name in tagged if not whole <= set(schemas[name]["required"])}
    assert short == ANSWERS
    assert len(tagged - short) > 40


def test_every_operation_with_a_scope_asks_for_a_key_and_the_others_do_not(document: dict[str, Any]):
    for one in ROUTES:
        operation = document["paths"][re.sub(r":[^}]*}", "}", one.path)][one.method.lower()]
        assert bool(operation["security"]) == (one.scope is not None)


async def test_the_page_needs_nothing_from_elsewhere(site: Site):
    """Issue: `/docs` works with no network."""
    page = await site.client.get("/docs")
    text = await page.text()
    assert page.status == 200
    assert not re.findall(r"https?://", text)
    wanted = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert len(wanted) == 3
    for path in wanted:
        asset = await site.client.get(path)
        assert asset.status == 200, path
        assert asset.content_type in ("text/javascript", "text/css")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert (await site.client.get("/docs/secrets.js")).status == 404


async def test_the_document_is_served_without_a_key(site: Site):
    reply = await site.client.get("/openapi.json")
    assert (reply.status, (await reply.json())["openapi"]) == (200, "3.1.0")
    again = await site.client.get("/openapi.json", headers={"If-None-Match": reply.headers["ETag"]})
    assert (again.status, await again.read()) == (304, b"")


async def test_each_answer_has_the_headers_that_are_described_and_no_others_of_ours(
    site: Site, document: dict[str, Any]
):
    """API 1: `ETag` everywhere, `Link`, `RateLimit`, `Idempotency-Replayed`, request ids."""
    ours = set(document["components"]["headers"])
    lead = a_lead(agent_id=site.agent)
    key = {"Idempotency-Key": "k"}
    for method, path, sent, of in (
        ("POST", "/v1/leads", {"json": lead, "headers": key}, {"Location", "ETag"}),
        ("POST", "/v1/leads", {"json": lead, "headers": key}, {"Location", "ETag", "Idempotency-Replayed"}),
        ("POST", "/v1/leads", {"json": {**lead, "phone": OTHER_PHONE}}, {"Location", "ETag"}),
        ("GET", "/v1/leads", {"params": {"limit": "1"}}, {"ETag", "Link"}),
        ("POST", "/v1/exports", {"json": {"kind": "leads"}}, {"Location", "ETag"}),
        ("POST", "/v1/account/resume", {}, {"ETag"}),
        ("GET", "/v1/account", {}, {"ETag"}),
    ):
        reply = await site.send(method, path, **sent)
        described = document["paths"][path][method.lower()]["responses"][str(reply.status)]["headers"]
        told = {name for name in ours if name in reply.headers}
        assert told == of | {"X-Request-Id", "RateLimit-Policy", "RateLimit"}, (method, path)
        assert told <= set(described), (method, path)
