"""Asking the wheel of a shard for claims, and keeping their leases; none is lost with its answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

import structlog

from scheduler.clock import Clock
from scheduler.domain.time import SECOND, Ms
from scheduler.errors import EpochNotReady
from scheduler.flow.context import Flow
from scheduler.wheel import Claim

log = structlog.get_logger()

LATE_S = 1.0
"""A claim that is answered later than this spent tokens of another second than that in which its calls would
leave: it is given back, unless the one before was as late. So a wheel that is always slow is dialled from."""


class Asker:
    """`name` is unique among all who ask: by it a claim whose answer was lost is answered again."""

    def __init__(
        self, flow: Flow, clock: Clock, *, shard: int, name: str, new_id: Callable[[], UUID]
    ) -> None:
        self._wheel = flow.wheel
        self._clock = clock
        self._shard = shard
        self._name = name
        self._new_id = new_id
        self._epoch: str | None = None
        self._asked: tuple[str, float] | None = None  # id and instant of a claim that is not answered
        self._was_late = False
        self.renew_after_s = flow.wheel.lease_ms / SECOND / 3
        self.leased_s = 0.0
        """Since when the leases of the last claim run, at least."""

    @property
    def unanswered(self) -> bool:
        """A claim's answer was lost: it is asked for before anything else."""
        return self._asked is not None

    async def claim(self, limit: int, ahead_ms: Ms) -> tuple[list[Claim], Ms | None]:
        """Claim, or ask again for the claim whose answer was lost, under its id. Answers what is ours, and
        when to ask again.

        Raises EpochNotReady: the wheel was lost, and every lease with it.
        """
        if self._asked is None:
            self._asked = (self._new_id().hex, self._clock.monotonic_s())
        claim_id, self.leased_s = self._asked
        try:
            claimed = await self._wheel.claim(
                self._shard,
                worker=self._name,
                claim_id=claim_id,
                limit=limit,
                now_ms=self._clock.now_ms(),
                wall_ms=self._clock.wall_ms(),
                epoch=await self._current_epoch(),
                ahead_ms=ahead_ms,
            )
        except EpochNotReady:
            self._epoch = self._asked = None
            raise
        claims = claimed.claims
        if claims and self.is_old(self.leased_s):
            stale = set(await self.extend(claims))
            claims = [claim for claim in claims if claim not in stale]
        self._asked = None
        return claims, claimed.wake_at_ms

    def came_late(self, claims: Sequence[Claim]) -> bool:
        """Whether what was just claimed is to be given back."""
        late = self._clock.monotonic_s() - self.leased_s > LATE_S and not self._was_late
        self._was_late = late
        if claims and late:
            log.info("claims_came_late", shard=self._shard, loops=len(claims))
        return bool(claims) and late

    async def extend(self, claims: Sequence[Claim]) -> list[Claim]:
        """Lease these anew; answers those that are another's by now."""
        stale = await self._wheel.extend(claims, self._clock.wall_ms())
        if stale:
            log.warning("leases_lost", shard=self._shard, loops=len(stale))
        return stale

    def is_old(self, leased_s: float) -> bool:
        """Whether a third of a lease that runs since then is over."""
        return self._clock.monotonic_s() - leased_s >= self.renew_after_s

    async def _current_epoch(self) -> str:
        if self._epoch is None:
            self._epoch = await self._wheel.epoch(self._shard)
        if self._epoch is None:
            raise EpochNotReady("the wheel is not ready", "it is being rebuilt", "wait a moment")
        return self._epoch
