"""Publishing, versions, and running loops that go over to them (API 5; MISSION, Edit while active)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from api.job_kinds import KINDS
from scheduler.domain.cadence_form import CadenceForm
from scheduler.domain.model import Priority
from scheduler.flow.enrol import enrol
from scheduler.flow.entries import Entry, read_entry
from scheduler.ledger.cadences import current, versions
from scheduler.services.jobs import Jobs
from tests.api.builders import PHONE, Site
from tests.api.cadences import FIVE, a_cadence, a_published_cadence, change, problem, read


async def publish(site: Site, cadence_id: str, query: str = "", **body: Any) -> Any:
    return await site.post(f"/v1/cadences/{cadence_id}/publish{query}", body)


async def enrolled(site: Site, cadence_id: str) -> None:
    """A lead that follows the cadence."""
    entry = read_entry(phone=PHONE, consent={"basis": "test"}, priority=Priority.LIVE)
    assert isinstance(entry, Entry)
    await enrol(
        site.flow,
        account_id=site.home.account_id,
        agent_id=site.home.agent_id,
        entries=[entry],
        now_ms=site.clock.now_ms(),
        cadence_id=site.deps.ids.read("cad", cadence_id),
    )


async def do_jobs(site: Site) -> None:
    await Jobs(site.flow, site.clock, site.deps.settings, KINDS).step(site.clock.now_ms())


async def test_publishing_makes_a_version_that_never_changes(site: Site):
    """Edit while active: a new version."""
    made = await a_cadence(site, **FIVE)
    number = site.deps.ids.read("cad", made["id"]) or 0

    first = await (await publish(site, made["id"], note="to begin with")).json()
    assert (first["version"], first["status"], first["draft_dirty"]) == (1, "active", False)
    assert (first["job"], first["impact"]["examined"]) == (None, 0)
    edited = await change(site, made["id"], runs=3)
    assert (edited["version"], edited["draft_dirty"]) == (1, True)
    second = await (await publish(site, made["id"])).json()

    assert (second["version"], second["runs"]) == (2, 3)
    path = f"/v1/cadences/{made['id']}/versions"
    heads = (await (await site.get(f"{path}?count=exact")).json())["data"]
    assert [head["created_at"] for head in heads] == [head["published_at"] for head in heads]
    assert [(head["version"], head["note"], head["step_count"]) for head in heads] == [
        (1, "to begin with", 5), (2, "", 5)
    ]  # fmt: skip
    shown = await (await site.get(f"{path}/1")).json()
    assert shown["id"] == heads[0]["id"] != heads[1]["id"]
    assert (shown["runs"], shown["steps"], shown["name"]) == (1, made["steps"], "Five-step")
    assert await current(site.database, site.home.account_id, number) == ("active", 2)
    stored = await versions(site.database, [(number, 1), (number, 2)])
    assert [msgspec.json.decode(each, type=CadenceForm).runs for each in stored.values()] == [1, 3]


async def test_what_is_published_again_unchanged_stays_the_version_that_it_is(site: Site):
    made = await a_published_cadence(site)

    again = await (await publish(site, made["id"])).json()

    assert again["version"] == 1


async def test_a_draft_that_says_what_its_version_does_is_not_dirty(site: Site):
    made = await a_published_cadence(site)

    assert (await change(site, made["id"], runs=2))["draft_dirty"]
    assert not (await change(site, made["id"], runs=1))["draft_dirty"]
    assert not (await change(site, made["id"], name="Another name"))["draft_dirty"]


async def test_an_old_version_is_restored_into_the_draft(site: Site):
    """Undo is to publish the one before again."""
    made = await a_published_cadence(site)
    await change(site, made["id"], steps=[{"name": "other"}])
    await publish(site, made["id"])

    reply = await site.post(f"/v1/cadences/{made['id']}/versions/1/restore")

    restored = await reply.json()
    assert (reply.status, restored["steps"], restored["draft_dirty"]) == (200, made["steps"], True)
    assert (await site.post(f"/v1/cadences/{made['id']}/versions/9/restore")).status == 404
    assert (await site.get(f"/v1/cadences/{made['id']}/versions/99999999999999999999")).status == 404


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"steps": []}, ["/steps"]),
        ({"on_complete": {"action": "transition"}}, ["/on_complete/cadence_id"]),
        ({"steps": [{"routing": [{"on": "busy", "action": "goto"}]}, {"advanced": {"when": "score >"}},
                    {"channel": "sms"}, {"offset_s": 60}]},
         ["/steps/0/routing/0/step", "/steps/1/advanced/when", "/steps/2/channel", "/steps/3/offset_s"]),
    ],
)  # fmt: skip
async def test_what_could_not_be_run_is_not_published_and_every_place_is_named(
    site: Site, body: dict[str, Any], pointers: list[str]
):
    made = await a_cadence(site, **{"steps": [{}], **body})

    reply = await publish(site, made["id"])

    assert await problem(reply) == (422, "cadence-invalid", pointers)
    assert (await read(site, made["id"]))["status"] == "draft"


async def test_a_draft_that_leads_to_an_archived_cadence_is_not_published(site: Site):
    target = await a_published_cadence(site, name="Target")
    done = {"action": "transition", "cadence_id": target["id"]}
    made = await a_cadence(site, name="Source", steps=[{}], on_complete=done)
    assert (await site.post(f"/v1/cadences/{target['id']}/archive")).status == 200

    assert await problem(await publish(site, made["id"])) == (
        422,
        "cadence-invalid",
        ["/on_complete/cadence_id"],
    )


async def test_a_cadence_may_lead_to_itself(site: Site):
    made = await a_cadence(site, steps=[{}])
    await change(site, made["id"], on_complete={"action": "transition", "cadence_id": made["id"]})

    assert (await publish(site, made["id"])).status == 200
    assert (await site.post(f"/v1/cadences/{made['id']}/archive")).status == 200


async def test_running_loops_go_over_only_where_that_is_asked_for(site: Site):
    """Edit while active: all active loops or new loops only, with a count of moved calls before."""
    made = await a_published_cadence(site, steps=[{"name": "a"}, {"name": "b"}])
    await enrolled(site, made["id"])
    await change(site, made["id"], initial_delay_s=7_200)

    rehearsed = await publish(site, made["id"], "?dry_run=true", apply_to="active_loops")
    told = await rehearsed.json()
    assert (rehearsed.status, told["version"], told["job"]) == (200, 2, None)
    assert told["impact"] | {"earlier": 0} == {
        "earlier": 0, "later": 1, "unchanged": 0, "out": 0, "examined": 1, "estimated": False
    }  # fmt: skip
    assert (await read(site, made["id"]))["version"] == 1

    for_new = await publish(site, made["id"])
    assert (for_new.status, (await for_new.json())["job"]) == (200, None)
    assert (await read(site, made["id"]))["active_loops"] == 1
    applied = await site.rows("SELECT applied_version FROM cadence")
    assert [row["applied_version"] for row in applied] == [0]

    for_all = await publish(site, made["id"], apply_to="active_loops")
    answer = await for_all.json()
    assert (for_all.status, answer["version"], answer["impact"]["later"]) == (202, 2, 1)
    assert (answer["job"]["kind"], answer["job"]["total"]) == ("cadence-publish", 1)
    assert for_all.headers["Location"] == f"/v1/jobs/{answer['job']['id']}"
    applied = await site.rows("SELECT applied_version FROM cadence")
    assert [row["applied_version"] for row in applied] == [2]
    before = await site.rows("SELECT next_at FROM loop")
    await do_jobs(site)
    job = await (await site.get(f"/v1/jobs/{answer['job']['id']}")).json()
    assert (job["status"], job["done"]) == ("done", 1)
    loops = await site.rows("SELECT cadence_version, next_at FROM loop")
    assert [loop["cadence_version"] for loop in loops] == [2]
    assert loops[0]["next_at"] - before[0]["next_at"] == timedelta(hours=2)


async def test_a_dry_run_leaves_nothing_behind_and_its_version_is_free(site: Site):
    made = await a_published_cadence(site)
    await enrolled(site, made["id"])
    await change(site, made["id"], runs=2)
    await publish(site, made["id"], "?dry_run=true", apply_to="active_loops")
    await change(site, made["id"], runs=1, initial_delay_s=7_200)

    told = await (await publish(site, made["id"], "?dry_run=true", apply_to="active_loops")).json()

    assert told["impact"]["later"] == 1
    assert (await site.rows("SELECT count(*) AS n FROM cadence_version"))[0]["n"] == 1
    assert (await site.rows("SELECT count(*) AS n FROM job"))[0]["n"] == 0


async def test_a_cadence_that_leads_follow_is_archived_when_their_end_is_meant(site: Site):
    """Deactivate: archive also ends loops after confirmation."""
    made = await a_published_cadence(site)
    await enrolled(site, made["id"])
    path = f"/v1/cadences/{made['id']}/archive"

    refused = await site.post(path)
    assert (refused.status, (await refused.json())["code"]) == (409, "in-use")
    assert (await read(site, made["id"]))["status"] == "active"
    reply = await site.post(path, {"end_loops": True})
    answer = await reply.json()

    assert (reply.status, answer["status"], answer["job"]["total"]) == (202, "archived", 1)
    assert reply.headers["Location"] == f"/v1/jobs/{answer['job']['id']}"
    await do_jobs(site)
    assert (await read(site, made["id"]))["active_loops"] == 0
    loops = await site.rows("SELECT status, end_reason FROM loop")
    assert [(loop["status"], loop["end_reason"]) for loop in loops] == [("ended", "removed")]


async def test_of_a_publish_and_an_archive_at_once_one_gives_way(site: Site):
    """However they meet, no active cadence leads into an archived one."""
    for turn in range(5):
        target = await a_published_cadence(site, name=f"Target {turn}")
        rule = {"on": "busy", "action": "transition", "cadence_id": target["id"]}
        source = await a_cadence(site, name=f"Source {turn}", steps=[{"routing": [rule]}])

        replies = await asyncio.gather(
            publish(site, source["id"]), site.post(f"/v1/cadences/{target['id']}/archive")
        )

        assert sorted(reply.status for reply in replies) in ([200, 409], [200, 422])


async def test_a_copy_of_what_is_archived_leaves_it_its_name(site: Site):
    """C1: duplicate and archive; a name is of one cadence at a time."""
    path = f"/v1/cadences/{(await a_published_cadence(site, name='Web'))['id']}"
    await site.post(f"{path}/archive", {})
    copy = await (await site.post(f"{path}/duplicate", {})).json()
    restored = await site.post(f"{path}/restore")

    assert (copy["name"], restored.status, (await restored.json())["name"]) == ("Web copy", 200, "Web")
