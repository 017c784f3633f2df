"""Settings of account and agent, compiled into the one value that the planner takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from scheduler.domain.model import DEFAULT_INTERVALS_S, Cap, NoCallDay, Policy
from scheduler.domain.strategies.intervals import check_intervals
from scheduler.domain.windows import week_from_api
from scheduler.errors import NotFound
from scheduler.ledger.database import Connection, Database, Row


class AutoDialer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An agent's dialing settings as the API writes them; null means the strategy's own default."""

    enabled: bool = True
    strategy: Literal["followup", "smart", "intervals"] = "followup"
    intensity: Literal["aggressive", "moderate", "conservative"] = "moderate"
    intervals_s: tuple[int, ...] | None = None
    max_attempts: int | None = None
    max_retry_days: int | None = None
    immediate_callback: bool = True
    stop_on: Literal["reached", "converted"] | None = None
    max_consecutive_errors: int = 2
    live_after_hours: bool | None = None


class FrequencyCap(msgspec.Struct, frozen=True):
    """An account's own cap as the API writes it."""

    max: int
    window_s: int
    channels: tuple[str, ...] = ("call",)
    scope: str = "person"


class AgentPolicy(msgspec.Struct, frozen=True):
    """A policy and whose it is. `enabled`: whether enrolment starts a loop."""

    agent_id: int
    account_id: int
    policy: Policy
    enabled: bool
    account_paused: bool
    agent_paused: bool


class Policies:
    """Compiled policies by agent, kept for as long as their version is current.

    A stale one does no harm: the arm refuses what was planned under an old version and plans it again.
    """

    def __init__(self, database: Database, *, seed: int) -> None:
        self._database = database
        self._seed = seed
        self._known: dict[int, AgentPolicy] = {}

    async def of_agent(self, agent_id: int, on: Connection | None = None) -> AgentPolicy:
        """The policy as the ledger has it now. Raises NotFound."""
        await self._load([agent_id], on)
        if agent_id not in self._known:
            raise NotFound("no such agent")
        return self._known[agent_id]

    async def of_versions(
        self, versions: dict[int, int], on: Connection | None = None
    ) -> dict[int, AgentPolicy]:
        """Policies by agent id, read anew only where `versions` (agent id -> current version) says so."""
        stale = [
            agent_id
            for agent_id, version in versions.items()
            if agent_id not in self._known or self._known[agent_id].policy.version != version
        ]
        if stale:
            await self._load(stale, on)
        return {agent_id: self._known[agent_id] for agent_id in versions}

    async def _load(self, agent_ids: Iterable[int], on: Connection | None) -> None:
        for row in await self._database.fetch("policy_of_agents", list(agent_ids), on=on):
            self._known[row["agent_id"]] = compile_policy(row, self._seed)


def compile_policy(row: Row | dict[str, Any], seed: int) -> AgentPolicy:
    """A row of `policy_of_agents` as a policy. Raises SettingsError for intervals out of range."""
    dialer = msgspec.json.decode(row["auto_dialer"], type=AutoDialer)
    followup, smart = dialer.strategy == "followup", dialer.strategy == "smart"
    intervals_s = DEFAULT_INTERVALS_S if dialer.intervals_s is None else dialer.intervals_s
    check_intervals(intervals_s)
    caps = msgspec.json.decode(row["frequency_caps"], type=tuple[FrequencyCap, ...])
    after_hours = dialer.live_after_hours
    max_attempts, max_retry_days = dialer.max_attempts, dialer.max_retry_days
    if max_attempts is None and max_retry_days is None:
        max_attempts, max_retry_days = (None, 7) if smart else (7, None)
    policy = Policy(
        version=row["policy_version"],
        strategy=dialer.strategy,
        zone=row["timezone"],
        windows=week_from_api(msgspec.json.decode(row["windows"])),
        intensity=dialer.intensity,
        max_attempts=max_attempts,
        max_retry_days=max_retry_days,
        immediate_callback=dialer.immediate_callback,
        stop_on=dialer.stop_on or ("converted" if followup else "reached"),
        max_consecutive_errors=dialer.max_consecutive_errors,
        voice=row["voice"],
        strict=row["strict"],
        live_after_hours=row["live_after_hours"] if after_hours is None else after_hours,
        no_call_days=tuple(
            NoCallDay(date, label)
            for date, label in zip(row["no_call_dates"], row["no_call_labels"], strict=True)
        ),
        frequency_caps=tuple(Cap(cap.max, cap.window_s) for cap in caps),
        jitter_max_s=row["jitter_max_s"],
        seed=seed,
        intervals_s=intervals_s,
    )
    return AgentPolicy(
        row["agent_id"],
        row["account_id"],
        policy,
        dialer.enabled,
        row["account_paused"],
        row["agent_paused"],
    )
