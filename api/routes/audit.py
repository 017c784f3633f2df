"""The audit log: who changed what, when and from where, with what was before and after."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import msgspec

from api.instants import utc
from api.paging import listed, slice_of
from api.routing import Call, Reply, route
from api.schemas import Page
from api.schemas_keys import AuditLine, AuditQuery
from scheduler.ledger.audit import AuditFilter, audit_count, audit_page
from scheduler.ledger.database import Row
from scheduler.public_ids import PublicIds

PREFIXES = {
    "account": "acc",
    "agent": "agt",
    "attempt": "att",
    "batch": "bat",
    "cadence": "cad",
    "callback": "cbk",
    "caller_id": "cid",
    "caller_id_pool": "cip",
    "closure": "cls",
    "dnc_entry": "dnc",
    "export": "exp",
    "dnc_list": "dnl",
    "import": "imp",
    "job": "job",
    "key": "key",
    "lead": "lead",
    "loop": "loop",
    "no_call_day": "ncd",
    "template": "tpl",
    "trunk": "trk",
    "webhook": "whk",
}
"""How what is written down as `agent:7`, or as `"agent_id": 7`, is shown."""

_NUMBERED = re.compile(r"([a-z_]+):(\d+)")


@route("GET", "/v1/audit", scope="admin")
async def list_audit(call: Call, query: AuditQuery) -> Reply[Page[AuditLine]]:
    """The account's audit log, newest first unless `order=asc`."""
    target = None if query.target is None else _written(call.ids, query.target)
    narrow = AuditFilter(query.actor, query.action, target)
    rows = await audit_page(
        call.deps.flow.database,
        call.account_id,
        slice_of(call, query),
        narrow,
    )
    count = partial(audit_count, call.deps.flow.database, call.account_id, narrow)
    lines = [line_view(call.ids, row) for row in rows]
    return await listed(call, query, lines, [row["audit_id"] for row in rows], count)


def line_view(ids: PublicIds, row: Row) -> AuditLine:
    return AuditLine(
        id=ids.write("aud", row["audit_id"]),
        object="audit",
        created_at=utc(row["at"]),
        updated_at=utc(row["at"]),
        actor=row["actor"],
        address=row["address"],
        action=row["action"],
        target=_target(ids, row["object"]),
        before=_values(ids, row["before"]),
        after=_values(ids, row["after"]),
        request_id=row["request_id"],
    )


def _target(ids: PublicIds, written: str) -> str:
    """The public id of what a line is about; what has none is named by its kind alone."""
    found = _NUMBERED.fullmatch(written)
    if found is None or found[1] not in PREFIXES or not int(found[2]) > 0:
        return written.partition(":")[0]
    return ids.write(PREFIXES[found[1]], int(found[2]))


def _written(ids: PublicIds, shown: str) -> str:
    """As `_target` reads it; what nobody has finds nothing."""
    for kind, prefix in PREFIXES.items():
        number = ids.read(prefix, shown)
        if number is not None:
            return f"{kind}:{number}"
    return shown


def _values(ids: PublicIds, text: str | None) -> msgspec.Raw | None:
    """With public ids in place of numbers."""
    if text is None:
        return None
    return msgspec.Raw(msgspec.json.encode(_public(ids, msgspec.json.decode(text))))


def _public(ids: PublicIds, value: Any) -> Any:
    if isinstance(value, list):
        return [_public(ids, each) for each in value]
    if not isinstance(value, dict):
        return value
    shown = {}
    for name, each in value.items():
        prefix = PREFIXES.get(name.removesuffix("s").removesuffix("_id"))
        if name.endswith(("_id", "_ids")) and prefix is not None:
            numbers = each if isinstance(each, list) else [each]
            written = [ids.write(prefix, n) if isinstance(n, int) and n > 0 else None for n in numbers]
            shown[name] = written if isinstance(each, list) else written[0]
        else:
            shown[name] = _public(ids, each)
    return shown


ROUTES = (list_audit,)
