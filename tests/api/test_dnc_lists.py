"""DNC lists, entries, checks and files (API 5): in force when answered, people's own word outlives lists."""

from __future__ import annotations

from typing import Any

import pytest

from api.instants import utc_ms
from tests.api.builders import OTHER_PHONE, PHONE, Site, a_lead, a_tenant

LISTS, ENTRIES = "/v1/dnc/lists", "/v1/dnc/entries"


async def a_list(site: Site, name: str = "registry") -> str:
    reply = await site.post(LISTS, {"name": name, "source": "the registry's file of May"})
    assert reply.status == 201, await reply.text()
    return (await reply.json())["id"]


async def send(site: Site, body: bytes, query: str = "", type_: str = "text/csv") -> dict:
    reply = await site.send("POST", f"/v1/dnc/import{query}", data=body, headers={"Content-Type": type_})
    assert reply.status == 200, await reply.text()
    return await reply.json()


async def blocked(site: Site, *phones: str) -> list[bool]:
    reply = await (await site.post("/v1/dnc/check", {"phones": list(phones)})).json()
    return [each["blocked"] for each in reply["data"]]


async def test_a_number_of_two_lists_may_be_called_again_when_both_are_gone(site: Site):
    first, second = await a_list(site, "a"), await a_list(site, "b")
    for list_id in (first, second):
        assert (await site.post(ENTRIES, {"phone": PHONE, "list_id": list_id})).status == 201
    [entry] = (await (await site.get(ENTRIES)).json())["data"]
    assert (entry["own_word"], sorted(entry["list_ids"])) == (False, sorted([first, second]))

    assert (await site.send("DELETE", f"{LISTS}/{first}")).status == 204
    assert await blocked(site, PHONE) == [True]
    assert (await site.send("DELETE", f"{LISTS}/{second}")).status == 204
    assert await blocked(site, PHONE) == [False]
    assert (await site.post("/v1/leads", a_lead(agent_id=site.agent))).status == 201


@pytest.mark.parametrize("own_word_first", [True, False])
async def test_who_asked_not_to_be_called_stays_so_when_a_list_is_removed(site: Site, own_word_first: bool):
    """I8: a list that comes or goes never undoes a person's own word."""
    list_id = await a_list(site)
    bodies = [{"phone": PHONE}, {"phone": PHONE, "list_id": list_id}]
    for body in bodies if own_word_first else reversed(bodies):
        await site.post(ENTRIES, body)
    await site.send("DELETE", f"{LISTS}/{list_id}")
    assert await blocked(site, PHONE) == [True]


async def test_a_file_ends_the_loops_of_its_people_and_says_what_it_could_not_read(site: Site):
    lead = await (await site.post("/v1/leads", a_lead(agent_id=site.agent))).json()
    file = b"Name;Phone\nAna;(212) 555-0123\nBob;12\n\nEve;+1 212 555 0124\nAna again;2125550123\n"
    said = await send(site, file, "?name=partner")
    assert (said["rows"], said["entered"], said["added"], said["rejected"]) == (4, 2, 2, 1)
    assert (said["ended_loops"], said["errors"]) == (1, [{"row": 3, "code": "phone-invalid"}])
    assert await blocked(site, PHONE, OTHER_PHONE, "+12125550125") == [True, True, False]
    after = await (await site.get(f"/v1/leads/{lead['id']}")).json()
    assert (after["status"], after["next_attempt"]) == ("opted_out", None)

    again = await send(site, file, "?name=partner")
    assert (again["entered"], again["added"], again["list_id"]) == (0, 0, said["list_id"])
    [shown] = (await (await site.get(f"{LISTS}?count=exact")).json())["data"]
    assert (shown["name"], shown["entries"]) == ("partner", 2)


@pytest.mark.parametrize(
    ("body", "type_"),
    [
        (b"+12125550123\r\n2125550124", "text/plain"),
        (b"\xef\xbb\xbf2125550123\n2125550124\n", "text/csv"),
        (b'"(212) 555-0123",x\n"(212) 555-0124",y\n', "text/csv"),
        (b'{"phone": "+12125550123"}\n"2125550124"\n', "application/x-ndjson"),
        (b"phone,reason\n'+12125550123,as we export it\n'+12125550124,\n", "text/csv"),
        (b"Name,Tel\nAna,2125550123\nBob,2125550124\n", "text/csv"),
        (b"Ana;2125550123\nBob;2125550124\n", "text/csv"),
        (b'{"Phone": "+12125550123"}\n{"Cell Phone": "2125550124"}\n', "application/x-ndjson"),
    ],
)
async def test_numbers_are_read_from_the_forms_that_people_have(site: Site, body: bytes, type_: str):
    said = await send(site, body, type_=type_)
    assert (said["rows"], said["added"], said["rejected"]) == (2, 2, 0)
    assert await blocked(site, PHONE, "+12125550124") == [True, True]


