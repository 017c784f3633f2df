"""What every world of the simulation has: its settings, hours, caps and people."""

from __future__ import annotations

from typing import Any

import msgspec

from scheduler.domain.model import Cap, Priority
from scheduler.domain.time import HOUR, Ms
from scheduler.domain.windows import BUSINESS_WEEK, week_to_api
from scheduler.flow.entries import Entry, read_entry
from scheduler.ledger.instants import to_datetime
from scheduler.settings import Settings
from tests.simulation.process import INSTALLATION
from tests.simulation.tables import Row, Store

TUESDAY_2PM: Ms = 1_781_632_800_000
"""2026-06-16T18:00:00Z: 14:00 in New York."""

CLOSES_MS: Ms = TUESDAY_2PM + 4 * HOUR
"""When the account's hours end that day: 18:00 in New York."""

SETTINGS = Settings(
    postgres_url="postgresql://simulated", redis_url="redis://simulated", lease_ms=12_000, sweep_s=12,
    overdue_s=20, reap_s=12, feed_s=60, horizon_s=600, unknown_after_s=20, write_off_s=100, seed=7,
    breaker_failures=0,
)  # fmt: skip
"""The defaults, but for periods and deadlines: shorter, so that half an hour is a whole life."""

CAPS = (Cap(3, 500),)
DIALER = {"strategy": "intervals", "intervals_s": [60, 60, 90], "max_attempts": 6, "stop_on": "converted"}
ACCOUNT: dict[str, Any] = {
    "name": "Acme",
    "frequency_caps": tuple(
        {"max": cap.max_calls, "window_s": cap.window_s, "channels": ["call"], "scope": "person"}
        for cap in CAPS
    ),
    "jitter_max_s": 30,
}


def _entries() -> list[Entry]:
    """Nobody's numbers, all of New York, some of them live leads."""
    found = []
    for number in range(6):
        priority = Priority.LIVE if number % 3 == 0 else Priority.BULK
        entry = read_entry(
            phone=f"+1212555010{number}", external_id=f"x{number}", priority=priority, consent={"basis": "t"}
        )
        assert isinstance(entry, Entry)
        found.append(entry)
    return found


ENTRIES = _entries()


def furnish(store: Store, now_ms: Ms, most_calls: int, per_s: float | None) -> None:
    """One account, limited to so many calls at once and dials a second, with one agent."""
    now = to_datetime(now_ms)
    store.tables["installation"] = {1: {"installation_id": INSTALLATION.installation_id, "shards": 1}}
    account: Row = {
        "account_id": 1,
        "timezone": "America/New_York",
        "windows": _json(week_to_api(BUSINESS_WEEK)),
        "live_after_hours": False,
        "strict": True,
        "max_concurrent": most_calls,
        "max_dials_per_s": per_s,
        "frequency_caps": _json(ACCOUNT["frequency_caps"]),
        "jitter_max_s": ACCOUNT["jitter_max_s"],
        "simulated": True,
        "paused": False,
        "pause_reason": None,
        "version": 1,
        "updated_at": now,
    }
    agent: Row = {
        "agent_id": 1,
        "account_id": 1,
        "voice": "ai",
        "timezone": None,
        "windows": None,
        "auto_dialer": _json(DIALER),
        "paused": False,
        "policy_version": 1,
    }
    store.tables["account"] = {1: account}
    store.tables["agent"] = {1: agent}


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
