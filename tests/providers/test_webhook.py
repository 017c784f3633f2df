"""The webhook provider: what it asks for, once, and what an answer proves (TELEPHONY 2, RELIABILITY 3.6)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dialer.providers.base import HELD, Accepted, NotDialled, Unknown
from dialer.providers.webhook_wire import FINAL, KIND, Known, Report, event_of, found_of, report_of
from dialer.signing import verify
from scheduler.domain.time import DAY, SECOND
from scheduler.errors import ServerUnavailable
from scheduler.flow.briefs import Brief
from scheduler.flow.lookup import CannotSay, FoundCall, Lookup, NoCall
from tests.providers.builders import TUESDAY_2PM, an_action
from tests.providers.test_http import Peer, a_peer, hangs_up, says, says_nothing, stops_midway
from tests.providers.webhook_receiver import SECRET, WALL_S, a_webhook_provider

REF = b'{"ref": "r-1"}'
NO = b'{"error": "no lines at +1 212-555-0123"}'
NUMBER = b'{"error": "gone", "scope": "number", "outcome": "invalid_number"}'
TOLD = "no lines at \N{HORIZONTAL ELLIPSIS}23"


def sent(peer: Peer) -> tuple[dict[str, str], dict[str, Any], bytes]:
    """The one request that the peer got: its headers, body and bytes."""
    [request] = peer.requests
    head, _, body = request.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    return {name.lower(): value for name, value in headers.items()}, msgspec.json.decode(body), body


@pytest.mark.parametrize(
    ("status", "body", "headers", "proves"),
    [
        ("200 OK", REF, "", Accepted("r-1")),
        ("201 Created", REF, "", Accepted("r-1")),
        ("202 Accepted", REF, "", Accepted("r-1")),
        ("202 Accepted", b"{}", "", Unknown("the answer names no call")),
        ("202 Accepted", b'{"ref": "a\\u0000b"}', "", Unknown("the answer names no call")),
        ("204 No Content", b"", "", Unknown("the answer names no call")),
        ("409 Conflict", REF, "", Accepted("r-1")),
        ("409 Conflict", NO, "", Unknown("the answer names no call")),
        ("429 Too Many", b"", "Retry-After: 7\r\n", NotDialled("http 429", "account", 7.0)),
        ("429 Too Many", NO, "", NotDialled(TOLD, "account")),
        ("503 Away", NO, "Retry-After: 0\r\n", NotDialled(TOLD, "account", 0.0)),
        ("503 Away", NO, "Retry-After: 99999999999\r\n", NotDialled(TOLD, "account", DAY / SECOND)),
        ("503 Away", b"<html>proxy</html>", "Retry-After: 7\r\n", Unknown("http 503")),
        ("422 No", NUMBER, "", NotDialled("gone", "number", None, "invalid_number")),
        ("422 No", NO, "", NotDialled(TOLD, "route")),
        ("403 No", NO, "", NotDialled(TOLD, "account")),
        ("404 No", b"<html>proxy</html>", "", Unknown("http 404")),
        ("408 Slow", NO, "", Unknown("http 408")),
        ("425 Early", NO, "", Unknown("http 425")),
        ("500 Oops", NO, "", Unknown("http 500")),
        ("502 Oops", NO, "", Unknown("http 502")),
        ("307 There", REF, "Location: /other\r\n", Unknown("http 307")),
    ],
)  # fmt: skip
async def test_each_answer_proves_what_it_can_and_is_asked_for_once(
    status: str, body: bytes, headers: str, proves: Any
):
    """I1: what is not certain is unknown, and nothing is ever sent twice."""
    async with a_peer(says(status, body, headers)) as peer, a_webhook_provider(peer.url) as provider:
        assert await provider.place([an_action()], TUESDAY_2PM) == [proves]
        assert len(peer.requests) == 1


@pytest.mark.parametrize("answer", [hangs_up, stops_midway, says_nothing])
async def test_a_request_without_an_answer_is_unknown_and_not_sent_again(answer: Any):
    """I1: timeouts and resets."""
    async with a_peer(answer) as peer, a_webhook_provider(peer.url, total_s=1.0) as provider:
        [result] = await provider.place([an_action()], TUESDAY_2PM)
        assert isinstance(result, Unknown)
        assert len(peer.requests) == 1


async def test_where_nobody_listens_nothing_was_dialled():
    async with a_webhook_provider("http://127.0.0.1:9") as provider:
        [result] = await provider.place([an_action()], TUESDAY_2PM)
    assert isinstance(result, NotDialled)


async def test_the_gate_is_asked_last_and_what_it_keeps_never_leaves():
    """I3: of each request of its own, when nothing is left to do but to write."""
    async with a_peer(says("202 Accepted", REF)) as peer, a_webhook_provider(peer.url) as provider:
        answers = iter([False, True])
        results = await provider.place(
            [an_action(0), an_action(1)], TUESDAY_2PM, may_leave=lambda: next(answers)
        )
        assert sorted(map(type, results), key=str) == sorted([NotDialled, Accepted], key=str)
        assert HELD in results
        assert len(peer.requests) == 1


async def test_a_request_says_all_that_a_dialer_needs_and_is_signed_with_both_secrets():
    """TELEPHONY 2: our key as the idempotency key; two secrets while one replaces the other."""
    action = msgspec.structs.replace(
        an_action(41, number=3, not_after_ms=TUESDAY_2PM, caller_id="+16465550190"),
        arrive_by_ms=TUESDAY_2PM - 1,
        brief=Brief(2, "hello", "Hello Ada"),
    )
    old = b"o" * 32
    async with (
        a_peer(says("202 Accepted", REF)) as peer,
        a_webhook_provider(peer.url, secrets=[SECRET, old]) as provider,
    ):
        await provider.place([action], TUESDAY_2PM)
        headers, asked, body = sent(peer)

    assert asked == {
        "type": "attempt",
        "key": str(action.key),
        "channel": "call",
        "to": "+12125550142",
        "from": "+16465550190",
        "number": 3,
        "ring_timeout_s": 25,
        "max_duration_s": 600,
        "not_after": "2026-06-02T18:00:00.000Z",
        "arrive_by": "2026-06-02T17:59:59.999Z",
        "callback_url": "http://127.0.0.1/callbacks/41",
        "payload": asked["payload"],
    }
    assert (asked["payload"]["name"], asked["payload"]["script"]) == ("hello", "Hello Ada")
    assert headers["idempotency-key"] == headers["webhook-id"] == str(action.key)
    assert headers["content-type"] == "application/json"
    for secret in (SECRET, old):
        assert verify([secret], headers, body, WALL_S)


async def test_hanging_up_fails_loudly_unless_the_dialer_has_heard():
    """I7: an opt-out is answered once nobody rings any more."""
    for status in ("202 Accepted", "404 Gone", "409 Over", "410 Gone"):
        async with a_peer(says(status, b"{}")) as peer, a_webhook_provider(peer.url) as provider:
            await provider.hang_up(["r-1"], TUESDAY_2PM)
            assert sent(peer)[1] == {"type": "cancel", "ref": "r-1"}
    for answer in (says("500 Oops"), says("401 No", NO), hangs_up):
        async with a_peer(answer) as peer, a_webhook_provider(peer.url) as provider:
            with pytest.raises(ServerUnavailable):
                await provider.hang_up(["r-1"], TUESDAY_2PM)


@pytest.mark.parametrize(
    ("status", "body", "late", "found"),
    [
        ("200 OK", b'{"known": false}', True, NoCall()),
        ("404 No", b'{"known": false}', True, NoCall()),
        ("200 OK", b'{"known": false}', False, CannotSay()),
        ("404 No", b"<html>proxy</html>", True, CannotSay()),
        ("200 OK", b"{}", True, CannotSay()),
        ("200 OK", b"[" * 100_000, True, CannotSay()),
        ("503 Away", b'{"known": false}', True, CannotSay()),
        ("200 OK", b'{"known": true}', True, CannotSay()),
        ("200 OK", b'{"known": true, "ref": "r"}', True, FoundCall("r", "accepted")),
        ("200 OK", b'{"known": true, "ref": "r", "status": "answered"}', False, FoundCall("r", "in_call")),
    ],
)
async def test_a_look_up_denies_a_call_only_by_a_plain_no_that_comes_late_enough(
    status: str, body: bytes, late: bool, found: Any
):
    """I1: before `arrive_by` the request may still be on its way."""
    lookup = Lookup(1, an_action().key, TUESDAY_2PM, TUESDAY_2PM + 12 * SECOND)
    now_ms = lookup.arrive_by_ms + (1 if late else 0)
    async with a_peer(says(status, body)) as peer, a_webhook_provider(peer.url) as provider:
        assert await provider.find([lookup], now_ms) == [found]


async def test_look_ups_are_answered_one_by_one_and_fail_together():
    lookups = [Lookup(n, an_action(n).key, TUESDAY_2PM, TUESDAY_2PM) for n in (1, 2)]
    answers = iter([hangs_up, says("200 OK", b'{"known": false}')])

    async def one_of_two(writer: Any) -> None:
        await next(answers)(writer)

    async with a_peer(one_of_two) as peer, a_webhook_provider(peer.url) as provider:
        found = await provider.find(lookups, TUESDAY_2PM + 1)
        assert sorted(map(str, found)) == sorted(map(str, [CannotSay(), NoCall()]))
        assert await provider.find([], TUESDAY_2PM) == []
    async with a_webhook_provider("http://127.0.0.1:9") as provider:
        with pytest.raises(ServerUnavailable):
            await provider.find(lookups, TUESDAY_2PM + 1)


def a_report(**fields: Any) -> Report:
    said = {"provider_call_id": "r-1", "event_id": "e-1", "status": "completed", "at": "2026-06-02T18:00:05Z"}
    return msgspec.convert({**said, **fields}, Report)


@pytest.mark.parametrize(
    ("status", "answered_by", "kind", "outcome"),
    [
        ("queued", None, "queued", None),
        ("initiated", None, "initiated", None),
        ("ringing", None, "ringing", None),
        ("answered", "human", "answered", None),
        ("in_progress", None, "answered", None),
        ("completed", None, "ended", "completed"),
        ("completed", "human", "ended", "completed"),
        ("completed", "unknown", "ended", "completed"),
        ("completed", "machine", "ended", "voicemail"),
        ("completed", "machine_end_beep", "ended", "voicemail"),
        ("voicemail", None, "ended", "voicemail"),
        ("busy", None, "ended", "busy"),
        ("no_answer", None, "ended", "not_reached"),
        ("failed", None, "ended", "error"),
        ("invalid_number", None, "ended", "invalid_number"),
        ("number_blocked", None, "ended", "number_blocked"),
        ("canceled", None, "ended", "canceled"),
    ],
)
def test_a_status_becomes(status: str, answered_by: str | None, kind: str, outcome: str | None):
    event = event_of(a_report(status=status, answered_by=answered_by), 1, an_action().key, TUESDAY_2PM + DAY)
    assert (event.kind, event.outcome) == (kind, outcome)


@pytest.mark.parametrize("status", [*KIND, *FINAL])
@pytest.mark.parametrize("answered_by", [None, "machine"])
def test_a_report_that_waited_as_an_event_says_the_same_when_it_is_taken_in(
    status: str, answered_by: str | None
):
    """DESIGN 5.5: from the spool, and from there to those on calls that are not known yet."""
    said: dict[str, Any] = {"error": "no luck", "duration_s": 4, "event_id": "1:e"}
    if status in FINAL:
        said |= {"disposition": "callback", "callback_at": "2026-06-03T18:00:05Z"}
    report = a_report(status=status, answered_by=answered_by, **said)
    event = event_of(report, 1, an_action().key, TUESDAY_2PM + DAY)

    again = report_of(event)

    assert event_of(again, 1, an_action().key, TUESDAY_2PM + DAY) == event
    assert (again.event_id, again.provider_call_id) == (report.event_id, report.provider_call_id)
    assert (again.disposition, again.callback_at) == (report.disposition, report.callback_at)
    assert msgspec.json.decode(msgspec.json.encode(again), type=Report) == again


@pytest.mark.parametrize(
    ("at", "taken_as_ms"),
    [
        ("2026-06-02T18:00:05Z", TUESDAY_2PM + 5 * SECOND),
        ("2026-06-02T14:00:05-04:00", TUESDAY_2PM + 5 * SECOND),
        ("2099-01-01T00:00:00Z", TUESDAY_2PM + 60 * SECOND),
        ("2001-01-01T00:00:00Z", TUESDAY_2PM + 60 * SECOND - DAY),
    ],
)
def test_a_report_is_neither_of_tomorrow_nor_of_last_year(at: str, taken_as_ms: int):
    event = event_of(a_report(at=at), 1, an_action().key, TUESDAY_2PM + 60 * SECOND)
    assert event.at_ms == event.rang_until_ms == taken_as_ms


def test_what_a_dialer_writes_holds_no_phone_number_when_it_is_kept():
    """I25."""
    said = "busy\x07 at sip:+12125550123@example.com"
    event = event_of(a_report(error=said), 1, an_action().key, TUESDAY_2PM)
    assert event.error == "busy  at sip:\N{HORIZONTAL ELLIPSIS}23@example.com"


def test_a_call_that_is_found_ended_lies_between_its_arm_and_now():
    lookup = Lookup(1, an_action().key, TUESDAY_2PM, TUESDAY_2PM)
    known = msgspec.convert(
        {"known": True, "ref": "r", "status": "no_answer", "at": "1999-01-01T00:00:00Z",
         "callback_at": "9999-12-31T23:59:59Z"}, Known,
    )  # fmt: skip
    found = found_of(known, lookup, TUESDAY_2PM + SECOND)
    assert isinstance(found, FoundCall)
    assert (found.outcome, found.ended_at_ms, found.callback_at_ms) == ("not_reached", TUESDAY_2PM, None)
