"""What a request says of its file: where the leads go, how its rows are read. Faults name their parameter."""

from __future__ import annotations

from aiohttp import web

from api.decoding import decode_query, in_utf8
from api.imports.opening import Layout
from api.imports.orders import Order
from api.problems import FieldError, Problem
from api.routes.batches import check_start, start_bounds
from api.routing import Call, query_values
from api.schemas_imports import ImportQuery
from scheduler.domain.model import Priority
from scheduler.errors import NotFound
from scheduler.flow.throttle import Throttle
from scheduler.ledger import cadences, reads

NDJSON = "application/x-ndjson"
FORMATS = {
    "text/csv": "csv",
    NDJSON: "ndjson",
    "application/jsonl": "ndjson",
    "text/plain": None,
    "application/gzip": None,
    "application/octet-stream": None,
}
"""Types of a body that is a file, and what it is; None: told from its first line."""

DELIMITERS = {"tab": "\t"}
"""Names of those that a parameter cannot hold."""


def read_query(request: web.Request) -> tuple[ImportQuery, dict[str, str]]:
    """The parameters, and the columns that `map.<column>=<field>` names."""
    values = query_values(request)
    mapping = {
        name.removeprefix("map."): values.pop(name)[-1] for name in list(values) if name.startswith("map.")
    }
    return decode_query(values, ImportQuery), mapping


def read_format(request: web.Request) -> str | None:
    """What the body is. Raises Problem 400 or 415."""
    if request.content_type not in FORMATS or not in_utf8(request.charset):
        raise Problem(
            "unsupported-media-type", "send text/csv or application/x-ndjson in UTF-8, gzip if you like"
        )
    if request.headers.get("Content-Encoding", "identity").lower() not in ("identity", "gzip"):
        raise Problem("unsupported-media-type", "the only Content-Encoding of a file is gzip")
    if not request.body_exists:
        raise Problem("malformed-body", "the file is empty", hint="send the file as the body")
    return FORMATS[request.content_type]


async def read_order(call: Call, query: ImportQuery, mapping: dict[str, str], format_: str | None) -> Order:
    """The order, its agent, batch and cadence known to be the account's. Raises Problem 422."""
    now_ms = call.deps.clock.now_ms()
    check_start(query.start_at, now_ms, bad("start_at", "out-of-range", start_bounds(now_ms)))
    agent_id, batch, cadence_id = await _target(call, query)
    delimiter = None if query.delimiter is None else DELIMITERS.get(query.delimiter, query.delimiter)
    return Order(
        agent_id=agent_id,
        batch=batch,
        cadence_id=cadence_id,
        priority=Priority(query.priority),
        on_duplicate=query.on_duplicate,
        consent=query.consent,
        throttle=Throttle(query.max_per_min, query.max_concurrent, query.start_at, query.spread_over_s),
        layout=Layout(format_, delimiter, mapping, query.region),
    )


async def _target(call: Call, query: ImportQuery) -> tuple[int, str, int | None]:
    """The agent, the name of the batch, and the cadence; a batch that exists brings its agent."""
    database = call.deps.flow.database
    cadence_id = None if query.cadence_id is None else await _cadence(call, query.cadence_id)
    agent_id = None if query.agent_id is None else call.ids.read("agt", query.agent_id)
    if query.agent_id is not None:
        owned = await reads.owned(database, call.account_id, agent_id=agent_id or 0, batch_id=None)
        if not owned.agent_ok:
            raise bad("agent_id", "not-found", "no such agent in this account")
    if query.batch_id is not None:
        batch_id = call.ids.read("bat", query.batch_id)
        try:
            batch = await reads.batch_head(database, call.account_id, batch_id or 0)
        except NotFound:
            raise bad("batch_id", "not-found", "no such batch in this account") from None
        return agent_id or batch["agent_id"], batch["name"], cadence_id
    if query.name is None:
        raise bad("name", "required", "name the batch, or give its batch_id")
    if agent_id is None:
        raise bad("agent_id", "required", "say which agent calls these leads")
    return agent_id, query.name, cadence_id


async def _cadence(call: Call, said: str) -> int:
    cadence_id = call.ids.read("cad", said)
    known = cadence_id and await cadences.current(call.deps.flow.database, call.account_id, cadence_id)
    if not cadence_id or not known:
        raise bad("cadence_id", "not-found", "no such cadence in this account")
    return cadence_id


def bad(parameter: str, code: str, detail: str) -> Problem:
    return Problem("validation-failed", detail, errors=(FieldError(code, detail, parameter=parameter),))
