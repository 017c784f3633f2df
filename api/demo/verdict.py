"""The simulator's own ledger of rings against the law and the agents' windows, read anew."""

from __future__ import annotations

from typing import Any

import msgspec

from api.referee import Facts, Verdict, judge
from dialer.providers.rings import RingLedger
from scheduler.ledger.books import referee_facts
from scheduler.ledger.database import Database


async def judge_rings(database: Database, account_id: int, rings: RingLedger) -> Verdict:
    """Every ring so far, of all runs on this data."""
    phones, agents = await referee_facts(database, account_id)
    settings = {agent_id: _settings(row) for agent_id, row in agents.items()}
    facts: dict[str, Facts] = {}
    for row in phones:
        agent = settings[row["agent_id"]]
        facts[row["phone"]] = Facts(
            **agent["facts"],
            stated_zone=row["stated_zone"],
            stated_region=row["stated_region"],
            after_hours=agent["live_after_hours"] and row["priority"] == "live",
        )
    return judge(rings, facts.__getitem__)


def _settings(row: Any) -> dict[str, Any]:
    dialer = msgspec.json.decode(row["auto_dialer"])
    own = dialer.get("live_after_hours")
    return {
        "live_after_hours": row["live_after_hours"] if own is None else own,
        "facts": {
            "windows": msgspec.json.decode(row["windows"]),
            "account_zone": row["timezone"],
            "voice": row["voice"],
            "strict": row["strict"],
            "no_call_days": tuple(
                {**day, "repeat": "yearly" if day["yearly"] else "none"}
                for day in msgspec.json.decode(row["no_call_days"])
            ),
            "caps": tuple(
                {"max": cap["max"], "window_s": cap["window_s"]}
                for cap in msgspec.json.decode(row["frequency_caps"])
                if "call" in cap.get("channels", ("call",))
            ),
        },
    }
