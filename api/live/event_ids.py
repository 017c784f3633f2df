"""Public ids of events: an account's own number, made opaque in a way of that account.

Numbers are each account's own, so that they tell nothing of the others; so must their ids be.
"""

from __future__ import annotations

from scheduler.public_ids import PublicIds

PREFIX = "evt_"


def write_event_id(ids: PublicIds, account_id: int, number: int) -> str:
    return PREFIX + ids.write(f"evt{account_id}", number).partition("_")[2]


def read_event_id(ids: PublicIds, account_id: int, text: str) -> int | None:
    """The number, or None for what is no event of this account."""
    if not text.startswith(PREFIX):
        return None
    kind = f"evt{account_id}"
    return ids.read(kind, f"{kind}_{text.removeprefix(PREFIX)}")
