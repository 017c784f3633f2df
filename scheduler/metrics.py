"""What Prometheus is told, under the names of the API contract.

One registry for each app, never the library's global one: a process may hold several. Labels are of small
sets (outcome, route template, shard): no id, no phone, no tenant.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import nan
from typing import TypeAlias

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from scheduler.errors import DialwheelError

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_LAG_S = (0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.125, 0.25, 0.5, 1, 2, 5, 15, 60, 300)
_GAP_S = (5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 5e-3, 2e-2, 0.1, 1)
_HTTP_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)


class Depths(msgspec.Struct, frozen=True):
    """How full the wheel is at the moment of a scrape."""

    depth: int
    overdue: int
    in_flight: int
    ticker_ages_s: list[float]
    """Of each shard, since a dialer last asked it for work; infinite where none has."""


ReadDepths: TypeAlias = Callable[[], Awaitable[Depths]]


class Metrics:
    """The counters of one app, and the gauges that are read when somebody looks."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        on = self.registry
        self._due = Counter("dialwheel_due", "Attempts whose time came and that were claimed", registry=on)
        self._dispatched = Counter("dialwheel_dispatched", "Attempts handed to a provider", registry=on)
        self._attempts = Counter("dialwheel_attempts", "Attempts that ended", ["outcome"], registry=on)
        self._lag = Histogram(
            "dialwheel_dispatch_lag_seconds", "From due to dispatched", buckets=_LAG_S, registry=on
        )
        self._claim_lag = Histogram(
            "dialwheel_claim_lag_seconds",
            "From due to taken in hand for a permit, in real time",
            buckets=_LAG_S,
            registry=on,
        )
        self._gate_gap = Histogram(
            "dialwheel_gate_gap_seconds",
            "From the gate's look at the first call of a send to the provider's being asked",
            buckets=_GAP_S,
            registry=on,
        )
        self._clock_skew = Gauge(
            "dialwheel_clock_skew_seconds", "How far apart two clocks are at least", registry=on
        )
        self._breakers = Gauge(
            "dialwheel_breakers_open", "Trunks and agents through which nothing gets", registry=on
        )
        self._ingested = Counter("dialwheel_ingest_rows", "Rows received by imports", registry=on)
        self._webhooks = Counter(
            "dialwheel_webhook_deliveries", "Tries to send to webhooks", ["result"], registry=on
        )
        self._http = Histogram(
            "dialwheel_http_request_seconds",
            "Time to answer a request",
            ["method", "route", "status"],
            buckets=_HTTP_S,
            registry=on,
        )
        self._gauges: tuple[Gauge, ...] = ()
        self._ticker_age = Gauge(
            "dialwheel_ticker_age_seconds",
            "Since a dialer last asked for work on the shard",
            ["shard"],
            registry=on,
        )
        self._read_depths: ReadDepths | None = None

    def due(self, attempts: int) -> None:
        self._due.inc(attempts)

    def claimed(self, *lags_s: float) -> None:
        """Attempts are taken in hand, each so many real seconds after it was due."""
        for lag_s in lags_s:
            self._claim_lag.observe(lag_s)

    def gate_gap(self, seconds: float) -> None:
        """In which a freeze of the process could make a call late, for all that was checked."""
        self._gate_gap.observe(seconds)

    def clock_skew(self, seconds: float) -> None:
        """The largest difference of two of the clocks that are in play."""
        self._clock_skew.set(seconds)

    def breakers_open(self, breakers: int) -> None:
        self._breakers.set(breakers)

    def dispatched(self, *lags_s: float) -> None:
        """Attempts left, each so long after it was due."""
        self._dispatched.inc(len(lags_s))
        for lag_s in lags_s:
            self._lag.observe(lag_s)

    def attempt_ended(self, outcome: str, attempts: int = 1) -> None:
        self._attempts.labels(outcome).inc(attempts)

    def ingested(self, rows: int) -> None:
        self._ingested.inc(rows)

    def webhook_delivery(self, result: str) -> None:
        """One try: `delivered`, `retried` (to be tried again) or `failed` for good."""
        self._webhooks.labels(result).inc()

    def http(self, route: str, method: str, status: int, seconds: float) -> None:
        """`route` is the template, such as `/v1/leads/{id}`, never the path itself."""
        self._http.labels(method, route, str(status)).observe(seconds)

    def on_scrape(self, read_depths: ReadDepths) -> None:
        """Where the gauges come from; a process that cannot tell has none, rather than zeros."""
        on = self.registry
        self._read_depths = read_depths
        self._gauges = self._gauges or (
            Gauge("dialwheel_wheel_depth", "Attempts that wait on the wheel", registry=on),
            Gauge("dialwheel_overdue", "Attempts past their time", registry=on),
            Gauge("dialwheel_in_flight", "Calls under way", registry=on),
        )

    async def render(self) -> bytes:
        """Prometheus' text. With the wheel away the gauges are not a number, and no shard has an age, rather
        than an old one."""
        if self._read_depths is not None:
            try:
                depths = await self._read_depths()
            except DialwheelError:
                values: tuple[float, ...] = (nan,) * 3
                self._ticker_age.clear()
            else:
                values = (depths.depth, depths.overdue, depths.in_flight)
                for shard, age_s in enumerate(depths.ticker_ages_s):
                    self._ticker_age.labels(str(shard)).set(age_s)
            for gauge, value in zip(self._gauges, values, strict=True):
                gauge.set(value)
        return generate_latest(self.registry)
