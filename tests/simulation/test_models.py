"""The models of the simulation against real servers: what runs asked of them, asked of Postgres and of the
wheel in the same order, is answered alike."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg

from scheduler.ledger.accounts import create_account, create_agent, ensure_installation
from scheduler.ledger.database import Database
from scheduler.ledger.migrate import migrate
from scheduler.wheel import TimingWheel
from tests.builders import empty
from tests.simulation.process import INSTALLATION
from tests.simulation.setting import ACCOUNT, DIALER, SETTINGS
from tests.simulation.tape import LedgerPlayer, Played, Tape, play_wheel, record

SEEDS = (2, 3, 5, 9, 14, 21)


async def test_the_ledgers_model_answers_as_postgres_does_row_by_row(ledger_url: str, tmp_path: Path):
    """S1, I1 to I6: snapshots, row locks, unique keys, commits and roll-backs, connections that break off."""
    played = []
    for seed in SEEDS:
        tape = await asyncio.to_thread(record, seed, tmp_path / "tape")
        await furnish(ledger_url, tape)

        played.append(await LedgerPlayer(ledger_url).play(tape.ledger))

    assert [each.different for each in played] == [[]] * len(SEEDS)
    assert sum(each.compared for each in played) > 1000
    assert sum(each.waited for each in played) > 5


async def test_the_wheels_model_answers_as_the_scripts_do(valkey_url: str, tmp_path: Path):
    """S1, I12 to I14: claims, leases, call slots, tokens, rebuilds, withdrawals."""
    played = [
        await play_on(valkey_url, await asyncio.to_thread(record, seed, tmp_path / "t")) for seed in SEEDS
    ]

    assert [each.different for each in played] == [[]] * len(SEEDS)
    assert sum(each.compared for each in played) > 1000


async def furnish(url: str, tape: Tape) -> None:
    """The ledger as a world of the simulation begins with it."""
    connection = await asyncpg.connect(url)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()
    database = await Database.connect(url, max_connections=2)
    await migrate(database)
    keys = (INSTALLATION.id_key, INSTALLATION.phone_key)
    await ensure_installation(
        database, now_ms=tape.base_ms, installation_id=INSTALLATION.installation_id, keys=keys
    )
    limits = {"max_concurrent": tape.most_calls, "max_dials_per_s": tape.per_s}
    await create_account(database, now_ms=tape.base_ms, **limits, **ACCOUNT)
    await create_agent(database, account_id=1, name="Ada", auto_dialer=DIALER, now_ms=tape.base_ms)
    await database.close()


async def play_on(url: str, tape: Tape) -> Played:
    await empty(url)
    wheel = await TimingWheel.connect(
        url, slot_ms=SETTINGS.slot_ms, lease_ms=SETTINGS.lease_ms, call_ms=SETTINGS.call_ms
    )
    try:
        return await play_wheel(wheel, tape.wheel)
    finally:
        await wheel.close()
