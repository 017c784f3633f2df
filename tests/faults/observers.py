"""What a process under test saw that leaves no trace elsewhere, told to its parent as `SAW <what>`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from redis.exceptions import NoScriptError, OutOfMemoryError

from dialer import news
from scheduler.errors import EpochNotReady
from scheduler.wheel import TimingWheel
from scheduler.wheel.client import OneServer
from scheduler.wheel.cluster import ClusterServers


def observe(say: Callable[[str], None]) -> None:
    """Put observers around the wheel of this process; each thing is told once."""
    told: set[str] = set()

    def saw(what: str) -> None:
        if what not in told:
            told.add(what)
            say(f"SAW {what}")

    _around_claims(saw)
    _around_settles(saw)
    _around_commands(saw)
    _around_news(saw)


def _around_claims(saw: Callable[[str], None]) -> None:
    claim = TimingWheel.claim

    async def claimed(self: TimingWheel, *args: Any, **how: Any) -> Any:
        try:
            return await claim(self, *args, **how)
        except EpochNotReady:
            saw("epoch refused a claim")
            raise

    TimingWheel.claim = claimed  # type: ignore[method-assign]


def _around_settles(saw: Callable[[str], None]) -> None:
    settle, extend = TimingWheel.settle, TimingWheel.extend

    async def settled(self: TimingWheel, **how: Any) -> Any:
        stale = await settle(self, **how)
        if stale:
            saw("STALE on settle")
        return stale

    async def extended(self: TimingWheel, *args: Any, **how: Any) -> Any:
        stale = await extend(self, *args, **how)
        if stale:
            saw("STALE on extend")
        return stale

    TimingWheel.settle = settled  # type: ignore[method-assign]
    TimingWheel.extend = extended  # type: ignore[method-assign]


def _around_commands(saw: Callable[[str], None]) -> None:
    for servers in (OneServer, ClusterServers):
        _around_command(servers, saw)


def _around_command(servers: type[OneServer | ClusterServers], saw: Callable[[str], None]) -> None:
    command = servers.command

    async def commanded(self: Any, *args: Any, **how: Any) -> Any:
        try:
            return await command(self, *args, **how)
        except NoScriptError:
            saw("script loaded again")
            raise
        except OutOfMemoryError:
            saw("refused for want of memory")
            raise

    servers.command = commanded  # type: ignore[method-assign]


def _around_news(saw: Callable[[str], None]) -> None:
    fold = news._fold_sent

    def folded(report: Any, answer: Any) -> None:
        if answer.result is None:
            saw("gate shut")
        fold(report, answer)

    news._fold_sent = folded
