"""What an import says while it runs and when it is over."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

COUNTS = ("created", "updated", "unchanged", "duplicate", "suppressed", "rejected")
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
WINDOW_S = 10.0
HIDE_TIME_LEFT_S = 2.0


class Meter:
    """The progress of one file: a bar where the number of rows is known, the rate of the last ten seconds.

    `total`: rows of the file, 0 when unknown. Instants are monotonic seconds.
    """

    def __init__(self, total: int, began_s: float) -> None:
        self._total = total
        self._began_s = began_s
        self._seen: deque[tuple[float, int]] = deque([(began_s, 0)])

    def text(self, rows: int, rejected: int, now_s: float) -> str:
        self._seen.append((now_s, rows))
        while self._seen[0][0] < now_s - WINDOW_S:
            self._seen.popleft()
        then_s, rows_then = self._seen[0]
        rate = (rows - rows_then) / max(now_s - then_s, 0.001)
        if not self._total:
            return f"  importing  {grouped(rows)} rows  {grouped(rate)}/s  {grouped(rejected)} bad"
        share = min(rows / self._total, 1.0)
        bar = "█" * int(share * 20)
        text = f"  importing {bar:░<20}  {grouped(rows)}/{grouped(self._total)}  {grouped(rate)}/s"
        if now_s - self._began_s > HIDE_TIME_LEFT_S and rate > 0:
            text += f"  {max(self._total - rows, 0) / rate:.0f} s left"
        return f"{text}  {grouped(rejected)} bad"


def reading_text(line: dict[str, Any], path: Path) -> str:
    """What was made of the file's first lines."""
    size = path.stat().st_size
    shown = f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"
    form = DELIMITERS.get(line.get("delimiter") or "", line.get("format") or "")
    columns = [f"{column}→{field}" for field, column in (line.get("columns") or {}).items()]
    others = (line.get("phones") or [])[1:]
    columns += [f"{name}→phone where there is none yet" for name in others]
    columns += [f"{name}→variables" for name in line.get("variables") or [] if name not in others]
    return f"  Reading {path.name}   {shown}, {form}\n  Columns  {'  '.join(columns)}".rstrip()


def result_lines(
    result: dict[str, Any], saved: Path | None, elapsed_s: float, *, interrupted: bool
) -> list[str]:
    """Totals that add up, where the rejected rows are, and how to go on."""
    counts = {name: int(result[name]) for name in COUNTS}
    rows = int(result["rows"])
    said = " · ".join(
        f"{grouped(count)} {name}" for name, count in counts.items() if count or name == "created"
    )
    lines = [f"  Done in {elapsed_s:.1f} s.  {grouped(rows)} rows: {said}"]
    if sum(counts.values()) != rows:
        lines.append(
            f"  These do not add up: {grouped(sum(counts.values()))} of {grouped(rows)}. Please report it."
        )
    if saved is not None:
        bad = "1 bad row" if counts["rejected"] == 1 else f"{grouped(counts['rejected'])} bad rows"
        lines.append(f"  {bad} saved to {saved.name} (fix and import that file).")
    if interrupted:
        lines.append(
            "  Interrupted: the rest was not sent. The same command goes on, nothing is added twice."
        )
    return lines


def grouped(number: float) -> str:
    """Thousands apart: 12 345."""
    return f"{int(number):,}".replace(",", " ")
