"""What the HTTP app is built from, handed in by the assembly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from uuid import UUID

from aiohttp.abc import AbstractResolver

from api.auth import KeyRing
from api.callback_tokens import CallbackTokens
from api.intake import Intake
from api.live.feed import Feed
from api.rate_limits import RateLimits
from api.simulation import Simulation
from dialer.aside import Aside
from dialer.webhooks.names import SystemNames
from dialer.webhooks.sealing import Sealer, make_sealer
from scheduler.clock import Clock
from scheduler.flow.context import Flow
from scheduler.flow.opt_out import HangUp
from scheduler.flow.together import Together
from scheduler.insight.wheel_view import WheelViewer
from scheduler.ledger.database import Database
from scheduler.metrics import Metrics
from scheduler.public_ids import PublicIds
from scheduler.services.clock_probe import ClockProbe
from scheduler.settings import Settings

NOBODY = UUID(int=0)
"""Of an app that no provider reports to."""


def _always() -> bool:
    return True


@dataclass(frozen=True)
class Deps:
    """Stores, clock and ports of one app.

    `id_key`: the installation's. `hang_up`: ends calls at the provider, for opt-outs. `started`: whether the
    parts of this process are up, `probe`: how the clocks are, for `/readyz`. `resolver`: who looks up names
    of webhooks, if not the system. Reports of providers go into `ledger` (None: as the rest), and wait in
    `aside` while it is away (None: with the provider); `provider_secrets` sign them: the newest first, none
    where none are taken. `simulation`: of the simulator in this process, where it carries all calls.
    """

    settings: Settings
    clock: Clock
    flow: Flow
    id_key: bytes
    hang_up: HangUp
    metrics: Metrics = field(default_factory=Metrics)
    started: Callable[[], bool] = _always
    installation_id: UUID = NOBODY
    ledger: Database | None = None
    aside: Aside | None = None
    provider_secrets: Sequence[bytes] = ()
    probe: ClockProbe | None = None
    resolver: AbstractResolver | None = None
    simulation: Simulation | None = None

    @cached_property
    def ids(self) -> PublicIds:
        return PublicIds(self.id_key)

    @cached_property
    def keys(self) -> KeyRing:
        return KeyRing(self.flow.database, self.id_key, self.clock)

    @cached_property
    def callback_tokens(self) -> CallbackTokens:
        return CallbackTokens(self.id_key)

    @cached_property
    def sealer(self) -> Sealer:
        return make_sealer(self.id_key, self.settings.webhook_key_file)

    @cached_property
    def names(self) -> AbstractResolver:
        return self.resolver or SystemNames()

    @cached_property
    def intake(self) -> Intake:
        return Intake(self.settings)

    @cached_property
    def together(self) -> Together:
        """Leads that come one by one."""
        return Together(self.flow)

    @cached_property
    def rate_limits(self) -> RateLimits:
        return RateLimits(self.flow.wheel, self.clock, self.settings, self.id_key)

    @cached_property
    def wheel_viewer(self) -> WheelViewer:
        return WheelViewer(self.flow, self.clock)

    @cached_property
    def feed(self) -> Feed:
        """Live events and ticks."""
        return Feed(
            self.flow.database,
            self.ids,
            self.clock,
            self.wheel_viewer,
            per_account=self.settings.streams_per_account,
            at_once=self.settings.streams_at_once,
        )