async def test_all_phones_of_a_line_are_meant(site: Site):
    """A file that somebody's system wrote has a column for each of a person's phones."""
    file = b"Name,Mobile,Home Phone\nAna,2125550123,2125550124\nBob,,2125550125\nEve,12,2125550126\nKim,,\n"
    said = await send(site, file)
    assert (said["rows"], said["added"]) == (4, 4)
    assert [(error["row"], error["code"]) for error in said["errors"]] == [
        (4, "phone-invalid"), (5, "phone-missing"),
    ]  # fmt: skip
    phones = [f"+1212555012{n}" for n in (3, 4, 5, 6)]
    assert await blocked(site, *phones) == [True] * 4


@pytest.mark.parametrize(
    ("body", "rejected"),
    [
        (b"", 0),
        (b"phone\n", 0),
        (b"\x00\xff\xfe\n", 1),
        (b'"open quote\n2125550123\n', 1),
        (b"a" * 70_000, 1),
        (b"[" * 60_000, 1),
        (b'{"phone":' * 7_000, 1),
        (b'{"phone":"\\ud800"}\n1e999\n{"phone":[]}\n', 3),
    ],
)
async def test_a_poor_file_does_no_harm(site: Site, body: bytes, rejected: int):
    type_ = "text/csv" if body[:1] not in b"[{" or not body else "application/x-ndjson"
    assert (await send(site, body, type_=type_))["rejected"] == rejected


async def test_a_file_in_which_no_number_can_be_found_is_refused_whole(site: Site):
    """RELIABILITY 5.2: a 200 would say that nobody in it is called any more."""
    files = {b"Name,Fernruf\nAna,2125550123\n": 422, "phone\n2125550123\n".encode("utf-16"): 400}
    for file, status in files.items():
        reply = await site.send(
            "POST", "/v1/dnc/import?name=partner", data=file, headers={"Content-Type": "text/csv"}
        )
        assert reply.status == status, await reply.text()
    assert (await (await site.get(LISTS)).json())["data"] == []


async def test_a_file_of_another_type_or_for_a_list_of_nobody_is_refused(site: Site):
    post = {"data": b"2125550123\n"}
    packed = {"Content-Type": "text/csv", "Content-Encoding": "gzip"}
    for headers in ({"Content-Type": "application/json"}, packed):
        assert (await site.send("POST", "/v1/dnc/import", headers=headers, **post)).status == 415
    other = await a_tenant(site.database, "other")
    theirs = await (await site.post(LISTS, {"name": "theirs"}, key=other.key)).json()
    plain = {"Content-Type": "text/plain"}
    for said in (theirs["id"], "dnl_nobody"):
        reply = await site.send("POST", f"/v1/dnc/import?list_id={said}", headers=plain, **post)
        assert reply.status == 422
    assert await blocked(site, PHONE) == [False]


async def test_a_lifted_entry_may_be_called_again_and_the_audit_log_tells_who_did_it(site: Site):
    """RELIABILITY 5.1: the removal of an opt-out is on record, without the number."""
    made = await (await site.post(ENTRIES, {"phone": PHONE, "reason": "x"})).json()
    changed = await site.send("PATCH", f"{ENTRIES}/{made['id']}", json={"reason": "by mail"})
    assert (await changed.json())["reason"] == "by mail"
    assert (await site.send("DELETE", f"{ENTRIES}/{made['id']}")).status == 204
    assert (await site.get(f"{ENTRIES}/{made['id']}")).status == 404
    assert await blocked(site, PHONE) == [False]
    reply = await (await site.get("/v1/audit?action=suppression_lifted")).text()
    assert '"reason":"by mail"' in reply
    assert PHONE not in reply


async def test_an_entry_tells_when_it_last_changed(site: Site):
    """API 4: its reason, whose word it is, and the lists that have it are what may change."""
    made = await (await site.post(ENTRIES, {"phone": PHONE, "list_id": await a_list(site, "a")})).json()
    assert made["updated_at"] == made["created_at"]

    async def later(method: str, path: str, body: dict[str, Any] | None = None) -> bool:
        """Whether the entry says that this changed it."""
        site.clock.move_to(site.clock.now_ms() + 60_000)
        assert (await site.send(method, path, json=body)).status < 300
        entry = await (await site.get(f"{ENTRIES}/{made['id']}")).json()
        assert entry["created_at"] == made["created_at"]
        return entry["updated_at"] == utc_ms(site.clock.now_ms())

    assert await later("PATCH", f"{ENTRIES}/{made['id']}", {"reason": "by mail"})
    assert not await later("PATCH", f"{ENTRIES}/{made['id']}", {"reason": "by mail"}), "again"
    second = await a_list(site, "b")
    assert await later("POST", ENTRIES, {"phone": PHONE, "list_id": second})
    assert not await later("POST", ENTRIES, {"phone": PHONE, "list_id": second}), "again"
    assert await later("POST", ENTRIES, {"phone": PHONE}), "the person's own word"
    assert not await later("POST", ENTRIES, {"phone": PHONE}), "again"
    assert await later("DELETE", f"{LISTS}/{second}")


