"""What a sender is told while a file comes in: lines of start, progress, error and done."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

import msgspec
import structlog

from api.imports.rows import BadRow, Reading
from api.instants import utc_ms
from scheduler.clock import Clock
from scheduler.domain.time import SECOND, Ms
from scheduler.ledger.imports import Counts

log = structlog.get_logger()

Report: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
"""Takes one line. When it raises, the sender listens no more, and the import goes on without it."""

PROGRESS_S = 0.5
SHOWN_OF_A_VALUE = 80
_DIGITS = re.compile(r"\d(?=(?:\D{0,2}\d){2})")


class ImportTotals(msgspec.Struct, frozen=True):
    """How an import ended. `status`: done, or failed or canceled, then with `trouble` and the line to send
    again from. `codes`: how many rows did not come in, by why.

    `rows` is the sum of created, updated, unchanged, duplicate, suppressed and rejected. A rehearsal has
    no import; its batch may not be there.
    """

    import_id: int | None
    batch_id: int | None
    status: str
    bytes: int
    rows: int
    created: int
    updated: int
    unchanged: int
    duplicate: int
    suppressed: int
    rejected: int
    elapsed_s: float
    rows_per_s: int
    codes: dict[str, int]
    resume_row: int | None = None
    trouble: str | None = None


class Reporter:
    """Counts what is committed, and tells it: errors at once, progress twice a second at most."""

    def __init__(
        self,
        report: Report,
        clock: Clock,
        import_id: int | None,
        batch_id: int | None,
        size_bytes: int | None,
    ) -> None:
        self._report: Report | None = report
        self._clock = clock
        self.import_id = import_id
        self._batch_id = batch_id
        self._size_bytes = size_bytes
        self._began_s = self._told_s = clock.monotonic_s()
        self._counts = Counts()
        self._codes: Counter[str] = Counter()

    async def start(self, reading: Reading) -> None:
        """What was made out of the file's first lines."""
        columns = reading.columns
        fields = {} if columns is None else {f: columns.header[at] for f, at in columns.fields.items()}
        await self._tell(
            t="start",
            import_id=self.import_id,
            batch_id=self._batch_id,
            format="ndjson" if columns is None else "csv",
            delimiter=reading.delimiter,
            columns=fields,
            phones=[] if columns is None else [columns.header[at] for at in columns.phones],
            variables=[] if columns is None else [name for name, _ in columns.variables],
        )

    async def count(self, counts: Counts, bad: Sequence[BadRow]) -> None:
        """Rows are committed; `bad` of them did not come in."""
        self._counts.add(counts)
        self._codes.update(row.code for row in bad)
        for row in bad:
            await self._tell(
                t="error",
                row=row.line,
                column=row.column,
                code=row.code,
                detail=row.detail,
                value=masked(row.value),
            )

    async def progress(self, bytes_so_far: int) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._told_s < PROGRESS_S:
            return
        self._told_s = now_s
        elapsed_s = now_s - self._began_s
        eta_at_ms: Ms | None = None
        if self._size_bytes and bytes_so_far:
            left_s = elapsed_s * max(0, self._size_bytes - bytes_so_far) / bytes_so_far
            eta_at_ms = self._clock.now_ms() + round(left_s * SECOND * self._clock.speed)
        await self._tell(
            t="progress",
            bytes=bytes_so_far,
            **msgspec.structs.asdict(self._counts),
            rows_per_s=round(self._counts.rows / elapsed_s),
            eta_at=utc_ms(eta_at_ms),
        )

    async def done(
        self, status: str, bytes_received: int, resume_row: int | None, trouble: str | None
    ) -> ImportTotals:
        elapsed_s = self._clock.monotonic_s() - self._began_s
        totals = ImportTotals(
            import_id=self.import_id,
            batch_id=self._batch_id,
            status=status,
            bytes=bytes_received,
            **msgspec.structs.asdict(self._counts),
            elapsed_s=round(elapsed_s, 3),
            rows_per_s=round(self._counts.rows / max(elapsed_s, 0.001)),
            codes=dict(sorted(self._codes.items())),
            resume_row=resume_row,
            trouble=trouble,
        )
        await self._tell(t="done", **msgspec.structs.asdict(totals))
        return totals

    async def _tell(self, **line: Any) -> None:
        if self._report is None:
            return
        try:
            await self._report(line)
        except Exception as error:
            self._report = None
            log.info("import_report_unheard", import_id=self.import_id, why=type(error).__name__)


def masked(value: str) -> str:
    """A cell as it may be shown: cut, and of runs of digits only the last two."""
    return _DIGITS.sub("·", value[:SHOWN_OF_A_VALUE])
