"""Templates: built in and an account's own (API 5; MISSION C18, C19)."""

from __future__ import annotations

from typing import Any

from scheduler.domain.cadence_form import faults_of
from scheduler.domain.templates import BUILT_IN
from tests.api.builders import Site, a_tenant
from tests.api.cadences import FIVE, a_cadence, problem


async def listed(site: Site, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await (await site.get(f"/v1/templates{query}")).json())["data"]
    return found


async def a_template(site: Site, **body: Any) -> dict[str, Any]:
    reply = await site.post("/v1/templates", {"name": "Mine", **body})
    assert reply.status == 201, await reply.text()
    made: dict[str, Any] = await reply.json()
    return made


def test_every_built_in_template_can_be_run_as_it_is():
    assert [faults_of(template.form) for template in BUILT_IN] == [[]] * len(BUILT_IN)
    assert len({template.number for template in BUILT_IN}) == len(BUILT_IN)
    assert all(0 < template.number < 1_000 for template in BUILT_IN)


async def test_a_built_in_template_becomes_a_draft_that_can_be_published(site: Site):
    """C18: the example of five steps is there to begin with."""
    five = next(template for template in await listed(site) if template["name"] == "Five-step")
    assert (five["built_in"], [step["delay_after_s"] // 3_600 for step in five["steps"]]) == (
        True,
        [4, 24, 48, 72, 0],
    )

    reply = await site.post(f"/v1/templates/{five['id']}/instantiate", {})

    cadence = await reply.json()
    assert (reply.status, cadence["name"], cadence["status"]) == (201, "Five-step", "draft")
    assert [step["voicemail"]["leave"] for step in cadence["steps"]] == [False, False, True, False, True]
    assert (await site.post(f"/v1/cadences/{cadence['id']}/publish", {})).status == 200
    again = await (await site.post(f"/v1/templates/{five['id']}/instantiate", {"name": "Mine"})).json()
    assert again["name"] == "Mine"


async def test_built_in_templates_are_not_changed(site: Site):
    path = f"/v1/templates/{(await listed(site))[0]['id']}"
    tag = (await site.get(path)).headers["ETag"]

    changed = await site.send("PATCH", path, json={"name": "x"}, headers={"If-Match": tag})
    removed = await site.send("DELETE", path)

    assert [reply.status for reply in (changed, removed)] == [409, 409]
    assert (await changed.json())["code"] == "state-conflict"


async def test_a_cadence_is_saved_as_a_template_and_made_from_it_again(site: Site):
    """C19."""
    made = await a_cadence(site, **FIVE)

    template = await a_template(site, cadence_id=made["id"])

    assert (template["built_in"], template["description"]) == (False, "Web leads")
    assert [{**step, "id": None} for step in made["steps"]] == template["steps"]
    cadence = await (await site.post(f"/v1/templates/{template['id']}/instantiate", {})).json()
    assert (cadence["name"], len(cadence["steps"])) == ("Mine", 5)
    assert not {step["id"] for step in cadence["steps"]} & {step["id"] for step in made["steps"]}


async def test_a_template_is_made_changed_and_removed(site: Site):
    template = await a_template(site, steps=[{"name": "a"}], runs=2)
    path = f"/v1/templates/{template['id']}"
    tag = (await site.get(path)).headers["ETag"]

    assert (await site.send("PATCH", path, json={"runs": 3})).status == 428
    reply = await site.send("PATCH", path, json={"runs": 3, "name": "Ours"}, headers={"If-Match": tag})
    changed = await reply.json()
    assert (reply.status, changed["runs"], changed["name"]) == (200, 3, "Ours")
    assert changed["steps"] == template["steps"]
    assert (await site.send("PATCH", path, json={"runs": 4}, headers={"If-Match": tag})).status == 412
    assert (await site.send("DELETE", path)).status == 204
    assert (await site.get(path)).status == 404


async def test_templates_come_in_pages_built_in_ones_first(site: Site):
    mine = [await a_template(site, name=f"Mine {n}") for n in range(3)]
    found, cursor = [], ""
    while cursor is not None:
        page = await (
            await site.get(f"/v1/templates?limit=2&count=exact{cursor and '&cursor='}{cursor}")
        ).json()
        found += page["data"]
        cursor = page["next_cursor"]

    assert page["count"] == len(BUILT_IN) + 3
    assert [template["built_in"] for template in found] == [True] * len(BUILT_IN) + [False] * 3
    assert found[len(BUILT_IN) :] == mine
    assert [each["id"] for each in await listed(site, "?order=desc")] == [
        each["id"] for each in reversed(found)
    ]


async def test_a_template_is_an_accounts_own(site: Site):
    """I17."""
    template = await a_template(site)
    other = await a_tenant(site.database, "Other")

    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/instantiate")):
        assert (await site.send(method, f"/v1/templates/{template['id']}{path}", key=other.key)).status == 404
    made = await a_cadence(site)
    reply = await site.post("/v1/templates", {"name": "x", "cadence_id": made["id"]}, key=other.key)
    assert await problem(reply) == (422, "validation-failed", ["/cadence_id"])


async def test_a_template_is_said_once(site: Site):
    made = await a_cadence(site)

    both = await site.post("/v1/templates", {"name": "x", "cadence_id": made["id"], "runs": 2})
    taken = [await site.post("/v1/templates", {"name": "y"}) for _ in range(2)]

    assert await problem(both) == (422, "validation-failed", ["/runs"])
    assert [reply.status for reply in taken] == [201, 409]
