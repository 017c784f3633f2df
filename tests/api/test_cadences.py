"""Cadences over HTTP: drafts, states, copies (API 5; MISSION C1, C6, C8 to C17, Delete, Deactivate)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.builders import Site, a_tenant
from tests.api.cadences import FIVE, a_cadence, a_published_cadence, change, problem, read

NESTED: Any = []
for _ in range(100):
    NESTED = [NESTED]


async def test_a_draft_is_made_shown_and_listed_as_it_was_sent(site: Site):
    """C1, C8 to C16."""
    made = await a_cadence(site, **FIVE)

    assert (made["object"], made["status"], made["version"]) == ("cadence", "draft", None)
    assert (made["draft_dirty"], made["active_loops"]) == (True, 0)
    assert [step["position"] for step in made["steps"]] == [1, 2, 3, 4, 5]
    assert len({step["id"] for step in made["steps"]}) == 5
    assert made["steps"][1]["routing"][0] | {"cadence_id": None} == {
        "on": "busy", "action": "retry", "delay_s": 14_400, "step": None, "cadence_id": None, "max": 2
    }  # fmt: skip
    assert await read(site, made["id"]) == made
    listed = await (await site.get("/v1/cadences?status=draft&count=exact")).json()
    assert (listed["data"], listed["count"]) == ([made], 1)
    assert (await (await site.get("/v1/cadences?status=active")).json())["data"] == []


async def test_an_unfinished_draft_is_kept(site: Site):
    made = await a_cadence(site, name="Empty")

    assert made["steps"] == []


async def test_a_name_is_an_accounts_own_until_its_cadence_is_archived(site: Site):
    made = await a_cadence(site, name="Five")

    again = await site.post("/v1/cadences", {"name": "Five"})
    assert (again.status, (await again.json())["code"]) == (409, "state-conflict")
    assert (await site.post(f"/v1/cadences/{made['id']}/archive")).status == 200
    assert (await site.post("/v1/cadences", {"name": "Five"})).status == 201
    back = await site.post(f"/v1/cadences/{made['id']}/restore")
    assert (back.status, (await back.json())["code"]) == (409, "state-conflict")


async def test_a_change_needs_the_draft_that_was_read_and_loops_do_not_count_as_one(site: Site):
    """API 1, Concurrency."""
    made = await a_cadence(site, **FIVE)
    path = f"/v1/cadences/{made['id']}"
    tag = (await site.get(path)).headers["ETag"]

    assert (await site.send("PATCH", path, json={"runs": 2})).status == 428
    changed = await site.send("PATCH", path, json={"runs": 2}, headers={"If-Match": tag})
    assert (changed.status, (await changed.json())["runs"]) == (200, 2)
    stale = await site.send("PATCH", path, json={"runs": 3}, headers={"If-Match": tag})
    assert (stale.status, (await stale.json())["code"]) == (412, "version-stale")
    draft = changed.headers["ETag"].strip('"').partition(".")[0]
    with_other_loops = f'"{draft}.48210"'
    assert (
        await site.send("PATCH", path, json={"runs": 3}, headers={"If-Match": with_other_loops})
    ).status == 200


async def test_an_unchanged_cadence_is_304_to_who_has_its_tag(site: Site):
    made = await a_cadence(site)
    path = f"/v1/cadences/{made['id']}"
    tag = (await site.get(path)).headers["ETag"]

    assert (await site.get(path, headers={"If-None-Match": tag})).status == 304


async def test_steps_sent_with_their_ids_stay_the_ones_that_they_are(site: Site):
    made = await a_cadence(site, **FIVE)
    first, second = made["steps"][0]["id"], made["steps"][1]["id"]

    changed = await change(site, made["id"], steps=[{"id": second}, {"name": "new"}, {"id": first}])

    ids = [step["id"] for step in changed["steps"]]
    assert (ids[0], ids[2]) == (second, first)
    assert ids[1] not in {step["id"] for step in made["steps"]}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "x", "runs": 0}, "/runs"),
        ({"name": " "}, "/name"),
        ({"name": "x", "steps": [{"channel": "fax"}]}, "/steps/0/channel"),
        ({"name": "x", "steps": [{"delay_after_s": -1}]}, "/steps/0/delay_after_s"),
        ({"name": "x", "steps": [{"position": 2}]}, "/steps/0/position"),
        ({"name": "x", "steps": [{"id": "stp_0000000000000"}]}, "/steps/0/id"),
        ({"name": "x", "steps": [{"routing": [{"on": ""}]}]}, "/steps/0/routing/0/on"),
        ({"name": "x", "steps": [{"routing": [{"on": "busy", "cadence_id": "cad_x"}]}]},
         "/steps/0/routing/0/cadence_id"),
        ({"name": "x", "steps": [{"caller_id": {"pool": ["cid_x"]}}]}, "/steps/0/caller_id/pool/0"),
        ({"name": "x", "steps": [{"advanced": {"metadata": {"a": "b" * 8_200}}}]},
         "/steps/0/advanced/metadata"),
        ({"name": "x", "steps": [{"advanced": {"metadata": {"a": NESTED}}}]}, "/steps/0/advanced/metadata"),
        ({"name": "x", "on_complete": {"action": "transition", "cadence_id": "lead_x"}},
         "/on_complete/cadence_id"),
        ({"name": "x", "windows": {"mon": {"ranges": [{"start": "18:00", "end": "09:00"}]}}}, "/windows/mon"),
        ({"name": "x", "windows": {"mon": {"ranges": [{"start": "9", "end": "10:00"}]}}},
         "/windows/mon/ranges/0/start"),
    ],
)  # fmt: skip
async def test_what_no_draft_can_hold_is_pointed_at(site: Site, body: dict[str, Any], pointer: str):
    reply = await site.post("/v1/cadences", body)

    assert await problem(reply) == (422, "validation-failed", [pointer])


async def test_a_foreign_cadence_is_neither_seen_nor_led_to(site: Site):
    """I17: a tenant knows nothing of another's cadences."""
    made = await a_cadence(site)
    other = await a_tenant(site.database, "Other")
    rule = {"on": "busy", "action": "transition", "cadence_id": made["id"]}

    for method, path in (("GET", ""), ("POST", "/activate"), ("POST", "/publish"), ("GET", "/export"),
                         ("GET", "/versions"), ("GET", "/steps"), ("DELETE", "")):  # fmt: skip
        reply = await site.send(method, f"/v1/cadences/{made['id']}{path}", key=other.key)
        assert reply.status == 404, path
    reply = await site.post("/v1/cadences", {"name": "x", "steps": [{"routing": [rule]}]}, key=other.key)
    assert (await problem(reply))[0] == 422


