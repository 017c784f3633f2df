"""Steps of a draft one by one (API 5; MISSION C2, C13 to C17)."""

from __future__ import annotations

from typing import Any

import pytest

from api.instants import utc_ms
from tests.api.builders import Site
from tests.api.cadences import FIVE, a_cadence, problem, read


async def named(site: Site, cadence_id: str) -> list[str]:
    return [step["name"] for step in (await read(site, cadence_id))["steps"]]


async def edit(site: Site, method: str, path: str, **body: Any) -> Any:
    """A change of one step as it is now."""
    tag = (await site.get(path)).headers["ETag"]
    sent: dict[str, Any] = {"json": body} if method == "PATCH" else {}
    return await site.send(method, path, headers={"If-Match": tag}, **sent)


async def test_a_step_is_added_where_it_is_wanted_or_last(site: Site):
    made = await a_cadence(site, name="Two", steps=[{"name": "a"}, {"name": "b"}])
    path = f"/v1/cadences/{made['id']}/steps"

    first = await site.post(path, {"name": "c", "position": 1})
    last = await site.post(path, {"name": "d"})

    assert (first.status, last.status) == (201, 201)
    assert await named(site, made["id"]) == ["c", "a", "b", "d"]
    step = await last.json()
    assert last.headers["Location"] == f"{path}/{step['id']}"
    assert await (await site.get(f"{path}/{step['id']}")).json() == step
    assert await problem(await site.post(path, {"position": 6})) == (422, "validation-failed", ["/position"])


async def test_steps_come_in_pages_both_ways(site: Site):
    made = await a_cadence(site, **FIVE)
    path = f"/v1/cadences/{made['id']}/steps?limit=2"
    found: dict[str, list[int]] = {}
    for order in ("asc", "desc"):
        cursor, found[order] = "", []
        while cursor is not None:
            page = await (await site.get(f"{path}&order={order}{cursor and '&cursor='}{cursor}")).json()
            found[order] += [step["position"] for step in page["data"]]
            cursor = page["next_cursor"]

    assert found == {"asc": [1, 2, 3, 4, 5], "desc": [5, 4, 3, 2, 1]}


async def test_a_step_tells_when_it_was_made_and_last_changed(site: Site):
    """API 4: also that it went to another place; in a version it stays as it was published."""
    begun = utc_ms(site.clock.now_ms())
    made = await a_cadence(site, name="Two", steps=[{"name": "a"}, {"name": "b"}])
    path = f"/v1/cadences/{made['id']}"

    async def times(at: str = "") -> dict[str, tuple[str, str]]:
        steps = (await (await site.get(path + at)).json())["steps"]
        return {step["name"]: (step["created_at"], step["updated_at"]) for step in steps}

    def later() -> str | None:
        site.clock.move_to(site.clock.now_ms() + 60_000)
        return utc_ms(site.clock.now_ms())

    assert await times() == {"a": (begun, begun), "b": (begun, begun)}
    edited = later()
    step = f"{path}/steps/{made['steps'][1]['id']}"
    changed = await (await edit(site, "PATCH", step, script="Hi")).json()
    assert (changed["created_at"], changed["updated_at"]) == (begun, edited)
    assert (await site.post(f"{path}/publish", {})).status == 200
    later()
    assert (await edit(site, "PATCH", step, script="Hi")).status == 200, "again"
    assert await times() == {"a": (begun, begun), "b": (begun, edited)}

    moved = later()
    added = await (await site.post(f"{path}/steps", {"name": "c", "position": 2})).json()
    assert added["created_at"] == added["updated_at"] == moved
    assert await times() == {"a": (begun, begun), "b": (begun, moved), "c": (moved, moved)}
    listed = (await (await site.get(f"{path}/steps")).json())["data"]
    assert {one["name"]: (one["created_at"], one["updated_at"]) for one in listed} == await times()
    later()
    assert (await edit(site, "DELETE", step)).status == 204
    restored = later()
    assert (await site.post(f"{path}/versions/1/restore")).status == 200
    assert await times() == {"a": (begun, begun), "b": (begun, restored)}
    assert await times("/versions/1") == {"a": (begun, begun), "b": (begun, edited)}


