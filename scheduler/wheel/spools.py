"""Which processes hold news that the ledger has not heard, said on the wheel: there when Postgres is not.

Nothing is written off while such a mark stands. A mark that is lost with the wheel is made anew by its owner
at its next try. One whose owner is gone stands until another takes over its files, or is too old to count.
"""

from __future__ import annotations

from collections.abc import Iterable

from scheduler.domain.time import Ms
from scheduler.wheel.client import our_errors
from scheduler.wheel.keys import checked_word, spools_key
from scheduler.wheel.wheel import TimingWheel

SHARD = 0
"""Every installation has it."""


async def mark_spool(wheel: TimingWheel, name: str, now_ms: Ms) -> None:
    """This process holds news, as of now. Raises ServerUnavailable: then nobody knows."""
    with our_errors():
        await wheel._servers.command(SHARD, "ZADD", spools_key(SHARD), now_ms, checked_word(name))


async def unmark_spools(wheel: TimingWheel, names: Iterable[str]) -> None:
    """These hold nothing any more. Raises ServerUnavailable."""
    with our_errors():
        await wheel._servers.command(SHARD, "ZREM", spools_key(SHARD), *map(checked_word, names))


async def marked_spools(wheel: TimingWheel, since_ms: Ms) -> list[str]:
    """Those that said so at `since_ms` or later. Raises ServerUnavailable."""
    with our_errors():
        names = await wheel._servers.command(SHARD, "ZRANGE", spools_key(SHARD), since_ms, "+inf", "BYSCORE")
    return [name.decode() for name in names]
