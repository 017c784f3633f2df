"""The models of the simulation against real servers: what a run asked of them, asked of Postgres and of the
wheel in the same order, is answered alike."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from scheduler.ledger.accounts import create_account, create_agent, ensure_installation
from scheduler.ledger.database import Database
from scheduler.ledger.migrate import migrate
from scheduler.wheel import TimingWheel
from tests.builders import empty
from tests.simulation.process import INSTALLATION
from tests.simulation.setting import ACCOUNT, DIALER, SETTINGS
from tests.simulation.tape import LedgerPlayer, play_wheel, record

SEEDS = (2, 9, 14)


@pytest.mark.parametrize("seed", SEEDS)
async def test_the_ledgers_model_answers_as_postgres_does_row_by_row(
    seed: int, ledger_url: str, tmp_path: Path
):
    """S1, I1 to I6: snapshots, row locks, unique keys, commits and roll-backs, connections that break off."""
    tape = await asyncio.to_thread(record, seed, tmp_path / "tape")
    database = await Database.connect(ledger_url, max_connections=2)
    await migrate(database)
    await ensure_installation(
        database,
        now_ms=tape.base_ms,
        installation_id=INSTALLATION.installation_id,
        keys=(INSTALLATION.id_key, INSTALLATION.phone_key),
    )
    await create_account(
        database,
        now_ms=tape.base_ms,
        max_concurrent=tape.most_calls,
        max_dials_per_s=tape.per_s,
        **ACCOUNT,
    )
    await create_agent(database, account_id=1, name="Ada", auto_dialer=DIALER, now_ms=tape.base_ms)
    await database.close()

    played = await LedgerPlayer(ledger_url).play(tape.ledger)

    assert played.different == []
    assert played.compared > 300
    assert played.waited > 0


@pytest.mark.parametrize("seed", SEEDS)
async def test_the_wheels_model_answers_as_the_scripts_do(seed: int, valkey_url: str, tmp_path: Path):
    """S1, I12 to I14: claims, leases, call slots, tokens, rebuilds, withdrawals."""
    tape = await asyncio.to_thread(record, seed, tmp_path / "tape")
    await empty(valkey_url)
    wheel = await TimingWheel.connect(
        valkey_url, slot_ms=SETTINGS.slot_ms, lease_ms=SETTINGS.lease_ms, call_ms=SETTINGS.call_ms
    )
    try:
        played = await play_wheel(wheel, tape.wheel)
    finally:
        await wheel.close()

    assert played.different == []
    assert played.compared > 300