async def test_rules_follow_the_step_that_they_go_to(site: Site):
    """Inserting, moving and removing steps never makes a rule mean another one."""
    rule = {"on": "busy", "action": "goto", "step": 3}
    made = await a_cadence(
        site, name="x", steps=[{"name": "a", "routing": [rule]}, {"name": "b"}, {"name": "c"}]
    )
    path, ids = f"/v1/cadences/{made['id']}", [step["id"] for step in made["steps"]]

    async def goes_to() -> int | None:
        steps = (await read(site, made["id"]))["steps"]
        found: int | None = next(step for step in steps if step["name"] == "a")["routing"][0]["step"]
        return found

    await site.post(f"{path}/steps", {"name": "new", "position": 1})
    assert await goes_to() == 4
    added = (await read(site, made["id"]))["steps"][0]["id"]
    reordered = await site.post(f"{path}/steps/reorder", {"ids": [ids[2], ids[0], added, ids[1]]})
    assert [step["name"] for step in (await reordered.json())["data"]] == ["c", "a", "new", "b"]
    assert await goes_to() == 1
    assert (await edit(site, "PATCH", f"{path}/steps/{ids[2]}", position=4)).status == 200
    assert await named(site, made["id"]) == ["a", "new", "b", "c"]
    assert await goes_to() == 4
    assert (await edit(site, "DELETE", f"{path}/steps/{ids[2]}")).status == 204
    assert await goes_to() is None
    assert await problem(await site.post(f"{path}/publish", {})) == (
        422, "cadence-invalid", ["/steps/0/routing/0/step"]
    )  # fmt: skip


async def test_a_step_is_changed_in_the_fields_that_are_named(site: Site):
    made = await a_cadence(site, **FIVE)
    step = made["steps"][1]
    path = f"/v1/cadences/{made['id']}/steps/{step['id']}"

    reply = await edit(site, "PATCH", path, script="Hi {{ first_name }}", delay_after_s=60)

    assert reply.status == 200
    changed = await reply.json()
    assert changed == {**step, "script": "Hi {{ first_name }}", "delay_after_s": 60}
    assert (await read(site, made["id"]))["steps"][1] == changed
    assert reply.headers["ETag"] == (await site.get(path)).headers["ETag"]


async def test_a_step_is_changed_by_who_has_read_it_whatever_happens_to_others(site: Site):
    """Two people edit two steps at once; one who has not seen the other's change of the same is told."""
    made = await a_cadence(site, **FIVE)
    paths = [f"/v1/cadences/{made['id']}/steps/{step['id']}" for step in made["steps"][:2]]
    tags = [(await site.get(path)).headers["ETag"] for path in paths]

    first, second = [
        await site.send("PATCH", path, json={"script": "Hi"}, headers={"If-Match": tag})
        for path, tag in zip(paths, tags, strict=True)
    ]
    assert (first.status, second.status) == (200, 200)
    again = await site.send("PATCH", paths[0], json={"script": "Ho"}, headers={"If-Match": tags[0]})
    assert (again.status, (await again.json())["code"]) == (412, "version-stale")
    assert (await site.send("DELETE", paths[0])).status == 428


@pytest.mark.parametrize(
    ("positions", "pointer"), [([1, 2, 2], "/ids/2"), ([1, 2], "/ids"), ([1, 2, 3, 9], "/ids/3")]
)
async def test_an_order_names_each_step_once(site: Site, positions: list[int], pointer: str):
    made = await a_cadence(site, name="x", steps=[{"name": "a"}, {"name": "b"}, {"name": "c"}])
    ids = [made["steps"][n - 1]["id"] if n < 4 else "stp_0000000000000" for n in positions]

    reply = await site.post(f"/v1/cadences/{made['id']}/steps/reorder", {"ids": ids})

    assert await problem(reply) == (422, "validation-failed", [pointer])
    assert await named(site, made["id"]) == ["a", "b", "c"]


async def test_a_step_of_another_cadence_is_not_found(site: Site):
    made, other = await a_cadence(site, **FIVE), await a_cadence(site, name="Other", steps=[{}])
    step = other["steps"][0]["id"]

    assert (await site.get(f"/v1/cadences/{made['id']}/steps/{step}")).status == 404
    assert (await site.get(f"/v1/cadences/{made['id']}/steps/stp_x")).status == 404


async def test_a_cadence_has_two_hundred_steps_at_most(site: Site):
    made = await a_cadence(site, name="Long", steps=[{}] * 200)

    reply = await site.post(f"/v1/cadences/{made['id']}/steps", {})

    assert (reply.status, (await reply.json())["code"]) == (422, "validation-failed")
