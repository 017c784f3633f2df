"""Postgres' disks full: refused, nothing acknowledged is lost, and on it goes with space (F17 I14 I21)."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.embedded.postgres import EmbeddedPostgres
from api.embedded.valkey import EmbeddedValkey
from scheduler.ledger.database import Database
from tests.builders import empty
from tests.limits.disk import SmallDisk, a_small_disk
from tests.limits.house import BOUND_S, PATIENT, Answer, a_house, assert_refused, assert_whole

DISK_MB = 64
SEGMENTS = DISK_MB
"""Of the log, a megabyte each: more than that are not kept to be used again."""


@pytest.fixture
def disk(server_dir: Path, request: pytest.FixtureRequest) -> Iterator[SmallDisk]:
    with a_small_disk(server_dir / f"disk-{abs(hash(request.node.name)) % 10_000}", DISK_MB) as disk:
        yield disk


async def test_a_full_disk_of_tables_refuses_what_needs_room_and_loses_nothing(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, disk: SmallDisk, tmp_path: Path
) -> None:
    """Pages that have room still take rows: what is answered with 2xx is in, what is not is told so."""
    place = disk.path / "tables"
    place.mkdir()
    if postgres._drop.mode == "setuid":
        os.chown(place, postgres._drop.uid, postgres._drop.gid)
    server = await Database.connect(postgres.url, max_connections=1)
    async with server.connection() as on:
        await on.execute(f"CREATE TABLESPACE small LOCATION '{place}'")
    await empty(valkey.url)
    async with a_house(postgres.url, valkey.url, tmp_path, tablespace="small", rate=40, **PATIENT) as house:
        await house.leads(5)
        disk.fill()
        answers: list[Answer] = []
        while sum(answer.status == 503 for answer in answers) < 10:
            assert len(answers) < 400, "the disk never was full"
            answers += await house.leads(10)
        file = await house.a_file(100)
        assert file.status in (202, 503)
        assert file.status == 503 or file.body["status"] != "done"
        for answer in answers:
            assert answer.seconds <= BOUND_S
            if answer.status != 201:
                assert_refused([("lead", answer)])
        assert (await house.ask("GET", "/v1/account")).status == 200
        disk.free()
        await house.until_taken()
        assert (await house.a_file(20)).status == 202
        await assert_whole(house)
        name = house.name
    async with server.connection() as on:
        await on.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await on.execute("DROP TABLESPACE small")
    await server.close()


async def test_a_full_disk_of_the_log_stops_postgres_and_dialing_until_there_is_space(
    valkey: EmbeddedValkey, disk: SmallDisk, server_dir: Path, tmp_path: Path
) -> None:
    """RELIABILITY 0.1 #13: PANIC, and it comes up when there is space. Only Postgres is restarted."""
    data = server_dir / "walpg" / "data"
    postgres = EmbeddedPostgres(data).start()
    postgres.stop()
    postgres._run("pg_resetwal", "--wal-segsize=1", "-D", str(data))
    shutil.move(data / "pg_wal", disk.path / "pg_wal")
    (data / "pg_wal").symlink_to(disk.path / "pg_wal")
    postgres.start()
    await empty(valkey.url)
    try:
        async with a_house(postgres.url, valkey.url, tmp_path) as house:
            await house.taken(15)
            disk.fill()
            for _ in range(SEGMENTS):  # the next megabyte of the log finds no room
                answer = await house.lead()
                assert answer.status in (201, 503)
                try:
                    await house.rows("SELECT pg_switch_wal()")
                except Exception:
                    break
            answers = await house.everything()
            rings = house.rings.total
            answers += await house.everything()
            assert_refused(answers)
            assert house.rings.total == rings
            assert postgres._process is not None
            await asyncio.to_thread(postgres._process.wait, 120)  # it has tried to recover, in vain
            disk.free()
            await asyncio.to_thread(postgres.start)
            await house.until_taken()
            await assert_whole(house)
    finally:
        postgres.stop()
