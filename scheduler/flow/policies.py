"""Settings of account and agent, compiled into the one value that the planner takes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from scheduler.domain.cadence_form import CadenceForm, cadence_of
from scheduler.domain.model import DEFAULT_INTERVALS_S, Cadence, Cap, Closure, NoCallDay, Policy
from scheduler.domain.strategies.intervals import check_intervals
from scheduler.domain.windows import week_from_api
from scheduler.errors import LedgerRefused, NotFound
from scheduler.ledger.cadences import versions
from scheduler.ledger.database import Connection, Database, Row


class AutoDialer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An agent's dialing settings as the API writes them, but for the cadence, which stands by its number;
    null means the strategy's own default."""

    enabled: bool = True
    strategy: Literal["followup", "smart", "intervals", "cadence"] = "followup"
    intensity: Literal["aggressive", "moderate", "conservative"] = "moderate"
    intervals_s: tuple[int, ...] | None = None
    cadence_id: int | None = None
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
    """A policy and whose it is. `enabled`: whether enrolment starts a loop. `cadence_id`: what leads follow
    that name no cadence, where the agent's strategy is that; its policy then lacks it still. `in_cadences`:
    the policy for loops that follow one, but for the cadence itself. `deleted`: it takes in nobody any more.
    """

    agent_id: int
    account_id: int
    policy: Policy
    enabled: bool
    account_paused: bool
    agent_paused: bool
    in_cadences: Policy
    cadence_id: int | None = None
    deleted: bool = False


Follows: TypeAlias = tuple[int, int]
"""A cadence and the version of it."""

MOST_KEPT = 2_000
"""Policies of cadences, and cadences, that are kept compiled; more than are in use at a time."""


class Policies:
    """Compiled policies by agent, kept for as long as their version is current, and by agent and version of a
    cadence, which never changes.

    A stale one does no harm: the arm refuses what was planned under an old version and plans it again.
    """

    def __init__(self, database: Database, *, seed: int) -> None:
        self._database = database
        self._seed = seed
        self._known: dict[int, AgentPolicy] = {}
        self._cadences: dict[Follows, Cadence] = {}
        self._composed: dict[tuple[int, int, Follows], Policy] = {}

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

    async def of_loops(self, rows: Sequence[Row], on: Connection | None = None) -> list[Policy]:
        """The policy that each of these loops is to follow now: rows with `agent_id`, `policy_version`,
        `follows` and `follows_version`."""
        agents = await self.of_versions({row["agent_id"]: row["policy_version"] for row in rows}, on)
        await self.cadences({follows for row in rows if (follows := follows_of(row)) is not None}, on)
        return [self._composed_of(agents[row["agent_id"]], follows_of(row)) for row in rows]

    async def in_cadence(
        self, agent: AgentPolicy, follows: Follows | None, on: Connection | None = None
    ) -> Policy:
        """The agent's policy with the cadence composed in; without one its own."""
        if follows is not None:
            await self.cadences([follows], on)
        return self._composed_of(agent, follows)

    async def cadences(
        self, wanted: Collection[Follows], on: Connection | None = None
    ) -> dict[Follows, Cadence]:
        """These versions, compiled. Raises LedgerRefused for one that does not exist."""
        missing = [follows for follows in wanted if follows not in self._cadences]
        if missing:
            found = await versions(self._database, missing, on)
            if len(self._cadences) + len(found) > MOST_KEPT:
                self._cadences.clear()
                missing = list(wanted)
                found = await versions(self._database, missing, on)
            for follows in missing:
                if follows not in found:
                    raise LedgerRefused(f"no version {follows[1]} of a cadence")
                form = msgspec.json.decode(found[follows], type=CadenceForm)
                self._cadences[follows] = cadence_of(form, str(follows[0]), follows[1])
        return {follows: self._cadences[follows] for follows in wanted}

    def _composed_of(self, agent: AgentPolicy, follows: Follows | None) -> Policy:
        """From what is loaded."""
        if follows is None:
            return agent.policy
        key = (agent.agent_id, agent.policy.version, follows)
        policy = self._composed.get(key)
        if policy is None:
            if len(self._composed) >= MOST_KEPT:
                self._composed.clear()
            policy = msgspec.structs.replace(agent.in_cadences, cadence=self._cadences[follows])
            self._composed[key] = policy
        return policy

    async def read(self, agent_ids: Iterable[int], on: Connection | None = None) -> dict[int, AgentPolicy]:
        """Policies by agent as this transaction sees them. They are not kept: it may be taken back."""
        rows = await self._database.fetch("policy_of_agents", list(agent_ids), on=on)
        return {row["agent_id"]: compile_policy(row, self._seed) for row in rows}

    def apart(self) -> Policies:
        """Others that know nothing yet: for what may be taken back."""
        return Policies(self._database, seed=self._seed)

    def as_if(self, agents: Mapping[int, AgentPolicy]) -> Policies:
        """Policies as they would be if these agents' were in force, whatever version the ledger names."""
        return _AsIf(self._database, self._seed, agents)

    def forget(self) -> None:
        """Read everything anew."""
        self._known.clear()

    async def _load(self, agent_ids: Iterable[int], on: Connection | None) -> None:
        self._known |= await self.read(agent_ids, on)


