"""Publishing: a draft becomes a version that never changes; and the versions there are."""

from __future__ import annotations

from functools import partial

import msgspec

from api import cadence_views, requests, schemas
from api import requests_cadences as bodies
from api.cadence_edits import drafting, reply
from api.cadence_publishing import publish
from api.paging import listed, slice_of
from api.problems import Problem
from api.routing import Call, Reply, route
from api.schemas_cadences import Cadence, CadencePublished, CadenceVersion, CadenceVersionHead
from api.schemas_impact import ChangeQuery
from scheduler.domain.cadence_form import CadenceForm
from scheduler.ledger import cadences
from scheduler.ledger.database import Row
from scheduler.ledger.step_times import times_of

MOST_VERSIONS = 2**31 - 1
"""What the ledger can number; nobody gets there."""

_VERSION = "/v1/cadences/{id}/versions/{version:[1-9][0-9]*}"


@route("POST", "/v1/cadences/{id}/publish", scope="cadences:write", compares=True, answers=(200, 202))
async def publish_draft(
    call: Call, body: bodies.CadencePublishIn, query: ChangeQuery
) -> Reply[CadencePublished]:
    """Make the draft a version, and a cadence that was a draft active; 202 where running loops go over to it.

    Without a change since the latest version that one is taken. `active_loops`: no loop gets a permit under
    an older version from the answer on, and a job plans them anew; `new_loops`: they go on as they are.
    """
    return await publish(call, body, dry_run=query.dry_run)


@route("GET", "/v1/cadences/{id}/versions", scope="read")
async def list_versions(call: Call, query: requests.ListQuery) -> Reply[schemas.Page[CadenceVersionHead]]:
    """The published versions, oldest first unless `order=desc`."""
    database, cadence_id = call.deps.flow.database, call.id("cad")
    await cadences.cadence(database, call.account_id, cadence_id)
    rows = await cadences.versions_of(
        database,
        call.account_id,
        cadence_id,
        slice_of(call, query),
    )
    count = partial(cadences.count_versions, database, call.account_id, cadence_id)
    heads = [cadence_views.version_head(row, call.ids) for row in rows]
    return await listed(call, query, heads, [row["version"] for row in rows], count)


@route("GET", _VERSION, scope="read")
async def show_version(call: Call) -> Reply[CadenceVersion]:
    """One version as it was published."""
    return Reply(cadence_views.version(await _version(call), call.ids))


@route("POST", _VERSION + "/restore", scope="cadences:write", compares=True)
async def restore_version(call: Call) -> Reply[Cadence]:
    """Have the draft say what this version says; calls follow it once it is published."""
    row = await _version(call)
    async with drafting(call, "cadence_version_restored") as draft:
        draft.form = cadences.nameless(msgspec.json.decode(row["content"], type=CadenceForm))
        draft.times = msgspec.structs.replace(draft.times, known=times_of(row).known | draft.times.known)
    return await reply(call, call.id("cad"))


async def _version(call: Call) -> Row:
    """Raises Problem 404."""
    version = min(int(call.request.match_info["version"][:10]), MOST_VERSIONS)
    rows = await cadences.versions_of(
        call.deps.flow.database, call.account_id, call.id("cad"), version=version
    )
    if not rows:
        raise Problem("not-found", "no such version")
    return rows[0]


ROUTES = (publish_draft, list_versions, show_version, restore_version)