@pytest.mark.parametrize(
    ("state", "move", "status", "after"),
    [
        ("draft", "activate", 409, "draft"),
        ("draft", "deactivate", 409, "draft"),
        ("draft", "archive", 200, "archived"),
        ("draft", "restore", 200, "draft"),
        ("active", "activate", 200, "active"),
        ("active", "deactivate", 200, "inactive"),
        ("active", "archive", 200, "archived"),
        ("active", "restore", 409, "active"),
        ("inactive", "activate", 200, "active"),
        ("inactive", "deactivate", 200, "inactive"),
        ("inactive", "archive", 200, "archived"),
        ("inactive", "restore", 200, "inactive"),
        ("archived", "activate", 409, "archived"),
        ("archived", "deactivate", 409, "archived"),
        ("archived", "archive", 200, "archived"),
        ("archived", "restore", 200, "inactive"),
        ("archived", "publish", 409, "archived"),
        ("draft", "publish", 200, "active"),
        ("inactive", "publish", 200, "inactive"),
    ],
)
async def test_states_lead_where_the_table_says_and_nowhere_else(
    site: Site, state: str, move: str, status: int, after: str
):
    """C12, Deactivate; every move sent again answers the same."""
    made = await a_cadence(site, **FIVE) if state == "draft" else await a_published_cadence(site)
    path = f"/v1/cadences/{made['id']}"
    if state in ("inactive", "archived"):
        assert (await site.post(f"{path}/{'deactivate' if state == 'inactive' else 'archive'}")).status == 200

    reply = await site.post(f"{path}/{move}")

    assert reply.status == status
    if status == 409:
        assert (await reply.json())["code"] == "state-conflict"
    else:
        assert (await site.post(f"{path}/{move}")).status == status
    assert (await read(site, made["id"]))["status"] == after


