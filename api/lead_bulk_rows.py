"""The lines of a request with many leads: whom each names, and what it is answered."""

from __future__ import annotations

import msgspec

from api.imports.framing import Block
from api.lead_targets import refusal_of
from api.problems import KINDS, FieldError, Problem, problem_of
from scheduler.errors import DialwheelError
from scheduler.flow.enrolment import Enrolled
from scheduler.public_ids import PublicIds

LEDGER_REFUSED = Enrolled("rejected", code="malformed-row", detail="the ledger does not take a value of it")


class Where(msgspec.Struct, frozen=True):
    """What of a line says who follows the lead up."""

    agent_id: str | None = None
    batch_id: str | None = None
    cadence_id: str | None = None


class RowProblem(msgspec.Struct, omit_defaults=True):
    """A problem without what belongs to a request."""

    type: str
    title: str
    status: int
    code: str
    retryable: bool
    detail: str
    hint: str = ""
    errors: tuple[FieldError, ...] = ()


class BulkRow(msgspec.Struct, omit_defaults=True):
    """What became of one line. `row`: its number, from 1; `action`: created, updated, unchanged, duplicate
    (of an earlier line), suppressed or rejected; `id`: the lead's, of a duplicate the earlier line's."""

    row: int
    status: int
    action: str
    id: str | None = None
    problem: RowProblem | None = None


class Earlier:
    """Which lead each line of one request means, so that those that mean the same one are told which."""

    def __init__(self) -> None:
        self._phones: dict[str, int] = {}
        self._external_ids: dict[str, int] = {}
        self._repeats: dict[int, int] = {}
        self._leads: dict[int, str] = {}

    def has(self, line: int, phone: str, external_id: str | None) -> bool:
        """Whether an earlier line means the same lead; else it is the first to mean it."""
        first = self._phones.get(phone)
        if external_id is not None:
            first = self._external_ids.get(external_id, first)
        if first is not None:
            self._repeats[line] = first
            return True
        self._phones[phone] = line
        if external_id is not None:
            self._external_ids[external_id] = line
        return False

    def name(self, rows: list[BulkRow]) -> None:
        """Give repeats the lead of the line that they repeat, whose answer is there by now: answers are in
        order. None where that line did not come in."""
        for row in rows:
            if row.id is not None:
                self._leads[row.row] = row.id
            elif row.row in self._repeats:
                row.id = self._leads.get(self._repeats[row.row])


_where = msgspec.json.Decoder(Where).decode


def by_target(block: Block) -> dict[Where, Block]:
    """The lines by whom they name. What cannot be read names nobody, and is refused when it is read."""
    found: dict[Where, Block] = {}
    for record, line in zip(block.records, block.lines, strict=True):
        try:
            where = _where(record)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            where = Where()
        some = found.get(where)
        if some is None:
            some = found[where] = Block([], [])
        some.records.append(record)
        some.lines.append(line)
    return found


def answer(ids: PublicIds, line: int, result: Enrolled) -> BulkRow:
    """The answer to a line that enrolment has seen."""
    if result.action == "duplicate":
        return BulkRow(line, 200, "duplicate", ids.write_or_none("lead", result.lead_id))
    refused = refusal_of(result)
    if refused is not None:
        return rejected(line, refused, result.action)
    status = 201 if result.action == "created" else 200
    return BulkRow(line, status, result.action, ids.write_or_none("lead", result.lead_id))


def said_of(error: Problem | DialwheelError) -> Problem:
    problem = error if isinstance(error, Problem) else problem_of(error)
    return problem or Problem("internal")


def rejected(line: int, problem: Problem, action: str = "rejected") -> BulkRow:
    kind = KINDS[problem.code]
    told = RowProblem(
        f"/problems/{problem.code}",
        kind.title,
        kind.status,
        problem.code,
        problem.retryable,
        problem.detail or kind.meaning,
        problem.hint,
        problem.errors,
    )
    return BulkRow(line, kind.status, action, problem=told)
