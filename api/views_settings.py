"""Rows of accounts and agents as the API shows them."""

from __future__ import annotations

import msgspec

from api.instants import utc
from api.schemas_account import Account, FrequencyCap
from api.schemas_agents import Agent, AutoDialer
from api.weeks import show_week
from scheduler.domain.model import DEFAULT_INTERVALS_S
from scheduler.flow import policies
from scheduler.ledger.database import Row
from scheduler.public_ids import PublicIds


def account(row: Row, ids: PublicIds) -> Account:
    return Account(
        id=ids.write("acc", row["account_id"]),
        object="account",
        created_at=utc(row["created_at"]),
        updated_at=utc(row["updated_at"]),
        name=row["name"],
        timezone=row["timezone"],
        windows=show_week(row["windows"]),
        live_after_hours=row["live_after_hours"],
        strict=row["strict"],
        max_concurrent=row["max_concurrent"],
        max_dials_per_s=row["max_dials_per_s"],
        frequency_caps=msgspec.json.decode(row["frequency_caps"], type=list[FrequencyCap]),
        jitter_max_s=row["jitter_max_s"],
        paused=row["paused"],
        pause_reason=row["pause_reason"],
    )


def agent(row: Row, ids: PublicIds) -> Agent:
    return Agent(
        id=ids.write("agt", row["agent_id"]),
        object="agent",
        created_at=utc(row["created_at"]),
        updated_at=utc(row["updated_at"]),
        name=row["name"],
        voice=row["voice"],
        timezone=row["timezone"],
        windows=None if row["windows"] is None else show_week(row["windows"]),
        auto_dialer=auto_dialer(policies.read_dialer(row["auto_dialer"]), ids),
        paused=row["paused"],
        trunk_id=ids.write_or_none("trk", row["trunk_id"]),
        caller_id_pool_id=ids.write_or_none("cip", row["caller_id_pool_id"]),
    )


def auto_dialer(dialer: policies.AutoDialer, ids: PublicIds) -> AutoDialer:
    """With the limits that are in force, stated or by the strategy."""
    max_attempts, max_retry_days = policies.limits_of(dialer)
    return AutoDialer(
        enabled=dialer.enabled,
        strategy=dialer.strategy,
        intensity=dialer.intensity,
        intervals_s=list(DEFAULT_INTERVALS_S if dialer.intervals_s is None else dialer.intervals_s),
        cadence_id=ids.write_or_none("cad", dialer.cadence_id),
        max_attempts=max_attempts,
        max_retry_days=max_retry_days,
        immediate_callback=dialer.immediate_callback,
        stop_on=dialer.stop_on,
        max_consecutive_errors=dialer.max_consecutive_errors,
        live_after_hours=dialer.live_after_hours,
    )
