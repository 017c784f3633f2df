"""The ledger's tables, as much of them as the modelled statements touch."""

from __future__ import annotations

from tests.simulation.tables import Row, Schema, Unique

WAITING = frozenset({"scheduled", "waiting_callback"})
LIVE = frozenset({"armed", "accepted", "unknown", "ringing", "in_call"})


def _lead_of_active(loop: Row) -> int | None:
    return None if loop["status"] == "ended" else loop["lead_id"]


def _lead_of_live(attempt: Row) -> int | None:
    return attempt["lead_id"] if attempt["state"] in LIVE else None


def _external(lead: Row) -> tuple[int, str] | None:
    return None if lead["external_id"] is None else (lead["account_id"], lead["external_id"])


def _lead_of_open(callback: Row) -> int | None:
    return callback["lead_id"] if callback["status"] in ("scheduled", "due") else None


SCHEMAS = {
    "installation": Schema(lambda row: 1),
    "wheel_epoch": Schema(lambda row: row["shard"]),
    "account": Schema(lambda row: row["account_id"], identity="account_id"),
    "agent": Schema(lambda row: row["agent_id"], identity="agent_id"),
    "place": Schema(
        lambda row: row["place_id"],
        (Unique("place", lambda row: (row["zones"], row["regions"], row["own_zones"], row["source"])),),
        identity="place_id",
    ),
    "lane": Schema(
        lambda row: row["lane_id"],
        (Unique("lane", lambda row: (row["agent_id"], row["class"], row["batch_id"], row["place_id"])),),
        identity="lane_id",
    ),
    "lead": Schema(
        lambda row: row["lead_id"],
        (
            Unique("lead_phone", lambda row: (row["account_id"], row["phone"])),
            Unique("lead_external_id", _external),
        ),
        identity="lead_id",
    ),
    "loop": Schema(
        lambda row: row["loop_id"],
        (Unique("loop_active", _lead_of_active),),
        (
            lambda row: (row["status"] in WAITING) == (row["next_at"] is not None),
            lambda row: (row["status"] == "ended") == (row["end_reason"] is not None),
        ),
        identity="loop_id",
    ),
    "attempt": Schema(
        lambda row: row["attempt_id"],
        (
            Unique("attempt_loop_n", lambda row: (row["loop_id"], row["n"])),
            Unique("attempt_live", _lead_of_live),
        ),
        (lambda row: (row["state"] == "done") == (row["outcome"] is not None),),
        identity="attempt_id",
    ),
    "arm": Schema(lambda row: (row["attempt_id"], row["permit"])),
    "provider_event": Schema(lambda row: (row["attempt_id"], row["provider"], row["event_id"])),
    "suppression": Schema(lambda row: (row["account_id"], row["phone"])),
    "callback": Schema(
        lambda row: row["callback_id"], (Unique("callback_open", _lead_of_open),), identity="callback_id"
    ),
    "audit": Schema(lambda row: row["audit_id"], identity="audit_id"),
}