async def test_an_archived_cadence_is_not_edited(site: Site):
    made = await a_cadence(site, **FIVE)
    path = f"/v1/cadences/{made['id']}"
    await site.post(f"{path}/archive")
    tag = (await site.get(path)).headers["ETag"]

    reply = await site.send("PATCH", path, json={"runs": 2}, headers={"If-Match": tag})

    assert (reply.status, (await reply.json())["code"]) == (409, "state-conflict")


async def test_what_others_lead_into_is_neither_archived_nor_deleted(site: Site):
    target = await a_published_cadence(site, name="Target")
    rule = {"on": "busy", "action": "transition", "cadence_id": target["id"]}
    source = await a_published_cadence(site, name="Source", steps=[{"routing": [rule]}])

    for method, path in (("POST", "/archive"), ("DELETE", "")):
        reply = await site.send(method, f"/v1/cadences/{target['id']}{path}")
        body = await reply.json()
        assert (reply.status, body["code"]) == (409, "in-use")
        assert "Source" in body["detail"]
    await site.post(f"/v1/cadences/{source['id']}/archive")
    assert (await site.post(f"/v1/cadences/{target['id']}/archive")).status == 200


async def test_what_leads_were_enrolled_in_is_archived_and_not_deleted(site: Site):
    """MISSION, Delete."""
    used, unused = (
        await a_published_cadence(site, name="Used"),
        await a_published_cadence(site, name="Unused"),
    )
    number = site.deps.ids.read("cad", used["id"])
    await site.rows("UPDATE cadence SET used = true WHERE cadence_id = $1", number)

    reply = await site.send("DELETE", f"/v1/cadences/{used['id']}")
    assert (reply.status, (await reply.json())["code"]) == (409, "in-use")
    assert (await site.send("DELETE", f"/v1/cadences/{unused['id']}")).status == 204
    assert (await site.get(f"/v1/cadences/{unused['id']}")).status == 404


async def test_a_copy_is_a_draft_with_steps_of_its_own(site: Site):
    made = await a_published_cadence(site, **FIVE)

    copies = [await (await site.post(f"/v1/cadences/{made['id']}/duplicate", {})).json() for _ in range(2)]

    assert [copy["name"] for copy in copies] == ["Five-step copy", "Five-step copy 2"]
    assert (copies[0]["status"], copies[0]["version"]) == ("draft", None)
    assert not {step["id"] for step in copies[0]["steps"]} & {step["id"] for step in made["steps"]}
    said = [{**step, "id": None} for step in copies[0]["steps"]]
    assert said == [{**step, "id": None} for step in made["steps"]]


async def test_every_change_is_told_in_the_audit_log(site: Site):
    made = await a_published_cadence(site, **FIVE)
    await change(site, made["id"], runs=3)
    await site.post(f"/v1/cadences/{made['id']}/deactivate")

    rows = await site.rows(
        "SELECT action, before, after FROM audit WHERE object LIKE 'cadence:%' ORDER BY audit_id"
    )

    assert [row["action"] for row in rows] == [
        "cadence_created", "cadence_published", "cadence_changed", "cadence_deactivated"
    ]  # fmt: skip
    assert (rows[2]["before"], rows[2]["after"]) == ('{"runs":1}', '{"runs":3}')
