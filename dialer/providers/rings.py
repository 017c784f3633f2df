"""The simulator's own ledger: every instant at which a phone rang, kept for the referee.

It knows nothing of our database. With a path it is an append-only NDJSON file that outlives the process, so
that a later run is judged together with the earlier ones; without, a list in memory.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, NamedTuple
from uuid import UUID

import orjson

from scheduler.domain.time import Ms


class Ring(NamedTuple):
    """A phone rang at `at_ms` for the attempt with this `key`, the `attempt`-th of its loop.

    `zones` and `regions`: everywhere the number may be. `caller_id`: what it showed, if anything was chosen.
    """

    at_ms: Ms
    phone: str
    key: UUID
    attempt: int
    zones: tuple[str, ...]
    regions: tuple[str, ...]
    caller_id: str | None = None


class RingLedger:
    """All rings so far, in the order recorded. `total` counts them, earlier runs included.

    `keep=False` without a path only counts: for benchmarks whose rings nobody judges.
    """

    def __init__(self, path: Path | None = None, *, keep: bool = True) -> None:
        self.path = path
        self.total = 0
        self._keep = keep
        self._rings: list[Ring] = []
        self._file: BinaryIO | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)  # it holds numbers: nobody else reads it
            self._file = path.open("ab+")
            self.total = _mend(self._file)

    def record(
        self,
        at_ms: Ms,
        phone: str,
        key: UUID,
        attempt: int,
        zones: tuple[str, ...],
        regions: tuple[str, ...],
        caller_id: str | None = None,
    ) -> None:
        """Note a ring. In a file it is there for others to read after `flush`."""
        self.total += 1
        if self._file is not None:
            self._file.write(_line(at_ms, phone, key, attempt, zones, regions, caller_id))
        elif self._keep:
            self._rings.append(Ring(at_ms, phone, key, attempt, zones, regions, caller_id))

    def flush(self) -> None:
        """Hand what was recorded to the operating system: a killed process loses none of it."""
        if self._file is not None:
            self._file.flush()

    def __iter__(self) -> Iterator[Ring]:
        if self.path is None:
            yield from self._rings
            return
        self.flush()
        with self.path.open("rb") as lines:
            for line in lines:
                yield _ring(line)

    def lines(self) -> Iterator[bytes]:
        """The rings as NDJSON: `{at, phone, key, attempt, zones, regions, caller_id?}`, `at` RFC 3339 in
        milliseconds."""
        for ring in self:
            yield _line(*ring)

    def export(self, path: Path) -> int:
        """Write every ring to `path` for anyone to judge; how many."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.flush()
        if self.path is not None:
            if not (path.exists() and path.samefile(self.path)):
                shutil.copyfile(self.path, path)
        else:
            with path.open("wb") as out:
                out.writelines(self.lines())
        return self.total

    def close(self) -> None:
        """Flush and close the file; the rings stay readable."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _mend(file: BinaryIO) -> int:
    """Cut off a line that a killed process left unfinished: its call did not happen. Count the rest."""
    file.seek(0)
    count = end = 0
    for line in file:
        if not line.endswith(b"\n"):
            break
        count += 1
        end += len(line)
    file.truncate(end)
    file.seek(0, 2)
    return count


def _line(
    at_ms: Ms,
    phone: str,
    key: UUID,
    attempt: int,
    zones: tuple[str, ...],
    regions: tuple[str, ...],
    caller_id: str | None,
) -> bytes:
    row = {
        "at": rfc3339(at_ms),
        "phone": phone,
        "key": key,
        "attempt": attempt,
        "zones": zones,
        "regions": regions,
    }
    if caller_id is not None:
        row["caller_id"] = caller_id
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def _ring(line: bytes) -> Ring:
    row = orjson.loads(line)
    at = datetime.fromisoformat(row["at"])
    at_ms = round(at.timestamp() * 1000)
    return Ring(
        at_ms,
        row["phone"],
        UUID(row["key"]),
        row["attempt"],
        tuple(row["zones"]),
        tuple(row["regions"]),
        row.get("caller_id"),
    )


def rfc3339(at_ms: Ms) -> str:
    """The instant in UTC with milliseconds and `Z`."""
    second, ms = divmod(at_ms, 1000)
    return f"{_second(second)}.{ms:03d}Z"


@lru_cache(maxsize=4096)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
