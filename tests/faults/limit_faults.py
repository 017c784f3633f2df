"""F12, F13, F16 and F17: a wheel without memory or disk, a ledger that is long away or has no disk."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from redis.exceptions import ResponseError

from tests.faults.bed import QUIET_AFTER_S, Trial
from tests.faults.check import read_history
from tests.faults.kinds import SKIPPED, Script, fault
from tests.faults.proxy import Line
from tests.limits.disk import SmallDisk, a_small_disk, why_no_disks

NO_DISKS = why_no_disks()


def on_a_disk(number: str, *, needs: tuple[str, ...]) -> Callable[[Script], Script]:
    """As `fault`, where small disks can be mounted; told as skipped elsewhere."""
    if NO_DISKS:
        SKIPPED[number] = NO_DISKS
        return lambda script: script
    return fault(number, needs=needs, leads=30)


def logged(t: Trial, event: str) -> bool:
    return t.logs.exists() and f'"{event}"'.encode() in t.logs.read_bytes()


async def until_logged(t: Trial, event: str, *, most_s: float = QUIET_AFTER_S) -> None:
    async with asyncio.timeout(most_s):
        while not logged(t, event):  # noqa: ASYNC110 - another process writes the file
            await asyncio.sleep(0.02)


@fault("F12", needs=("valkey had no memory",))
async def valkey_has_no_memory_left(t: Trial) -> None:
    """What is claimed and called by then is settled; new leads go into the ledger alone."""
    await t.scheduler()
    await t.dialer()
    await t.until_dials(t.dice.randrange(1, 6))
    redis = t.redis()
    await redis.config_set("maxmemory", 1)
    try:
        with suppress(ResponseError):
            await redis.set("weight", "x")
            t.complain("F12", "valkey takes writes without memory")
        await t.enrol(6)
        await asyncio.sleep(0.5 + t.dice.random())
        t.hit("valkey had no memory")
    finally:
        await redis.config_set("maxmemory", 0)
        await redis.aclose()


@on_a_disk("F13", needs=("valkey's disk was full",))
async def valkeys_disk_is_full_for_a_while(t: Trial) -> None:
    """The wheel begins anew on the small disk, and moves back to the large one at the end."""
    valkey = t.bed.valkey
    await asyncio.to_thread(valkey.stop)
    try:
        with a_small_disk(valkey.data, 8) as disk:
            await asyncio.to_thread(valkey.start)
            try:
                await _run_out_of_disk(t, disk)
            finally:
                await asyncio.to_thread(valkey.stop)
    finally:
        await asyncio.to_thread(valkey.start)


async def _run_out_of_disk(t: Trial, disk: SmallDisk) -> None:
    await t.scheduler()
    await t.dialer()
    await t.until_dials(t.dice.randrange(1, 6))
    await _fill(t, disk)
    await t.enrol(6)
    await asyncio.sleep(0.5 + t.dice.random())
    disk.free()
    await t.until_dials(t.dials() + 1)
    t.hit("valkey's disk was full")


async def _fill(t: Trial, disk: SmallDisk) -> None:
    disk.fill()
    redis = t.redis()
    async with asyncio.timeout(QUIET_AFTER_S):
        while (await redis.info("persistence"))["aof_last_write_status"] != "err":
            with suppress(ResponseError):
                await redis.set("weight", "x" * 10_000)
            await asyncio.sleep(0.05)
    await redis.aclose()


@fault("F16", "spooled", needs=("spool was used and drained",), leads=40, model={"time_scale": 0.02})
async def a_dialer_is_killed_while_its_spool_is_all_that_knows(t: Trial) -> None:
    """Calls end while the ledger is away: the provider is told that their ends are kept, and forgets them.
    Then the dialer is killed; the next one on its folder brings them in."""
    await t.scheduler()
    dialer = await t.dialer()
    await t.until_dials(5)
    t.to_postgres.line = Line(refuse=True)
    t.to_postgres.cut(reset=True)
    await until_logged(t, "spool_begun")
    await asyncio.sleep(1.0 + t.dice.random())
    if t.dice.random() < 0.7:
        dialer.kill()
        await dialer.gone()
        t.hit("killed with a spool")
    t.to_postgres.heal()
    if not dialer.alive:
        await t.dialer()
    await until_logged(t, "spool_drained")
    t.hit("spool was used and drained")
    await t.quiet()
    rang = [dial.attempt_id for dial in read_history(t)]
    lost = await t.value(
        "SELECT count(*) FROM attempt WHERE attempt_id = ANY($1) AND outcome = 'unknown'", rang
    )
    if lost:
        t.complain("I23", f"{lost} calls were written off though their ends had been told")


@on_a_disk("F17", needs=("postgres' disk was full",))
async def postgres_disk_is_full_for_a_while(t: Trial) -> None:
    """Of its log: it stops, and comes up when there is space."""
    postgres = t.bed.postgres
    log = Path(str(postgres._data)) / "pg_wal"
    await asyncio.to_thread(postgres.stop)
    used = sum(path.stat().st_size for path in log.iterdir() if path.is_file())
    try:
        with a_small_disk(t.bed.folder / "wal", used // 1_000_000 + 48) as disk:
            place = disk.path / "pg_wal"
            await asyncio.to_thread(shutil.copytree, log, place)
            kept = log.rename(log.with_name("pg_wal_before"))
            log.symlink_to(place)
            try:
                await asyncio.to_thread(postgres.start)
                await _run_out_of_log(t, disk)
            finally:
                await asyncio.to_thread(postgres.stop)
                log.unlink()
                shutil.rmtree(kept)
                await asyncio.to_thread(shutil.copytree, place, log)
    finally:
        await asyncio.to_thread(postgres.start)


async def _run_out_of_log(t: Trial, disk: SmallDisk) -> None:
    await t.scheduler()
    await t.dialer()
    await t.until_dials(t.dice.randrange(1, 6))
    process = t.bed.postgres._process
    assert process is not None
    disk.fill()
    async with asyncio.timeout(QUIET_AFTER_S):
        while process.poll() is None:
            with suppress(Exception):
                await t.rows("SELECT pg_switch_wal()")
            await asyncio.sleep(0.1)
    await t.permits_over()
    dials = t.dials()
    await asyncio.sleep(0.5 + t.dice.random())
    if t.dials() > dials:
        t.complain("I2", f"{t.dials() - dials} dials without a ledger")
    t.hit("postgres' disk was full")
    disk.free()
    await asyncio.to_thread(t.bed.postgres.start)
    await t.enrol(6)  # all others may have been called by now
    await t.until_dials(dials + 1)