async def test_a_check_answers_each_number_in_order_and_takes_a_thousand(site: Site):
    await site.post(ENTRIES, {"phone": PHONE})
    reply = await (await site.post("/v1/dnc/check", {"phones": ["nonsense", "212-555-0123", PHONE]})).json()
    assert [(each["phone"], each["blocked"]) for each in reply["data"]] == [
        (None, False), (PHONE, True), (PHONE, True),
    ]  # fmt: skip
    assert reply["blocked"] == 2
    assert (await site.post("/v1/dnc/check", {"phones": []})).status == 422
    assert (await site.post("/v1/dnc/check", {"phones": [PHONE] * 1001})).status == 422


async def test_another_account_s_lists_and_entries_are_not_there(site: Site):
    """I24."""
    list_id = await a_list(site)
    entry = await (await site.post(ENTRIES, {"phone": PHONE, "list_id": list_id})).json()
    other = await a_tenant(site.database, "other")
    for path in (f"{LISTS}/{list_id}", f"{ENTRIES}/{entry['id']}"):
        for method in ("GET", "PATCH", "DELETE"):
            body = {"name": "x"} if "lists" in path else {"reason": "x"}
            reply = await site.send(method, path, key=other.key, json=body if method == "PATCH" else None)
            assert reply.status == 404, (method, path)
    check = await (await site.post("/v1/dnc/check", {"phones": [PHONE]}, key=other.key)).json()
    assert check["blocked"] == 0


async def asked_for(site: Site, lead: dict[str, Any]) -> dict[str, Any]:
    """What every way to have a lead called answers; in an order in which none spoils the next."""
    path = f"/v1/leads/{lead['id']}"
    explained = await (await site.get(f"{path}/explain")).json()
    again = await site.post("/v1/leads", a_lead(phone=lead["phone"], agent_id=site.agent))
    loop = await site.post("/v1/loops", {"lead_id": lead["id"], "agent_id": site.agent})
    back = await site.post("/v1/callbacks", {"lead_id": lead["id"], "at": "2026-06-16T18:40:00.000Z"})
    call = await site.post(f"{path}/call", {"agent_id": site.agent, "reason": "she asked by mail"})
    return {
        "explain": explained["callable_now"],
        "leads": again.status,
        "loops": loop.status,
        "callbacks": back.status,
        "call": call.status,
    }


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize(("followed", "status"), [(True, "closed"), (False, "new")])
async def test_every_way_to_call_a_lead_agrees_on_when_it_may_be_called_again(
    site: Site, followed: bool, status: str, listed: bool
):
    """I8: as long as the phone is suppressed by anything, none of them does; after that, each of them."""
    lead = await (
        await site.post("/v1/leads", a_lead(**({"agent_id": site.agent} if followed else {})))
    ).json()
    await site.send("PATCH", f"/v1/leads/{lead['id']}", json={"agent_id": site.agent})
    list_id = await a_list(site)
    made = await (await site.post(ENTRIES, {"phone": PHONE, "list_id": list_id})).json()
    if not listed:
        await site.post(ENTRIES, {"phone": PHONE})
        assert (await site.send("DELETE", f"{LISTS}/{list_id}")).status == 204
    assert await asked_for(site, lead) == {
        "explain": False,
        "leads": 409,
        "loops": 409,
        "callbacks": 409,
        "call": 409,
    }

    lifted = f"{LISTS}/{list_id}" if listed else f"{ENTRIES}/{made['id']}"
    assert (await site.send("DELETE", lifted)).status == 204

    shown = await (await site.get(f"/v1/leads/{lead['id']}")).json()
    assert shown["status"] == status
    news = await site.rows(
        "SELECT extra FROM news WHERE type = 'lead.status_changed' ORDER BY news_id DESC LIMIT 1"
    )
    assert str(news[0]["extra"]) == f'{{"now":{{"status":"{status}"}},"previous":{{"status":"opted_out"}}}}'
    assert await asked_for(site, lead) == {
        "explain": True,
        "leads": 200,
        "loops": 201 if followed else 409,
        "callbacks": 201,
        "call": 202,
    }, "who was never followed up is, by the lead sent again"


async def test_who_opted_out_is_not_called_under_another_phone(site: Site):
    """I8."""
    lead = await (await site.post("/v1/leads", a_lead(external_id="crm-1"))).json()
    await site.post(ENTRIES, {"phone": PHONE})
    moved = await site.send(
        "PATCH", f"/v1/leads/{lead['id']}", json={"phone": OTHER_PHONE, "agent_id": site.agent}
    )
    assert (moved.status, (await moved.json())["status"]) == (200, "opted_out")

    answers = await asked_for(site, {**lead, "phone": OTHER_PHONE})

    assert answers == {"explain": False, "leads": 409, "loops": 409, "callbacks": 409, "call": 409}
