"""Webhooks that do not arrive (API 7): tried again at the times of the contract, and at last no more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from aiohttp import web

from api.live.deliverer import Deliverer
from dialer.webhooks.retries import DISABLE_MS, WAITS_MS
from scheduler.domain.time import DAY, MINUTE, SECOND
from tests.api.builders import Site
from tests.api.receiving import Answer, Outlets, Receiver, deliver, pass_time, registered, sent, shown, told

pytestmark = pytest.mark.parametrize("allow_private", [True])


async def a_failure(
    site: Site, receiver: Receiver, outlets: Outlets, answer: Answer, lead_ids: Sequence[int] = (1,)
) -> tuple[dict[str, Any], Deliverer]:
    """A webhook, and who sent it these events, once and in vain."""
    hook, deliverer = await registered(site, receiver.url), outlets()
    receiver.answer = answer
    await told(site, list(lead_ids))
    await deliver(site, deliverer)
    return hook, deliverer


async def test_what_fails_is_tried_at_the_times_of_the_contract_and_then_given_up(
    site: Site, receiver: Receiver, outlets: Outlets
) -> None:
    """API 7: 0 s, 5 s, 5 min, 30 min, 2, 5, 10, 14, 20, 24 h, each ± 10 %."""
    hook = await registered(site, receiver.url)
    receiver.answer = lambda one: 500
    await told(site, [1])
    deliverer = outlets()
    waits = []
    while True:
        await deliver(site, deliverer)
        [delivery] = await site.rows("SELECT state, tries, next_at, tried_at, error FROM delivery")
        if delivery["state"] != "pending":
            break
        wait = delivery["next_at"] - delivery["tried_at"]
        waits.append(wait.total_seconds() * SECOND)
        pass_time(site, int(max(waits[-1], MINUTE)))
    assert (delivery["state"], delivery["tries"], delivery["error"]) == ("failed", 10, "http 500")
    assert len(waits) == len(WAITS_MS)
    for wait_ms, planned_ms in zip(waits, WAITS_MS, strict=True):
        assert 0.9 * planned_ms <= wait_ms <= 1.1 * planned_ms
    assert len({round(wait / planned, 3) for wait, planned in zip(waits, WAITS_MS, strict=True)}) > 3
    assert (await shown(site, hook))["status"] == "active"
    assert [one.id for one in receiver.got] == [receiver.got[0].id] * 10

    receiver.answer = lambda one: 204
    [listed] = await sent(site, hook)
    assert (await site.post(f"/v1/deliveries/{listed['id']}/retry")).status == 202
    await deliver(site, deliverer)
    assert (await sent(site, hook))[0]["status"] == "delivered"


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
async def test_only_a_2xx_is_an_arrival(
    site: Site, receiver: Receiver, outlets: Outlets, status: int
) -> None:
    hook, _ = await a_failure(site, receiver, outlets, lambda one: status)
    [delivery] = await sent(site, hook)
    assert (delivery["status"], delivery["error"]) == ("pending", f"http {status}")


async def test_no_redirect_is_followed(site: Site, receiver: Receiver, outlets: Outlets) -> None:
    """RELIABILITY 5.1: what was checked is the address that is asked, not one that it names."""
    elsewhere = {"Location": receiver.url + "/elsewhere"}
    hook, _ = await a_failure(
        site, receiver, outlets, lambda one: web.Response(status=307, headers=elsewhere)
    )
    assert len(receiver.got) == 1
    assert (await sent(site, hook))[0]["error"] == "http 307"


@pytest.mark.parametrize(
    "headers",
    [{"Retry-After": "7200"},
     {"Retry-After": "Tue, 16 Jun 2026 20:00:00 GMT", "Date": "Tue, 16 Jun 2026 18:00:00 GMT"}],
)  # fmt: skip
async def test_an_endpoint_that_asks_for_a_pause_gets_it(
    site: Site, receiver: Receiver, outlets: Outlets, headers: dict[str, str]
) -> None:
    """API 7: honours Retry-After, of the delivery and of all others to that endpoint."""
    hook, deliverer = await a_failure(
        site, receiver, outlets, lambda one: web.Response(status=429, headers=headers)
    )
    await told(site, [2])
    pass_time(site, 119 * MINUTE)
    await deliver(site, deliverer)
    assert len(receiver.got) == 1
    receiver.answer = lambda one: 204
    pass_time(site, MINUTE)
    await deliver(site, deliverer, 2)
    assert {one["status"] for one in await sent(site, hook)} == {"delivered"}


async def test_an_endpoint_that_is_gone_is_asked_no_more_and_says_why(
    site: Site, receiver: Receiver, outlets: Outlets
) -> None:
    """API 7: 410 disables; made active again, it goes on where it was."""
    hook, deliverer = await a_failure(site, receiver, outlets, lambda one: 410)
    await told(site, [2])
    pass_time(site, DAY)
    await deliver(site, deliverer, 2)
    assert len(receiver.got) == 1
    now = await shown(site, hook)
    assert (now["status"], now["disabled_reason"]) == ("disabled", "it answered 410: gone")
    assert now["disabled_at"] is not None
    lines = (await (await site.get("/v1/audit?action=webhook_disabled")).json())["data"]
    assert [line["target"] for line in lines] == [hook["id"]]

    receiver.answer = lambda one: 204
    again = await site.send("PATCH", f"/v1/webhooks/{hook['id']}", json={"status": "active"})
    assert (await again.json())["disabled_reason"] is None
    await deliver(site, deliverer, 2)
    assert receiver.sequences == [1, 1, 2]


async def test_an_endpoint_that_fails_for_five_days_is_asked_no_more_and_one_success_in_between_counts(
    site: Site, receiver: Receiver, outlets: Outlets
) -> None:
    hook = await registered(site, receiver.url)
    receiver.answer = lambda one: 503
    deliverer = outlets()
    for day in range(4):
        await told(site, [day + 1])
        await deliver(site, deliverer, 3)
        pass_time(site, DAY)
    receiver.answer = lambda one: 204
    await deliver(site, deliverer, 3)
    assert (await shown(site, hook))["failing_since"] is None

    receiver.answer = lambda one: 503
    await told(site, [9])
    await deliver(site, deliverer)
    assert (await shown(site, hook))["failing_since"] is not None
    pass_time(site, DISABLE_MS)
    await told(site, [10])
    await deliver(site, deliverer)
    now = await shown(site, hook)
    assert (now["status"], now["disabled_reason"]) == (
        "disabled", "nothing has arrived for 5 days: http 503",
    )  # fmt: skip


@pytest.mark.parametrize("first", [1, 8])
async def test_an_endpoint_that_fails_is_asked_with_one_event_while_the_rest_waits_in_the_ledger(
    site: Site, receiver: Receiver, outlets: Outlets, first: int
) -> None:
    _, deliverer = await a_failure(site, receiver, outlets, lambda one: 500, range(1, first + 1))
    await told(site, list(range(first + 1, 200)))
    for _ in range(3):
        receiver.got.clear()
        pass_time(site, MINUTE)
        await deliver(site, deliverer)
        assert len(receiver.got) == 1
    [count] = await site.rows("SELECT count(*) AS deliveries FROM delivery")
    assert count["deliveries"] <= first + 3
    receiver.answer = lambda one: 204
    receiver.got.clear()
    pass_time(site, 40 * MINUTE)
    await deliver(site, deliverer, 5)
    assert set(receiver.sequences) == set(range(1, 200))
