"""Which jobs there are, and what does each."""

from __future__ import annotations

from functools import partial

from api.exporting import JOB as EXPORT
from api.exporting import write_export
from api.imports.parts import KIND as IMPORT
from api.imports.parts import import_parts
from scheduler.flow.recalculate import KIND as RECALCULATION
from scheduler.public_ids import PublicIds
from scheduler.services.cadences import replan_cadence
from scheduler.services.jobs import Handler
from scheduler.services.lead_actions import KIND as LEAD_ACTIONS
from scheduler.services.lead_actions import act_on_leads
from scheduler.services.recalculate import recalculate

KINDS: dict[str, Handler] = {
    IMPORT: import_parts,
    LEAD_ACTIONS: act_on_leads,
    RECALCULATION: recalculate,
    "cadence-publish": replan_cadence,
    "cadence-archive": replan_cadence,
}
"""kind → handler. A kind that this process does not know is left to others."""


def kinds(ids: PublicIds) -> dict[str, Handler]:
    """All of them: what writes files needs public ids."""
    return {**KINDS, EXPORT: partial(write_export, ids)}
