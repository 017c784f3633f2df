"""Trying a cadence on one lead before anybody is called."""

from __future__ import annotations

import msgspec

from api.cadence_previews import play_cadence
from api.cadence_states import check_runnable
from api.problems import invalid
from api.requests_cadences import CadencePreviewIn
from api.routing import Call, Reply, route
from api.schemas_cadences import CadencePreview
from scheduler.domain.cadence_form import CadenceForm
from scheduler.ledger import cadences


@route("POST", "/v1/cadences/{id}/preview", scope="read")
async def preview(call: Call, body: CadencePreviewIn) -> Reply[CadencePreview]:
    """The attempts that are planned when calls end as `outcomes` say, each with its `why[]`.

    The draft is played, or `version`; nothing is written. The same request gives the same answer as long as
    `start_at` is said and the settings stay.
    """
    form = await _form(call, body.version)
    check_runnable(form, None)
    played = await play_cadence(call, body, call.id("cad"), form)
    found = played.preview
    return Reply(
        CadencePreview(
            object="cadence_preview",
            timezone=played.zone,
            attempts=found.attempts,
            ended=found.ended,
            rules_revision=found.rules_revision,
            readings=played.readings,
        )
    )


async def _form(call: Call, version: int | None) -> CadenceForm:
    database, cadence_id = call.deps.flow.database, call.id("cad")
    row = await cadences.cadence(database, call.account_id, cadence_id)
    if version is None:
        return cadences.draft_of(row)
    rows = await cadences.versions_of(database, call.account_id, cadence_id, version=version)
    if not rows:
        raise invalid("/version", "not-found", "no such version")
    return msgspec.json.decode(rows[0]["content"], type=CadenceForm)


ROUTES = (preview,)
