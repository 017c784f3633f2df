"""What was seen of the ledger, kept on the wheel: it is there when Postgres is put back to an earlier state.

One sorted set, whose scores only rise: the highest beat of each installation, when it was seen, and when each
journal was last in use. Lost with the wheel it is made anew within a second.
"""

from __future__ import annotations

from typing import Any

import msgspec

from scheduler.domain.time import Ms
from scheduler.wheel.client import our_errors
from scheduler.wheel.keys import checked_word, witness_key
from scheduler.wheel.wheel import TimingWheel

SHARD = 0
"""Every installation has it."""


class Witnessed(msgspec.Struct, frozen=True):
    """The highest beat, and when it was seen; 0 where the wheel knows none."""

    beat: int = 0
    at_ms: Ms = 0


async def witness(wheel: TimingWheel, installation: str, beat: int, journal: str | None, now_ms: Ms) -> None:
    """Remember this beat, unless a higher one is known. Raises ServerUnavailable."""
    seen = [beat, f"beat:{checked_word(installation)}", now_ms, f"at:{installation}"]
    if journal is not None:
        seen += [now_ms, f"journal:{installation}:{checked_word(journal)}"]
    with our_errors():
        await wheel._servers.command(SHARD, "ZADD", witness_key(SHARD), "GT", *seen)


async def witnessed(wheel: TimingWheel, installation: str) -> Witnessed:
    """What the wheel remembers of this installation's ledger. Raises ServerUnavailable."""
    names = (f"beat:{checked_word(installation)}", f"at:{installation}")
    with our_errors():
        beat, at_ms = await wheel._servers.command(SHARD, "ZMSCORE", witness_key(SHARD), *names)
    return Witnessed(int(float(beat or 0)), int(float(at_ms or 0)))


async def journals_witnessed(wheel: TimingWheel, installation: str) -> dict[str, Ms]:
    """When each journal was last in use, as far as the wheel remembers. Raises ServerUnavailable."""
    with our_errors():
        said = await wheel._servers.command(SHARD, "ZRANGE", witness_key(SHARD), 0, -1, "WITHSCORES")
    begins = f"journal:{checked_word(installation)}:"
    return {
        name.removeprefix(begins): at_ms for name, at_ms in _scores(said).items() if name.startswith(begins)
    }


async def forget_journals(wheel: TimingWheel, installation: str, before_ms: Ms) -> None:
    """Those that were last in use before: their processes are gone for good. Raises ServerUnavailable."""
    known = await journals_witnessed(wheel, installation)
    old = [f"journal:{installation}:{name}" for name, at_ms in known.items() if at_ms < before_ms]
    if old:
        with our_errors():
            await wheel._servers.command(SHARD, "ZREM", witness_key(SHARD), *old)


def _scores(said: list[Any]) -> dict[str, int]:
    """A reply in pairs or, of a newer protocol, in a list of pairs."""
    pairs = [pair for pair in said if isinstance(pair, list | tuple)]
    if not pairs:
        pairs = list(zip(said[::2], said[1::2], strict=True))
    return {
        name.decode() if isinstance(name, bytes) else str(name): int(float(score)) for name, score in pairs
    }
