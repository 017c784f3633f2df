"""What comes in too fast, or onto a nearly full disk, is refused before dialing suffers (F17 I14 I21)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from api.embedded.postgres import EmbeddedPostgres
from api.embedded.valkey import EmbeddedValkey
from api.intake import Intake, refuse_full_disk
from scheduler.errors import Overloaded
from scheduler.settings import Settings
from tests.builders import empty, phones
from tests.dialer.builders import until
from tests.limits.disk import a_small_disk
from tests.limits.house import PATIENT, a_house, assert_refused, assert_whole

CSV = {"Content-Type": "text/csv"}


async def test_files_stop_at_85_percent_of_the_disk_and_leads_go_on(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, server_dir: Path, tmp_path: Path
) -> None:
    """I21: a file under way says from where to send the rest."""
    await empty(valkey.url)
    numbers = phones(200)
    with a_small_disk(server_dir / "nearly", 20) as disk:
        async with a_house(
            postgres.url, valkey.url, tmp_path, rate=40, ledger_disk=str(disk.path), **PATIENT
        ) as house:

            async def file() -> AsyncIterator[bytes]:
                yield b"phone\n"
                for at in range(0, 200, 50):
                    if at == 100:
                        disk.fill(leave=2_000_000)
                    yield "".join(f"{number}\n" for number in numbers[at : at + 50]).encode()
                    await asyncio.sleep(0.05)

            path = f"/v1/imports?agent_id={house.agent}&consent=test&name=spring"
            lines = {**CSV, "Accept": "application/x-ndjson"}
            async with house.http.post(path, data=file(), headers=lines) as reply:
                done = [msgspec.json.decode(line) async for line in reply.content][-1]
            assert (done["status"], done["trouble"]) == ("failed", "the ledger's disk is nearly full")
            inside = {row["phone"] for row in await house.rows("SELECT phone FROM lead")}
            assert inside == set(numbers[: done["resume_row"] - 2])

            again = await house.ask("POST", path, headers=CSV, data="phone\n+12125550100\n")
            assert_refused([("file", again)])
            assert (again.code, again.body["hint"][:16]) == ("backpressure", "free space there")
            assert (await house.lead()).status == 201

            disk.free()
            rest = "phone\n" + "\n".join(numbers[done["resume_row"] - 2 :])
            assert (await house.ask("POST", path, headers=CSV, data=rest)).status == 202
            assert await house.rows("SELECT count(*) FROM lead WHERE batch_id IS NOT NULL") == [(200,)]
            await house.until_rang()
            assert await house.missing() == set()


async def test_a_file_too_many_is_refused_and_taken_when_another_is_done(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    await empty(valkey.url)
    async with a_house(postgres.url, valkey.url, tmp_path, rate=40, imports_at_once=1, **PATIENT) as house:
        began, go_on = asyncio.Event(), asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield b"phone\n+12125550100\n"
            began.set()
            await go_on.wait()

        path = f"/v1/imports?agent_id={house.agent}&consent=test&name=spring"
        first = asyncio.create_task(house.ask("POST", path, headers=CSV, data=slow()))
        await began.wait()

        async def receiving() -> bool:
            return len(await house.rows("SELECT FROM import WHERE status = 'receiving'")) == 1

        await until(receiving, "receiving")
        refused = await house.a_file(1)
        go_on.set()
        assert (await first).status == 202
        assert_refused([("file", refused)])
        assert refused.code == "backpressure"
        assert (await house.a_file(1)).status == 202
        await assert_whole(house)


def test_a_request_that_failed_makes_room_for_the_next() -> None:
    intake = Intake(Settings(intake_queue=1))
    for _ in range(3):
        with pytest.raises(RuntimeError), intake.request():
            raise RuntimeError
    with intake.request(), pytest.raises(Overloaded), intake.request():
        pass


def test_a_large_disk_that_is_nearly_full_still_has_room(tmp_path: Path) -> None:
    """85 % of ten terabytes leave more than all leads of the world need."""
    settings = Settings(ledger_disk=str(tmp_path), import_disk_share=1e-9)
    refuse_full_disk(msgspec.structs.replace(settings, import_disk_gb=0))
    with pytest.raises(Overloaded):
        refuse_full_disk(msgspec.structs.replace(settings, import_disk_gb=1e9))
