"""Reports that an integrator's dialer posts: signed, kept once, in force when they are answered (API 7)."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import msgspec
import pytest

from dialer.providers.webhook_wire import KIND, Report
from scheduler.errors import ServerUnavailable
from tests.api.reporting import SECRET, SECRET_TEXT, Desk, a_desk, a_report
from tests.builders import PHONE, phones
from tests.worlds import OpenWorld


async def test_reports_of_a_call_end_its_attempt_with_all_they_say(desk: Desk):
    """MISSION 5: ringing, answered, ended; how long was talked, by whom it was answered, what it meant."""
    world = desk.world
    armed = await world.an_armed_attempt()

    for status in ("initiated", "ringing", "answered"):
        assert await desk.report(armed.attempt_id, status) == 204
    [under_way] = await world.attempts(armed.loop_id)
    said = {"answered_by": "human", "duration_s": 42, "disposition": "callback", "error": "line 212-555-0123"}
    assert await desk.report(armed.attempt_id, "completed", callback_at="2026-06-17T15:00:00Z", **said) == 204

    assert (under_way["state"], under_way["provider"]) == ("in_call", "webhook")
    assert under_way["answered_at"] is not None
    [attempt] = await world.attempts(armed.loop_id)
    assert (attempt["state"], attempt["outcome"], attempt["talk_s"]) == ("done", "completed", 42)
    assert (attempt["disposition"], attempt["provider_call_id"]) == ("callback", f"ref-{armed.attempt_id}")
    assert attempt["error"] == "line \N{HORIZONTAL ELLIPSIS}23"
    loop = await world.loop(armed.loop_id)
    assert (loop["status"], loop["next_at"].isoformat()) == ("waiting_callback", "2026-06-17T15:00:00+00:00")
    assert await world.calls_on_wheel() == 0


async def test_the_order_of_reports_and_their_repetition_change_nothing(desk: Desk):
    """I14: late, twice, backwards; a status never goes back."""
    world = desk.world
    armed = await world.an_armed_attempt()

    for status in ("busy", "ringing", "completed", "busy", "initiated"):
        assert await desk.report(armed.attempt_id, status) == 204

    [attempt] = await world.attempts(armed.loop_id)
    assert (attempt["state"], attempt["outcome"]) == ("done", "busy")
    assert await world.value("SELECT count(*) FROM provider_event") == 4


async def test_an_event_id_that_comes_again_with_another_body_is_ignored(desk: Desk):
    """API 7: deduplicated by event_id, also while the first is under way."""
    world = desk.world
    armed = await world.an_armed_attempt()

    assert await desk.report(armed.attempt_id, "ringing", "same") == 204
    assert await desk.report(armed.attempt_id, "completed", "same") == 204
    assert await world.value("SELECT state FROM attempt") == "ringing"

    both = [desk.report(armed.attempt_id, status, "other") for status in ("answered", "busy")]
    assert await asyncio.gather(*both) == [204, 204]
    assert await world.value("SELECT count(*) FROM provider_event") == 2
    assert await world.value("SELECT state FROM attempt") in ("in_call", "done")


async def test_the_same_event_id_of_two_calls_is_two_events(desk: Desk):
    world = desk.world
    one, other = [await world.an_armed_attempt(number) for number in phones(2)]

    assert await desk.report(one.attempt_id, "ringing", "1") == 204
    assert await desk.report(other.attempt_id, "busy", "1") == 204

    assert [row["state"] for row in await world.rows("SELECT state FROM attempt ORDER BY 1")] == [
        "done",
        "ringing",
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"secrets": [b"x" * 24]}, {"late_s": 301}, {"late_s": -301}, {"webhook_signature": None},
        {"webhook_id": None}, {"webhook_id": "other"}, {"webhook_timestamp": "soon"},
        {"webhook_signature": "v1,\u00ff"}, {"webhook_signature": "v1," * 1000}, {"webhook_timestamp": None},
    ],
    ids=str,
)  # fmt: skip
async def test_what_is_not_signed_by_the_integrator_is_401_and_changes_nothing(
    desk: Desk, wrong: dict[str, Any]
):
    """RELIABILITY 5.2: unsigned, wrong key, altered, stale, of the future; before anything is parsed."""
    armed = await desk.world.an_armed_attempt()

    for body in (b"{}", b"\x00no json"):
        reply = await desk.post(desk.path(armed.attempt_id), body, **wrong)
        assert reply.status == 401
        assert (await reply.json())["detail"] == "this report is not signed for this address"
    assert await desk.world.value("SELECT state FROM attempt") == "armed"


async def test_an_address_that_was_never_given_out_is_401_as_if_the_signature_was_wrong(desk: Desk):
    armed = await desk.world.an_armed_attempt()
    body = a_report()
    path, other = desk.path(armed.attempt_id), desk.path(armed.attempt_id + 1)
    forged = path.rpartition(".")[0] + "." + other.rpartition(".")[2]

    for token in (forged, path + "0", path[:-1], path.rpartition(".")[0], "x", "%ff", "%ed%a0%80", "pcb_x.y"):
        where = token if token.startswith("/") else f"/v1/providers/webhook/callbacks/{token}"
        assert (await desk.post(where, body)).status == 401, token
    assert (await desk.post(path.replace("/webhook/", "/twilio/"), body)).status == 404
    assert await desk.world.value("SELECT state FROM attempt") == "armed"
    assert (await desk.post(path, body)).status == 204


async def test_without_a_secret_nobody_reports(open_world: OpenWorld, aiohttp_client: Any):
    async with a_desk(open_world, aiohttp_client, provider_secret="") as desk:
        armed = await desk.world.an_armed_attempt()
        assert await desk.report(armed.attempt_id, "busy") == 401


async def test_both_secrets_hold_while_one_replaces_the_other(open_world: OpenWorld, aiohttp_client: Any):
    two = f"whsec_{'bmV3' * 8},{SECRET_TEXT}"
    async with a_desk(open_world, aiohttp_client, provider_secret=two) as desk:
        armed = await desk.world.an_armed_attempt()
        for n, secret in enumerate((b"new" * 8, SECRET)):
            body = {
                "provider_call_id": "r",
                "event_id": str(n),
                "status": "ringing",
                "at": "2026-06-16T18:00:00Z",
            }
            signed = await desk.post(desk.path(armed.attempt_id), msgspec.json.encode(body), secrets=[secret])
            assert signed.status == 204


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, "validation-failed"), (b"{", 400, "malformed-body"), (b"\xff", 400, "malformed-body"),
        (b"[" * 100_000, 422, "validation-failed"), (b"x" * 262_145, 413, "body-too-large"),
        (a_report(status="dead"), 422, "validation-failed"),
        (a_report(at="2026-06-16T18:00:00"), 422, "validation-failed"),
        (a_report(at="0001-01-01T00:00:00Z"), 422, "validation-failed"),
        (a_report(event_id="e\0"), 422, "validation-failed"),
        (a_report(event_id="e" * 201), 422, "validation-failed"),
        (a_report(provider_call_id="a\nb"), 422, "validation-failed"),
        (a_report(status="answered", disposition="converted"), 422, "validation-failed"),
        (a_report(status="ringing", callback_at="2026-06-17T18:00:00Z"), 422, "validation-failed"),
        (a_report(callback_at="9999-06-17T18:00:00Z"), 422, "validation-failed"),
        (a_report(duration_s=-1), 422, "validation-failed"),
        (a_report(extra=1), 422, "validation-failed"),
        (a_report().replace(b'"busy"', b"1e999"), 422, "validation-failed"),
    ],
    ids=range(17),
)  # fmt: skip
async def test_a_signed_report_that_makes_no_sense_is_told_where(
    desk: Desk, body: bytes, status: int, code: str
):
    """RELIABILITY 5.2."""
    armed = await desk.world.an_armed_attempt()

    reply = await desk.post(desk.path(armed.attempt_id), body)

    problem = await reply.json()
    assert (reply.status, problem["code"]) == (status, code)
    assert status != 413 or problem["detail"] == "a body here has 262144 bytes at most"
    assert await desk.world.value("SELECT state FROM attempt") == "armed"


async def test_a_body_of_another_type_is_415(desk: Desk):
    armed = await desk.world.an_armed_attempt()
    path = desk.path(armed.attempt_id)
    assert (await desk.post(path, b"{}", Content_Type="application/x-www-form-urlencoded")).status == 415
    assert (await desk.post(path, b"{}", Content_Encoding="gzip")).status == 415


@pytest.mark.parametrize("status", ["answered", "completed"])
async def test_who_says_stop_is_on_the_list_when_the_report_is_answered(desk: Desk, status: str):
    """I7: also in the middle of the conversation, which goes on."""
    world = desk.world
    armed = await world.an_armed_attempt()
    assert await desk.report(armed.attempt_id, "answered", "first") == 204

    assert await desk.report(armed.attempt_id, status, disposition="dnc") == 204

    assert await world.value("SELECT phone FROM suppression") == PHONE
    loop = await world.loop(armed.loop_id)
    assert (loop["status"], loop["end_reason"]) == ("ended", "dnc")
    expected = "in_call" if status == "answered" else "done"
    assert await world.value("SELECT state FROM attempt") == expected
    assert await desk.report(armed.attempt_id, "completed", duration_s=9) == 204
    [attempt] = await world.attempts(armed.loop_id)
    assert (attempt["state"], attempt["disposition"]) == ("done", "dnc"), "the word stays with the contact"


async def test_who_says_stop_in_a_report_that_comes_after_the_end_is_heard_as_well(desk: Desk):
    """I7, and the order of reports: what was said is in the attempt whenever it comes."""
    world = desk.world
    armed = await world.an_armed_attempt()
    assert await desk.report(armed.attempt_id, "completed", duration_s=9) == 204
    for _ in range(2):
        assert await desk.report(armed.attempt_id, "answered", disposition="complaint") == 204

    assert await world.value("SELECT phone FROM suppression") == PHONE
    [attempt] = await world.attempts(armed.loop_id)
    assert (attempt["outcome"], attempt["disposition"]) == ("completed", "complaint")


async def test_stop_counts_also_for_a_call_that_was_over_or_denied(desk: Desk):
    """I7: the word was said, whatever became of the call."""
    world = desk.world
    numbers = phones(2)
    over, denied = [await world.an_armed_attempt(number) for number in numbers]
    assert await desk.report(over.attempt_id, "completed") == 204
    await world.run("UPDATE attempt SET state = 'not_sent' WHERE attempt_id = $1", denied.attempt_id)

    for armed in (over, denied):
        assert await desk.report(armed.attempt_id, "completed", "later", disposition="complaint") == 204

    listed = await world.rows("SELECT phone FROM suppression ORDER BY phone")
    assert [row["phone"] for row in listed] == sorted(numbers)


async def test_what_the_conversation_meant_may_be_told_after_its_end(desk: Desk):
    """MISSION 9: a disposition that comes later steers what is next."""
    world = desk.world
    armed = await world.an_armed_attempt()
    assert await desk.report(armed.attempt_id, "completed", duration_s=30) == 204

    for _ in range(2):
        assert await desk.report(armed.attempt_id, "completed", "later", disposition="converted") == 204

    [attempt] = await world.attempts(armed.loop_id)
    assert (attempt["disposition"], attempt["talk_s"]) == ("converted", 30)
    loop = await world.loop(armed.loop_id)
    assert (loop["status"], loop["end_reason"]) == ("ended", "converted")
    assert await world.value("SELECT count(*) FROM audit WHERE action = 'result_noted'") == 1


async def test_a_report_on_a_canceled_attempt_is_taken_and_changes_nothing(desk: Desk):
    armed = await desk.world.an_armed_attempt()
    await desk.world.run("UPDATE attempt SET state = 'canceled'")
    assert await desk.report(armed.attempt_id, "completed", disposition="converted") == 204
    assert await desk.world.value("SELECT state FROM attempt") == "canceled"


async def test_without_a_spool_a_report_is_503_while_the_ledger_is_away_and_taken_the_next_time(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    """I23: 204 means that it is on disk."""
    armed = await desk.world.an_armed_attempt()

    async def away(*_: object, **__: object) -> None:
        raise ServerUnavailable("Postgres does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(desk.world.stores.ledger, "fetch", away)
        assert await desk.report(armed.attempt_id, "busy") == 503
    assert await desk.world.value("SELECT state FROM attempt") == "armed"
    assert await desk.report(armed.attempt_id, "busy") == 204
    assert await desk.world.value("SELECT outcome FROM attempt") == "busy"


ODD = [
    None, True, -1, 0, 2**63, 1e308, "", " ", "\0", "\ud7ff", "\u202e", "a" * 70_000, [], {}, "'; --",
    "2026-06-16T18:00:00Z", "0000-00-00T00:00:00Z", "1999-12-31T23:59:59Z", "2199-12-31T23:59:59.999999Z",
    "2026-06-16T24:00:00Z", "9999-12-31T23:59:59-23:59", "dnc", "converted", "callback", "machine",
]  # fmt: skip


async def test_whatever_is_signed_is_taken_or_refused_and_breaks_nothing(desk: Desk):
    """RELIABILITY 5.2: the right status, no 5xx; the call still ends by a report that makes sense."""
    world, random = desk.world, Random(11)
    one, other = [await world.an_armed_attempt(number) for number in phones(2)]
    names = [*Report.__struct_fields__, "extra"]

    statuses = set()
    for n in range(400):
        said = {"event_id": f"e-{n}", "status": random.choice([*KIND, "no_answer"])}
        said |= {name: random.choice(ODD) for name in random.sample(names, random.randint(0, 3))}
        reply = await desk.post(desk.path(one.attempt_id), a_report(**said))
        statuses.add(reply.status)

    assert statuses == {204, 422}
    assert await world.value("SELECT state FROM attempt WHERE attempt_id = $1", one.attempt_id) == "done"
    assert await desk.report(other.attempt_id, "completed", "at last") == 204
    assert (
        await world.value("SELECT outcome FROM attempt WHERE attempt_id = $1", other.attempt_id)
        == "completed"
    )
