"""What a person sees while the demo plays: a calm block on a terminal, a line every ten seconds elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table
from whenever import Instant

from scheduler.domain.time import Ms
from scheduler.ledger.books import Books

LINE_EVERY_S = 10.0
REFRESH_S = 0.5
WATCHED_FROM = "America/New_York"


class Progress:
    """`show` as often as wanted: it draws at most twice a second, and reads nothing in between."""

    def __init__(self, *, mode: str, quiet: bool) -> None:
        self._mode = mode
        self._quiet = quiet
        self._console = Console(stderr=True)
        self._live: Live | None = None
        self._shown_s = 0.0
        self._last: tuple[float, int] | None = None
        self._rate = 0.0

    def __enter__(self) -> Progress:
        if self._console.is_terminal and not self._quiet:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def due(self) -> bool:
        """Whether it is time to draw again."""
        every_s = REFRESH_S if self._live is not None else LINE_EVERY_S
        return not self._quiet and time.monotonic() - self._shown_s >= every_s

    def show(self, books: Books, now_ms: Ms) -> None:
        now_s = time.monotonic()
        if self._last is not None and now_s > self._last[0]:
            self._rate = (books.attempts - self._last[1]) / (now_s - self._last[0])
        self._last = (now_s, books.attempts)
        self._shown_s = now_s
        if self._live is not None:
            self._live.update(self._block(books, now_ms), refresh=True)
        else:
            print("  " + self._line(books, now_ms), file=sys.stderr, flush=True)

    def _block(self, books: Books, now_ms: Ms) -> Table:
        table = Table.grid(padding=(0, 2))
        outcomes = " · ".join(f"{name} {count:,}" for name, count in books.outcomes.items())
        ended = " · ".join(f"{name} {count:,}" for name, count in books.ended.items())
        table.add_row("", f"[bold]SIMULATED {self._mode}: no phone rings[/bold]")
        table.add_row("simulated time", clock_face(now_ms))
        table.add_row(
            "leads", f"{books.leads:,} = {sum(books.ended.values()):,} ended + {books.waiting:,} waiting"
        )
        table.add_row("", ended)
        table.add_row(
            "dials", f"{self._rate:,.0f}/s   in flight {books.in_flight:,}   next hour {books.next_hour:,}"
        )
        table.add_row("attempts", f"{books.attempts:,}")
        table.add_row("", outcomes)
        return table

    def _line(self, books: Books, now_ms: Ms) -> str:
        outcomes = " ".join(f"{name}={count}" for name, count in books.outcomes.items())
        return (
            f"{clock_face(now_ms)}  leads {books.leads} = {sum(books.ended.values())} ended + "
            f"{books.waiting} waiting  in flight {books.in_flight}  {self._rate:.0f} dials/s  "
            f"next hour {books.next_hour}  attempts {books.attempts}  {outcomes}"
        )


def clock_face(at_ms: Ms) -> str:
    """`Mon 23 Nov 2026 10:00 New York`."""
    at = Instant.from_timestamp(at_ms, unit="millisecond").to_tz(WATCHED_FROM)
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[at.date().day_of_week().value - 1]
    month = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[at.month - 1]
    return f"{day} {at.day} {month} {at.year} {at.hour:02}:{at.minute:02} New York"
