"""Webhooks sent (API 7): signed, in order, again until they arrive, and nothing lost when a process dies."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from dialer.webhooks.sealing import Sealer
from dialer.webhooks.sender import Answer, WebhookSender
from scheduler.domain.time import DAY, MINUTE, SECOND
from scheduler.ledger import deliveries as ledger
from scheduler.services.herald import Herald
from tests.api.builders import PHONE, Site, a_lead, a_tenant
from tests.api.receiving import Outlets, Receiver, deliver, pass_time, registered, sent, shown, told
from tests.api.streaming import as_sent

pytestmark = pytest.mark.parametrize("allow_private", [True])


async def test_an_event_arrives_as_it_is_pulled_signed_and_under_its_own_id(
    site: Site, receiver: Receiver, outlets: Outlets
) -> None:
    """API 7: Standard Webhooks headers, the envelope of /v1/events."""
    hook = await registered(site, receiver.url)
    deliverer = outlets()
    lead = await (await site.post("/v1/leads", a_lead())).json()
    await deliver(site, deliverer)

    [got] = receiver.got
    [pulled] = (await (await site.get("/v1/events")).json())["data"]
    assert got.body == as_sent(pulled)
    assert (got.body["type"], got.body["data"]["object"]["id"]) == ("lead.created", lead["id"])
    assert got.body["data"]["object"]["phone"] == PHONE
    assert got.id == pulled["id"]
    assert got.headers["content-type"] == "application/json"
    now_s = site.clock.wall_ms() / SECOND
    assert got.signed_by(hook["secret"], now_s)
    assert not got.signed_by("whsec_" + "A" * 44, now_s)
    [delivery] = await sent(site, hook)
    assert (delivery["status"], delivery["answer"], delivery["tries"]) == ("delivered", 204, 1)


async def test_a_webhook_gets_what_happens_after_it_was_made_and_only_of_its_types(
    site: Site, receiver: Receiver, outlets: Outlets
) -> None:
    await told(site, [1, 2])
    await deliver(site, outlets())
    hook = await registered(site, receiver.url, types=["loop.started", "lead.created"])
    await told(site, [3], "lead.updated")
    await told(site, [4], "lead.created")
    await deliver(site, outlets())
    assert [one.body["type"] for one in receiver.got] == ["lead.created"]
    assert [one["event_id"] for one in await sent(site, hook)] == [receiver.got[0].id]


async def test_events_of_a_lead_come_in_their_order_while_leads_are_sent_side_by_side(
    site: Site, receiver: Receiver, outlets: Outlets
) -> None:
    await registered(site, receiver.url)
    for _ in range(5):
        await told(site, [1, 2, 3, 4, 5, 6, 7, 8, 9])
    deliverer = outlets()
    await deliver(site, deliverer)
    assert sorted(receiver.sequences) == list(range(1, 46))
    assert receiver.most_at_once > 1
    for lead in range(9):
        of_lead = [number for number in receiver.sequences if (number - 1) % 9 == lead]
        assert of_lead == sorted(of_lead)


async def test_a_lead_s_later_event_waits_while_an_earlier_one_is_tried_again(
    site: Site, receiver: Receiver, outlets: Outlets
) -> None:
    hook = await registered(site, receiver.url)
    deliverer = outlets()
    refused = {1}
    receiver.answer = lambda one: 500 if one.body["sequence"] in refused else 204
    await told(site, [1])
    await deliver(site, deliverer)
    await told(site, [1, 2])
    await deliver(site, deliverer, 2)
    assert receiver.sequences == [1], "it failed a moment ago: its endpoint is left alone for five seconds"

    pass_time(site, 6 * SECOND)
    await deliver(site, deliverer, 2)
    pass_time(site, 11 * SECOND)
    await deliver(site, deliverer, 3)
    assert receiver.sequences == [1, 1, 3], "the other lead's event waits for nobody"

    refused.clear()
    pass_time(site, 6 * MINUTE)
    await deliver(site, deliverer, 3)
    assert receiver.sequences == [1, 1, 3, 1, 2]
    assert {one["status"] for one in await sent(site, hook)} == {"delivered"}


async def test_a_batch_holds_up_to_a_hundred_events_in_one_signed_body(
    site: Site, receiver: Receiver, outlets: Outlets
) -> None:
    """API 7: mode batch, type `events.batch`."""
    hook = await registered(site, receiver.url, mode="batch")
    await told(site, list(range(1, 251)))
    deliverer = outlets()
    await deliver(site, deliverer)
    assert [len(one.body["data"]["events"]) for one in receiver.got] == [100, 100, 50]
    assert [event["sequence"] for event in receiver.events] == list(range(1, 251))
    first = receiver.got[0]
    assert (first.body["type"], first.body["id"]) == ("events.batch", first.id)
    assert first.id.startswith("dlv_")
    assert first.signed_by(hook["secret"], site.clock.wall_ms() / SECOND)
    begin = [(one.id, one.body["data"]["events"][0]["id"]) for one in receiver.got]
    assert [(one["id"], one["event_id"]) for one in await sent(site, hook)] == begin


async def test_a_batch_that_is_not_full_keeps_a_second_s_distance_to_the_next(
    site: Site, receiver: Receiver, outlets: Outlets
) -> None:
    await registered(site, receiver.url, mode="batch")
    deliverer = outlets()
    for lead in range(1, 6):
        await told(site, [lead])
        await deliver(site, deliverer)
    assert len(receiver.events) == 1
    pass_time(site, SECOND)
    await deliver(site, deliverer)
    assert [len(one.body["data"]["events"]) for one in receiver.got] == [1, 4]


@pytest.mark.parametrize("change", ["rotate", "pause", "delete"])
async def test_who_sends_loses_the_webhook_to_a_change_of_it(
    site: Site, receiver: Receiver, change: str
) -> None:
    """A new secret, address or pause holds from the next round on, not when a lease has run out."""
    hook = await registered(site, receiver.url)
    path = f"/v1/webhooks/{hook['id']}"
    await told(site, [1])
    now_ms, wall_ms = site.clock.now_ms(), site.clock.wall_ms()
    await Herald(site.database, site.clock, period_s=1, kept_days=7).step(now_ms)
    lease = {"now_ms": now_ms, "wall_ms": wall_ms, "lease_ms": MINUTE, "most": 9}
    [holder] = await ledger.take_webhooks(site.database, **lease)
    assert await ledger.take_webhooks(site.database, **lease) == []
    if change == "rotate":
        await site.post(f"{path}/rotate", {})
    elif change == "pause":
        await site.send("PATCH", path, json={"status": "paused"})
    else:
        await site.send("DELETE", path)
    put = {"from_seq": 0, "to_seq": 1, "replay": False, "now_ms": now_ms}
    assert not await ledger.put_deliveries(site.database, holder, [ledger.Span(0, 1, 1)], **put)
    taken = await ledger.take_webhooks(site.database, **lease)
    assert len(taken) == (1 if change == "rotate" else 0), "and the next one need not wait"


async def test_while_a_secret_rotates_both_sign_and_afterwards_the_new_one_alone(
    site: Site, receiver: Receiver, outlets: Outlets
) -> None:
    """API 7: two signatures while rotating."""
    hook = await registered(site, receiver.url)
    path = f"/v1/webhooks/{hook['id']}"
    new = await (await site.post(f"{path}/rotate", {"grace_s": 3600})).json()
    deliverer = outlets()
    await told(site, [1])
    await deliver(site, deliverer)
    await site.rows("UPDATE webhook SET old_secret_until = now() - interval '1 second'")
    await told(site, [1])
    await deliver(site, deliverer)
    now_s = site.clock.wall_ms() / SECOND
    both, one = receiver.got
    assert both.headers["webhook-signature"].count("v1,") == 2
    assert both.signed_by(hook["secret"], now_s)
    assert both.signed_by(new["secret"], now_s)
    assert not one.signed_by(hook["secret"], now_s)
    assert one.signed_by(new["secret"], now_s)


async def test_rotated_again_the_secrets_that_still_sign_go_on_until_they_are_told_to_end(
    site: Site, receiver: Receiver, outlets: Outlets
) -> None:
    """API 7: who lost the answer of a rotation rotates again, and what is in use signs all the while."""
    hook = await registered(site, receiver.url)
    path, deliverer = f"/v1/webhooks/{hook['id']}/rotate", outlets()
    secrets = [hook["secret"]]
    for grace_s in (3600, 3600, 3600, 3600, 0):
        secrets.append((await (await site.post(path, {"grace_s": grace_s})).json())["secret"])
        await told(site, [1])
        await deliver(site, deliverer)

    now_s = site.clock.wall_ms() / SECOND
    sign = [
        [place for place, each in enumerate(secrets) if got.signed_by(each, now_s)] for got in receiver.got
    ]
    assert sign == [[0, 1], [0, 1, 2], [0, 1, 2, 3], [1, 2, 3, 4], [5]]


async def test_a_ping_says_hello(site: Site, receiver: Receiver, outlets: Outlets) -> None:
    hook = await registered(site, receiver.url)
    made = await (await site.post(f"/v1/webhooks/{hook['id']}/ping")).json()
    await deliver(site, outlets())
    [got] = receiver.got
    assert (got.body["type"], got.id, got.body["data"]) == ("webhook.ping", made["id"], {})
    assert got.signed_by(hook["secret"], site.clock.wall_ms() / SECOND)


async def test_a_replay_sends_the_events_of_a_span_once_more_under_their_ids_beside_what_is_new(
    site: Site, receiver: Receiver, outlets: Outlets
) -> None:
    hook = await registered(site, receiver.url, types=["lead.updated"])
    deliverer = outlets()
    start = site.clock.now_ms()
    for lead in (1, 2, 3):
        await told(site, [lead])
        await told(site, [lead], "lead.created")
        await deliver(site, deliverer)
        pass_time(site, MINUTE)
    before = {one.body["sequence"]: one.id for one in receiver.got}
    receiver.got.clear()
    instants = (await (await site.get("/v1/events?type=lead.updated")).json())["data"]
    span = {"from": instants[1]["timestamp"], "to": instants[2]["timestamp"]}
    assert site.clock.now_ms() > start
    replayed = await site.post(f"/v1/webhooks/{hook['id']}/replay", span)
    assert (replayed.status, (await replayed.json())["replaying"]) == (202, True)
    assert (await site.post(f"/v1/webhooks/{hook['id']}/replay", span)).status == 409, "one at a time"
    await told(site, [4])
    await deliver(site, deliverer, 3)
    got = {one.body["sequence"]: one.id for one in receiver.got}
    assert set(got) == {3, 7}
    assert got[3] == before[3]
    assert (await shown(site, hook))["replaying"] is False


async def test_what_was_under_way_when_a_process_died_is_sent_again_by_another(
    site: Site, receiver: Receiver, outlets: Outlets
) -> None:
    """At least once: the process is cut between sending and writing down that it arrived."""
    hook = await registered(site, receiver.url)

    class Dies(WebhookSender):
        async def send(self, *arguments: Any) -> Answer:
            await super().send(*arguments)
            raise SystemError("cut off")

    await told(site, [1, 2])
    dying = outlets(Dies(allow_private=True))
    await deliver(site, dying)
    assert {one["status"] for one in await sent(site, hook)} == {"pending"}
    survivor = outlets()
    await deliver(site, survivor)
    assert len(receiver.got) == 2, "the lease of who died still holds"
    await site.rows("UPDATE webhook SET leased_until = now() - interval '1 second'")
    await deliver(site, survivor)
    assert receiver.sequences[2:] == [1, 2]
    assert {one["status"] for one in await sent(site, hook)} == {"delivered"}


async def test_several_processes_share_the_webhooks_and_send_nothing_twice(
    site: Site, receiver: Receiver, outlets: Outlets
) -> None:
    for _ in range(4):
        await registered(site, receiver.url)
    await told(site, [1, 2, 3])
    several = [outlets() for _ in range(3)]
    await deliver(site, several[0])
    for deliverer in several:
        await deliverer.step(site.clock.now_ms())
    for deliverer in several:
        await deliverer.idle()
    assert sorted(receiver.sequences) == [1] * 4 + [2] * 4 + [3] * 4


async def test_a_lease_that_ran_out_writes_nothing_more(site: Site, receiver: Receiver) -> None:
    """The guarantee is in the ledger: who lost the webhook can neither advance nor disable it."""
    await registered(site, receiver.url)
    await told(site, [1])
    await told(site, [2])
    now_ms, wall_ms = site.clock.now_ms(), site.clock.wall_ms()
    await Herald(site.database, site.clock, period_s=1, kept_days=7).step(now_ms)
    [late] = await ledger.take_webhooks(
        site.database, now_ms=now_ms, wall_ms=wall_ms, lease_ms=SECOND, most=9
    )
    [owner] = await ledger.take_webhooks(
        site.database, now_ms=now_ms, wall_ms=wall_ms + 2 * SECOND, lease_ms=SECOND, most=9
    )
    put = {"from_seq": 0, "to_seq": 2, "replay": False, "now_ms": now_ms}
    spans = [ledger.Span(0, 1, 1), ledger.Span(1, 1, 2)]
    assert not await ledger.put_deliveries(site.database, late, spans, **put)
    assert not await ledger.disable_webhook(site.database, late, "it is late", now_ms)
    assert await ledger.put_deliveries(site.database, owner, spans, **put)
    assert not await ledger.put_deliveries(site.database, owner, spans, **put), "once"
    assert await ledger.due_deliveries(site.database, late, now_ms=now_ms, most=9, held_tries=3) == []
    [delivery, _] = await ledger.due_deliveries(site.database, owner, now_ms=now_ms, most=9, held_tries=3)
    failed = ledger.Settled(delivery, "pending", 500, "http 500", now_ms)
    for _ in range(2):
        await ledger.settle_deliveries(site.database, [failed], now_ms)
    [row] = await site.rows("SELECT tries FROM delivery WHERE delivery_id = $1", delivery.delivery_id)
    assert row["tries"] == 1, "one try is settled once, whoever says it again"


async def test_a_process_without_the_key_of_a_secret_leaves_its_webhook_to_others(
    site: Site, receiver: Receiver, outlets: Outlets
) -> None:
    hook = await registered(site, receiver.url)
    await told(site, [1])
    stranger = outlets(sealer=Sealer([b"x" * 32]))
    await deliver(site, stranger)
    assert (receiver.got, (await shown(site, hook))["status"]) == ([], "active")
    pass_time(site, MINUTE)
    await deliver(site, outlets())
    assert receiver.sequences == [1]


async def test_the_webhooks_of_a_suspended_account_get_nothing_until_it_is_no_longer(
    site: Site, receiver: Receiver, outlets: Outlets
) -> None:
    await registered(site, receiver.url)
    await told(site, [1])
    await site.rows("UPDATE account SET suspended_at = now()")
    await deliver(site, outlets())
    assert receiver.got == []
    await site.rows("UPDATE account SET suspended_at = NULL")
    await deliver(site, outlets())
    assert receiver.sequences == [1]


async def test_nothing_of_one_tenant_reaches_the_webhook_of_another(
    site: Site, receiver: Receiver, outlets: Outlets
) -> None:
    """I24, with canaries."""
    other = await a_tenant(site.database, "canary-5e1f")
    await registered(site, receiver.url)
    agent = site.deps.ids.write("agt", other.agent_id)
    await site.post("/v1/leads", a_lead(name="canary-5e1f", agent_id=agent), key=other.key)
    await site.post("/v1/leads", a_lead(phone="+12125550177"))
    await deliver(site, outlets(), 2)
    assert receiver.got
    assert not [one for one in receiver.got if b"canary-5e1f" in one.raw or PHONE.encode() in one.raw]


async def test_what_an_endpoint_answers_is_kept_nowhere(
    site: Site, receiver: Receiver, outlets: Outlets, capfd: pytest.CaptureFixture[str]
) -> None:
    """RELIABILITY 5.1: neither its words nor its address in logs, deliveries or metrics."""
    hook = await registered(site, receiver.url)
    receiver.answer = lambda one: web.Response(status=500, text="secret-answer-77aa")
    await told(site, [1])
    await deliver(site, outlets())
    logged = "".join(capfd.readouterr())
    metrics = (await site.deps.metrics.render()).decode()
    said = logged + metrics + str(await sent(site, hook))
    assert "secret-answer-77aa" not in said
    assert receiver.url not in logged + metrics
    assert 'dialwheel_webhook_deliveries_total{result="retried"} 1.0' in metrics


async def test_events_that_are_no_longer_kept_are_passed_over(
    site: Site, receiver: Receiver, outlets: Outlets
) -> None:
    """An endpoint was away for longer than events are kept: it goes on with those that there are."""
    hook = await registered(site, receiver.url)
    deliverer = outlets()
    receiver.answer = lambda one: 500
    await told(site, [1])
    await deliver(site, deliverer)
    await told(site, [1, 2])
    await deliver(site, deliverer)
    receiver.got.clear()
    receiver.answer = lambda one: 204
    pass_time(site, 8 * DAY)
    await told(site, [3])
    await deliver(site, deliverer, 3)
    assert receiver.sequences == [4]
    [lost, arrived] = await sent(site, hook)
    assert (lost["status"], lost["error"]) == ("failed", "its events are no longer kept")
    assert arrived["status"] == "delivered"


async def test_the_check_in_the_documents_tells_our_requests_from_others(
    site: Site, receiver: Receiver, outlets: Outlets
) -> None:
    """docs/webhooks.md: its Python, as it is printed."""
    page = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")
    [snippet] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    documented: dict[str, Any] = {}
    exec(snippet, documented)
    check = documented["is_from_dialwheel"]

    hook = await registered(site, receiver.url)
    rotated = await (await site.post(f"/v1/webhooks/{hook['id']}/rotate", {})).json()
    await told(site, [1])
    await deliver(site, outlets())
    [got] = receiver.got
    for secret in (hook["secret"], rotated["secret"]):
        assert check(secret, got.headers, got.raw)
        assert not check(secret, got.headers, got.raw + b" ")
        assert not check(secret, {**got.headers, "webhook-id": "evt_other"}, got.raw)
        long_ago = str(int(got.headers["webhook-timestamp"]) - 400)
        assert not check(secret, {**got.headers, "webhook-timestamp": long_ago}, got.raw)
    assert not check("whsec_" + "A" * 44, got.headers, got.raw)