class _AsIf(Policies):
    def __init__(self, database: Database, seed: int, agents: Mapping[int, AgentPolicy]) -> None:
        super().__init__(database, seed=seed)
        self._known = dict(agents)

    async def of_versions(
        self, versions: dict[int, int], on: Connection | None = None
    ) -> dict[int, AgentPolicy]:
        return {agent_id: self._known[agent_id] for agent_id in versions}


def compile_policy(row: Row | dict[str, Any], seed: int) -> AgentPolicy:
    """A row of `policy_of_agents` as a policy. Raises SettingsError for intervals out of range."""
    dialer = read_dialer(row["auto_dialer"])
    followup, cadence = dialer.strategy == "followup", dialer.strategy == "cadence"
    intervals_s = DEFAULT_INTERVALS_S if dialer.intervals_s is None else dialer.intervals_s
    check_intervals(intervals_s)
    caps = msgspec.json.decode(row["frequency_caps"], type=tuple[FrequencyCap, ...])
    after_hours = dialer.live_after_hours
    max_attempts, max_retry_days = limits_of(dialer)
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
        no_call_days=msgspec.json.decode(row["no_call_days"], type=tuple[NoCallDay, ...]),
        closures=msgspec.json.decode(row["closures"], type=tuple[Closure, ...]),
        frequency_caps=tuple(Cap(cap.max, cap.window_s) for cap in caps if "call" in cap.channels),
        jitter_max_s=row["jitter_max_s"],
        seed=seed,
        intervals_s=intervals_s,
        consent_required=row["voice"] == "ai" and not row["simulated"],
    )
    return AgentPolicy(
        row["agent_id"],
        row["account_id"],
        policy,
        dialer.enabled,
        row["account_paused"],
        row["agent_paused"],
        policy if cadence else _in_cadences(policy, dialer),
        dialer.cadence_id if cadence else None,
        row["deleted"],
    )


def read_dialer(encoded: str) -> AutoDialer:
    """An agent's dialing settings out of their column."""
    return msgspec.json.decode(encoded, type=AutoDialer)


def limits_of(dialer: AutoDialer) -> tuple[int | None, int | None]:
    """Attempts and days at most: as stated, or where neither is, as the strategy has it."""
    if dialer.max_attempts is None and dialer.max_retry_days is None:
        return {"smart": (None, 7), "cadence": (None, None)}.get(dialer.strategy, (7, None))
    return dialer.max_attempts, dialer.max_retry_days


def follows_of(row: Row) -> Follows | None:
    """The cadence that a loop is to follow, where its row says so."""
    return None if row["follows_version"] is None else (row["follows"], row["follows_version"])


def _in_cadences(policy: Policy, dialer: AutoDialer) -> Policy:
    """For leads of an agent with another strategy. The limits are that strategy's: a cadence ends with its
    steps."""
    return msgspec.structs.replace(
        policy,
        strategy="cadence",
        max_attempts=None,
        max_retry_days=None,
        stop_on=dialer.stop_on or "reached",
    )
