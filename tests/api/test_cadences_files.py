"""Cadences as files (API 5; MISSION C20: export as JSON, import to clone)."""

from __future__ import annotations

from typing import Any

from tests.api.builders import Site, a_tenant
from tests.api.cadences import FIVE, a_cadence, a_published_cadence, problem, read


async def test_what_is_exported_and_imported_says_the_same(site: Site):
    number = await (await site.post("/v1/caller-ids", {"phone": "+16465550190"})).json()
    target = await a_published_cadence(site, name="Target")
    steps = [
        {**FIVE["steps"][0], "caller_id": {"strategy": "fixed", "pool": [number["id"]]}},
        {**FIVE["steps"][1], "routing": [{"on": "busy", "action": "transition", "cadence_id": target["id"]}]},
    ]
    windows = {"mon": {"ranges": [{"start": "09:00", "end": "17:00"}]}}
    made = await a_cadence(site, name="Source", description="d", steps=steps, windows=windows, runs=2)

    file = await (await site.get(f"/v1/cadences/{made['id']}/export")).json()
    assert (file["format"], file["name"]) == ("dialwheel.cadence/1", "Source")
    assert file["steps"][0]["caller_id"]["pool"] == ["+16465550190"]
    assert file["steps"][1]["routing"][0]["cadence"] == "Target"
    assert "stp_" not in str(file)
    reply = await site.post("/v1/cadences/import", file)
    clone = await reply.json()

    assert reply.status == 201
    assert (clone["name"], clone["status"]) == ("Source copy", "draft")
    assert said(clone) == said(made)
    assert await read(site, clone["id"]) == {name: clone[name] for name in clone if name != "impact"}


async def test_a_cadence_that_leads_to_itself_is_cloned_as_one_that_does(site: Site):
    made = await a_cadence(site, name="Round", steps=[{}])
    file = await (await site.get(f"/v1/cadences/{made['id']}/export")).json()
    file["on_complete"] = {"action": "transition", "cadence": "Round"}

    clone = await (await site.post("/v1/cadences/import", file)).json()

    assert clone["on_complete"]["cadence_id"] == clone["id"]


async def test_what_the_account_lacks_is_pointed_at(site: Site):
    """Names and phones of another account are none of this one's."""
    await a_published_cadence(site, name="Ours")
    await site.post("/v1/caller-ids", {"phone": "+16465550190"})
    other = await a_tenant(site.database, "Other")
    file = {
        "format": "dialwheel.cadence/1",
        "name": "x",
        "on_complete": {"action": "transition", "cadence": "Ours"},
        "steps": [{"caller_id": {"pool": ["+16465550190"]}, "routing": [{"on": "busy", "cadence": "Ours"}]}],
    }

    reply = await site.post("/v1/cadences/import", file, key=other.key)

    status, code, pointers = await problem(reply)
    assert (status, code) == (422, "validation-failed")
    assert pointers == ["/steps/0/routing/0/cadence", "/on_complete/cadence", "/steps/0/caller_id/pool/0"]
    assert (await (await site.get("/v1/cadences", key=other.key)).json())["data"] == []


async def test_an_import_is_rehearsed(site: Site):
    file = {"format": "dialwheel.cadence/1", "name": "x", "steps": [{"name": "a"}]}

    reply = await site.post("/v1/cadences/import?dry_run=true", file)

    told = await reply.json()
    assert (reply.status, told["id"], told["name"]) == (200, None, "x")
    assert [step["name"] for step in told["steps"]] == ["a"]
    assert (await (await site.get("/v1/cadences")).json())["data"] == []


async def test_a_file_is_checked_like_any_draft(site: Site):
    windows = {"mon": {"ranges": [{"start": "18:00", "end": "09:00"}]}}
    deep: Any = []
    for _ in range(20):
        deep = [deep]

    for file, pointer in (
        ({"windows": windows}, "/windows/mon"),
        ({"steps": [{"advanced": {"metadata": {"a": deep}}}]}, "/steps/0/advanced/metadata"),
        ({"steps": [{"name": "a", "id": "stp_x"}]}, "/steps/0/id"),
    ):
        reply = await site.post("/v1/cadences/import", {"format": "dialwheel.cadence/1", "name": "x", **file})
        assert await problem(reply) == (422, "validation-failed", [pointer])


async def test_a_file_of_another_format_is_refused(site: Site):
    reply = await site.post("/v1/cadences/import", {"format": "dialwheel.cadence/2", "name": "x"})

    assert await problem(reply) == (422, "validation-failed", ["/format"])


def said(cadence: dict[str, Any]) -> dict[str, Any]:
    fields = ("description", "windows", "initial_delay_s", "runs", "on_complete", "steps")
    found = {name: cadence[name] for name in fields}
    return found | {"steps": [{**step, "id": None} for step in cadence["steps"]]}
