"""Records: the proof of single attempts."""

from __future__ import annotations

import msgspec

from api.instants import utc
from api.problems import Problem
from api.routing import Call, Reply, route
from api.schemas_records import AttemptRecord
from scheduler.flow.record_check import intact
from scheduler.flow.records import settings_of
from scheduler.ledger import reads
from scheduler.ledger.records import record_of


@route("GET", "/v1/attempts/{id}/record", scope="read")
async def show_record(call: Call) -> Reply[AttemptRecord]:
    """Why a contact was made when it was made: rules, places, windows, counters, consent, settings of then.

    Written a few seconds after its end, 409 `state-conflict` before, and never changed: each holds the hash
    of the one before it in the account.
    """
    flow, attempt_id = call.deps.flow, call.id("att")
    row = await record_of(flow.database, call.account_id, attempt_id)
    if row is None:
        attempt = await reads.attempt(flow.database, call.account_id, attempt_id)
        if attempt["state"] in ("canceled", "skipped"):
            raise Problem("state-conflict", f"the attempt was {attempt['state']}: nobody was called")
        raise Problem(
            "state-conflict", "the record is written soon after the attempt's end", hint="ask again"
        )
    return Reply(
        AttemptRecord(
            id=call.ids.write("rec", row["number"]),
            object="record",
            created_at=utc(row["recorded_at"]),
            updated_at=utc(row["recorded_at"]),
            attempt_id=call.ids.write("att", attempt_id),
            number=row["number"],
            revision=row["revision"],
            previous_hash=row["previous_hash"].hex(),
            hash=row["hash"].hex(),
            intact=await intact(flow, call.ids, call.account_id, row),
            record=msgspec.Raw(row["body"].encode()),
            settings=None if row["settings"] is None else msgspec.Raw(settings_of(row["settings"]).text),
        )
    )


ROUTES = (show_record,)
