"""RELIABILITY 5.2: what POST /v1/leads must survive, with the right status, no 5xx and no effect."""

from __future__ import annotations

import pytest

from tests.api.builders import Site

JSON = {"Content-Type": "application/json"}
DEEP = b"[" * 100_000 + b"]" * 100_000
NINE_LEVELS = b'{"a":' * 9 + b"1" + b"}" * 9


def lead_with(fields: bytes) -> bytes:
    """A body that is right but for `fields`."""
    return b'{"phone":"+12125550123",' + fields + b"}"


UNREADABLE: dict[str, bytes] = {
    "broken JSON": b'{"phone":',
    "two values": b'{"phone":"x"} {}',
    "wrong encoding": b'{"phone":"\xff"}',
    "UTF-16": '{"phone":"x"}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"phone":"x"}',
    "lone high surrogate": lead_with(b'"name":"\\ud800 x"'),
    "lone low surrogate": lead_with(b'"name":"\\udc00 x"'),
    "surrogate at the end": lead_with(b'"name":"\\ud800"'),
    "raw NUL": lead_with(b'"name":"a\x00"'),
    "NaN": lead_with(b'"variables":{"x":NaN}'),
    "Infinity": lead_with(b'"variables":{"x":-Infinity}'),
    "100 000 levels": lead_with(b'"variables":{"x":' + DEEP + b"}"),
}

IMPOSSIBLE: dict[str, tuple[bytes, str]] = {
    "no body": (b"", "/phone"),
    "empty object": (b"{}", "/phone"),
    "an array": (b"[]", ""),
    "a number": (b"5", ""),
    "null": (b"null", ""),
    "phone is a number": (b'{"phone":12125550123}', "/phone"),
    "phone is null": (b'{"phone":null}', "/phone"),
    "phone is empty": (b'{"phone":""}', "/phone"),
    "phone is a word": (b'{"phone":"hello"}', "/phone"),
    "phone is an emergency number": (b'{"phone":"911"}', "/phone"),
    "phone in Arabic digits": ('{"phone":"٠١٢٣٤٥٦٧٨٩"}'.encode(), "/phone"),
    "phone of a kilobyte": (b'{"phone":"' + b"1" * 1024 + b'"}', "/phone"),
    "escaped NUL": (lead_with(b'"name":"a\\u0000"'), "/name"),
    "NUL in a key": (lead_with(b'"variables":{"a\\u0000":1}'), "/variables"),
    "NUL deep down": (lead_with(b'"variables":{"a":[{"b/c":"\\u0000"}]}'), "/variables/a/0/b~1c"),
    "1e999": (lead_with(b'"variables":{"x":1e999}'), "/variables"),
    "5000 digits": (lead_with(b'"variables":{"x":' + b"9" * 5000 + b"}"), "/variables"),
    "nine levels": (lead_with(b'"variables":' + NINE_LEVELS), "/variables"),
    "9 kB of variables": (lead_with(b'"variables":{"x":"' + b"y" * 9000 + b'"}'), "/variables"),
    "variables are a list": (lead_with(b'"variables":[]'), "/variables"),
    "unknown field": (lead_with(b'"nmae":"x"'), "/nmae"),
    "unknown field with a slash": (lead_with(b'"a/b~":"x"'), "/a~1b~0"),
    "unknown field below": (lead_with(b'"consent":{"basis":"x","sauce":"y"}'), "/consent/sauce"),
    "consent without a basis": (lead_with(b'"consent":{}'), "/consent/basis"),
    "unknown zone": (lead_with(b'"timezone":"Mars/Olympus"'), "/timezone"),
    "zone with a path": (lead_with(b'"timezone":"../../etc/passwd"'), "/timezone"),
    "naive time": (lead_with(b'"appointment_at":"2026-07-01T10:00:00"'), "/appointment_at"),
    "no time": (lead_with(b'"appointment_at":"tomorrow"'), "/appointment_at"),
    "the year 9999": (lead_with(b'"appointment_at":"9999-12-31T23:59:59-12:00"'), "/appointment_at"),
    "the year 1": (lead_with(b'"appointment_at":"0001-01-01T00:00:00+12:00"'), "/appointment_at"),
    "consent until 9999": (
        lead_with(b'"consent":{"basis":"x","expires_at":"9999-12-31T23:59:59-12:00"}'),
        "/consent/expires_at",
    ),
    "unknown priority": (lead_with(b'"priority":"urgent"'), "/priority"),
    "a tag that is a number": (lead_with(b'"tags":["a",5]'), "/tags/1"),
    "a thousand tags": (lead_with(b'"tags":[' + b",".join([b'"a"'] * 1000) + b"]"), "/tags"),
    "an agent that never was": (lead_with(b'"agent_id":"agt_0000000000000"'), "/agent_id"),
    "an agent's id of another kind": (lead_with(b'"agent_id":"lead_0000000000000"'), "/agent_id"),
    "an endless id": (lead_with(b'"agent_id":"' + b"a" * 1000 + b'"'), "/agent_id"),
    "a name of 10 kB": (lead_with(b'"name":"' + b"a" * 10_000 + b'"'), "/name"),
}


@pytest.mark.parametrize("raw", UNREADABLE.values(), ids=list(UNREADABLE))
async def test_what_is_no_json_is_400_and_keeps_nothing(site: Site, raw: bytes):
    reply = await site.send("POST", "/v1/leads", data=raw, headers=JSON)

    problem = await reply.json()
    assert (reply.status, problem["code"]) == (400, "malformed-body")
    assert reply.content_type == "application/problem+json"
    assert await site.rows("SELECT 1 FROM lead") == []


@pytest.mark.parametrize(("raw", "pointer"), IMPOSSIBLE.values(), ids=list(IMPOSSIBLE))
async def test_what_is_impossible_is_422_points_at_the_place_and_keeps_nothing(
    site: Site, raw: bytes, pointer: str
):
    reply = await site.send("POST", "/v1/leads", data=raw, headers=JSON)

    problem = await reply.json()
    assert (reply.status, problem["code"]) == (422, "validation-failed"), problem
    assert problem["type"] == "/problems/validation-failed"
    assert problem["request_id"] == reply.headers["X-Request-Id"]
    assert problem["errors"][0].get("pointer", "") == pointer
    assert await site.rows("SELECT 1 FROM lead") == []


@pytest.mark.parametrize(
    "fields",
    [
        b'"name":"\\\\u0000 is a backslash and six letters"',
        b'"name":"Zo\xc3\xab \xf0\x9f\x98\x80 \\ud83d\\ude00"',
        b'"variables":{"x":9223372036854775807,"y":-1e308,"z":null}',
        b'"name":"=cmd|calc","tags":["\'; DROP TABLE lead; --"]',
        b'"timezone":"","region":""',
        b'"phone":"hello","name":"first","name":"last","phone":"+12125550123"',
    ],
    ids=["escaped backslash", "emoji", "large numbers", "formula and SQL", "empty zone", "said twice"],
)
async def test_what_is_strange_but_right_goes_in(site: Site, fields: bytes):
    reply = await site.send("POST", "/v1/leads", data=lead_with(fields), headers=JSON)

    assert reply.status == 201, await reply.text()
    lead = await reply.json()
    assert await (await site.get(f"/v1/leads/{lead['id']}")).json() == lead
