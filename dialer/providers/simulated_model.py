"""What a simulated phone network does with a call: shares, times and faults, drawn from keyed hashes.

Nothing here keeps state: the same seed, number, local hour, attempt number and count of earlier tries in
the same part of the day give the same fate, on every machine and in every installation. Faults of the request
and of its callbacks are drawn from the instant as well, so that a repeated request is not refused for ever.

Sources of the defaults: "read" names a published figure, "assumed" marks our own choice.
"""

from __future__ import annotations

from hashlib import blake2b
from math import exp, log
from statistics import NormalDist
from struct import Struct as Layout
from typing import Any, NamedTuple

import msgspec

_DRAWS = Layout("<16I")
_UNIT = 2.0**-32
_TABLE = 4096
_NORMAL = tuple(NormalDist().inv_cdf((i + 0.5) / _TABLE) for i in range(_TABLE))
"""Quantiles of the normal distribution: a lognormal draw is one look-up."""

HUMAN_SHARES = {"cold": 0.12, "identified": 0.30, "warm": 0.45}
"""Share answered by a person: unknown caller id, one that shows a known name, someone who asked for the call.
Read: an analytics vendor's reports gave 24 % (2018) and 6 % (2021) for unidentified calls, its survey 21 %
against 68 %."""


_LENGTHS = (
    "ring_floor_s",
    "talk_mean_s",
    "talk_median_s",
    "latency_median_ms",
    "latency_p99_ms",
    "time_scale",
)


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters. Shares and rates are 0 to 1, any fault alone may be 1; lengths carry their unit."""

    human: float = HUMAN_SHARES["cold"]
    voicemail: float = 0.45
    """Read: 41 % of outbound calls; elsewhere 24.5 M voicemails to 17.2 M conversations."""
    busy: float = 0.04
    """Read: 3 to 6 % in dialer logs."""
    fax: float = 0.01
    dead: float = 0.02
    """Of a list; 0.10 for random digits. Read: dialer logs."""
    refused: float = 0.002
    """Numbers whose owner lets the network refuse every such call (SIP 607). Assumed."""
    blocked: float = 0.01
    """Calls that the network refuses because of our caller id (SIP 603+). Assumed."""
    blocked_per_100_calls: float = 0.002
    """Rise of `blocked` with each hundred calls that a named caller id made on the same UTC day. Assumed."""

    early_answers: float = 0.65
    """Answers after 6 to 10 s of ringing; the others after 18 to 22 s. Read: two peaks in dialer logs."""
    ring_floor_s: int = 15
    """A call rings at least this long whatever was asked for: 47 CFR 64.1200(a)(6), 15 s or four rings."""
    talk_mean_s: float = 120.0
    talk_median_s: float = 45.0
    """Read: mean 2:03; rejected calls 38 s, others 1:42."""
    latency_median_ms: float = 120.0
    latency_p99_ms: float = 1_500.0
    """Request to first ring. Assumed."""
    fatigue: float = 0.8
    """Factor on the answer for each try after the second in one part of the day; 1 counts none. Assumed."""
    amd_right: float = 0.94
    amd_unknown: float = 0.03
    """Verdicts of answering machine detection; unknown is treated as a person. Read: a vendor's page."""

    converted: float = 0.08
    callback: float = 0.10
    appointment: float = 0.04
    dnc: float = 0.03
    wrong_number: float = 0.01
    complaint: float = 0.002
    """What people who answer say; all others are not converted. Assumed."""

    timeout_dialled: float = 0.001
    timeout_not_dialled: float = 0.001
    server_error: float = 0.003
    server_error_dialled: float = 0.1
    """Share of the server errors behind which the phone rings all the same. Assumed."""
    route_error: float = 0.001
    silent_unknown: float = 0.5
    """Share of the calls that ring behind an unknown answer of which no callback ever comes. Assumed."""
    duplicate: float = 0.01
    swapped: float = 0.02
    late: float = 0.005
    lost: float = 0.001

    time_scale: float = 1.0
    """Factor on every length of time: 0 ends a call in the instant it is placed."""
    progress_events: bool = True
    """Report ringing and answered too, not only the end."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if name in _LENGTHS:
                if value < 0 or (value == 0 and name != "time_scale"):
                    raise ValueError(f"{name} must be above zero")
            elif not 0 <= value <= 1:
                raise ValueError(f"{name} must be between 0 and 1")
        for whole in _WHOLES:
            total = sum(getattr(self, name) for name in whole)
            if total > 1 + 1e-9:
                raise ValueError(f"{', '.join(whole)} add up to {total:.4g}: one whole has 1")


_REQUEST_FAULTS = ("timeout_dialled", "timeout_not_dialled", "server_error", "route_error")
_WHOLES = (
    ("human", "voicemail", "busy", "fax", "dead", "refused", "blocked"),
    ("converted", "callback", "appointment", "dnc", "wrong_number", "complaint"),
    _REQUEST_FAULTS,
    ("amd_right", "amd_unknown"),
)
"""Shares of the calls, of what is said, of the requests, of the answering machines."""

_EVENT_FAULTS = ("duplicate", "swapped", "late", "lost")


def quiet(**changes: Any) -> Model:
    """A network without faults."""
    return Model(**{**dict.fromkeys(_REQUEST_FAULTS + _EVENT_FAULTS, 0.0), **changes})


def instant(**changes: Any) -> Model:
    """No faults and no time: each call has rung and ended in the instant it was placed. For benchmarks."""
    return quiet(**{"time_scale": 0.0, "fatigue": 1.0, "progress_events": False, **changes})


def _hour_factors() -> tuple[float, ...]:
    """Factor on the answer for each hour of the week from Monday 00:00, on the clock of the number.

    Read: 10 to 11 best, noon 22 % under, Friday afternoon 28 % under, evenings and weekends best for
    households; the exact factors are assumed.
    """
    factors = []
    for weekday in range(7):
        for hour in range(24):
            factor = 1.0
            if hour == 12:
                factor = 0.7
            elif 8 <= hour <= 10:
                factor = 1.15
            elif 16 <= hour <= 17:
                factor = 1.25
            elif 18 <= hour <= 20:
                factor = 1.2
            if weekday == 4 and 13 <= hour <= 17:
                factor = 0.7
            if weekday >= 5:
                factor *= 1.1
            factors.append(factor)
    return tuple(factors)


HOUR_FACTORS = _hour_factors()
SLOTS = tuple(0 if h % 24 < 12 else 1 if h % 24 < 17 else 2 for h in range(168))
"""Part of the day (morning, afternoon, evening) of each hour of the week."""


class Fate(NamedTuple):
    """What happens to one call. Times are unscaled; `answered_s` is None where nothing picks up."""

    outcome: str
    latency_ms: int
    rings: bool
    ring_s: float
    answered_s: float | None
    talk_s: int
    disposition: str | None
    callback_s: int | None
    error: str | None


class Faults(NamedTuple):
    """What goes wrong around one call. `request`: "", timeout, server_error or route_error."""

    request: str
    dialled: bool
    silent: bool
    swapped: bool
    duplicate: tuple[bool, bool, bool]
    late: tuple[bool, bool, bool]
    lost: tuple[bool, bool, bool]
    late_ms: int
    duplicate_ms: int


NO_FAULTS = Faults("", True, False, False, (False,) * 3, (False,) * 3, (False,) * 3, 0, 0)


class Fortune:
    """The fates of one seed under one model."""

    def __init__(self, seed: int, model: Model) -> None:
        self.model = m = model
        key = seed.to_bytes(16, "little", signed=True)
        self._number = blake2b(key=key, person=b"number", digest_size=8)
        self._call = blake2b(key=key, person=b"call", digest_size=64)
        self._fault = blake2b(key=key, person=b"fault", digest_size=64)
        self._dead_until = int(m.dead * 2**32)
        self._fax_until = int((m.dead + m.fax) * 2**32)
        self._refused_until = int((m.dead + m.fax + m.refused) * 2**32)
        ordinary = 1 - m.dead - m.fax - m.refused
        reachable = max(ordinary - m.blocked, 1e-9)
        self.blocked = m.blocked / max(ordinary, 1e-9)
        mean = min(m.human / reachable, 1.0)
        # Reachability of a number is Beta(1, b) with this mean; its quantile is 1 - (1 - u) ** (1 / b).
        self._power = 0.0 if mean <= 0 else mean / (1 - mean) if mean < 1 else 1e9
        others = max(reachable - m.human, 1e-9)
        self._voicemail_until = m.voicemail / others
        self._busy_until = (m.voicemail + m.busy) / others
        latency_sigma = log(max(m.latency_p99_ms / m.latency_median_ms, 1.0)) / 2.3263  # z of the 99 %
        talk_sigma = (2 * log(max(m.talk_mean_s / m.talk_median_s, 1.0))) ** 0.5
        self._latencies = tuple(int(m.latency_median_ms * exp(latency_sigma * z)) for z in _NORMAL)
        self._talks = tuple(max(1, int(m.talk_median_s * exp(talk_sigma * z))) for z in _NORMAL)
        request = m.timeout_dialled + m.timeout_not_dialled + m.server_error + m.route_error
        self._fault_until = int(max(request, m.swapped, m.duplicate, m.late, m.lost) * 2**32)
        self.faulty = self._fault_until > 0
        steps, total = [], 0.0
        for name in ("converted", "callback", "appointment", "dnc", "wrong_number", "complaint"):
            total += getattr(m, name)
            steps.append((total, name))
        self._said = tuple(steps)

    def fate(
        self,
        phone: str,
        hour_of_week: int,
        number: int,
        *,
        earlier_in_slot: int = 0,
        blocked: float | None = None,
        ring_timeout_s: int = 25,
        max_duration_s: int = 600,
    ) -> Fate:
        """How attempt `number` to `phone` goes when it is placed in this hour of the number's own week.

        `earlier_in_slot`: tries before this one in the same part of the day. `blocked`: share refused because
        of the caller id, where its volume has raised it.
        """
        kind_hash = self._number.copy()
        kind_hash.update(phone.encode())
        latent = int.from_bytes(kind_hash.digest(), "little")
        kind, reach = latent & 0xFFFFFFFF, (latent >> 32) * _UNIT
        call_hash = self._call.copy()
        call_hash.update(f"{phone} {hour_of_week} {number} {earlier_in_slot}".encode())
        d = _DRAWS.unpack(call_hash.digest())
        latency_ms = self._latencies[d[0] >> 20]
        if kind < self._refused_until:
            if kind < self._dead_until:
                return Fate("invalid_number", latency_ms, False, 1.0, None, 0, None, None, "unallocated")
            if kind >= self._fax_until:
                return Fate("number_blocked", latency_ms, False, 1.0, None, 0, None, None, "unwanted")
            return Fate("error", latency_ms, True, 6.0, 6.0, 8, None, None, "fax")
        if d[1] * _UNIT < (self.blocked if blocked is None else blocked):
            return Fate("error", latency_ms, False, 1.0, None, 0, None, None, "caller_id_blocked")
        timeout_s = max(ring_timeout_s, self.model.ring_floor_s)
        chance = (1 - (1 - reach) ** self._power) * HOUR_FACTORS[hour_of_week]
        if earlier_in_slot > 1:
            chance *= self.model.fatigue ** (earlier_in_slot - 1)
        if d[2] * _UNIT < chance:
            return self._person(d, latency_ms, timeout_s, max_duration_s)
        rest = d[3] * _UNIT
        if rest < self._voicemail_until:
            return self._machine(d, latency_ms, timeout_s)
        if rest < self._busy_until:
            # Call waiting may have rung: counted as a ring of no length.
            return Fate("busy", latency_ms, True, 0.0, None, 0, None, None, None)
        return Fate("not_reached", latency_ms, True, float(timeout_s), None, 0, None, None, None)

    def _person(self, d: tuple[int, ...], latency_ms: int, timeout_s: int, max_duration_s: int) -> Fate:
        early = d[4] * _UNIT < self.model.early_answers
        ring_s = (6 if early else 18) + 4 * d[5] * _UNIT
        if ring_s >= timeout_s:
            return Fate("not_reached", latency_ms, True, float(timeout_s), None, 0, None, None, None)
        if d[6] * _UNIT >= self.model.amd_right + self.model.amd_unknown:
            # Taken for a machine: hung up on after the verdict.
            return Fate("voicemail", latency_ms, True, ring_s, ring_s, 2 + d[7] % 4, None, None, None)
        talk_s = min(self._talks[d[7] >> 20], max_duration_s)
        said = d[8] * _UNIT
        disposition = next((name for until, name in self._said if said < until), "not_converted")
        if disposition != "callback":
            return Fate("completed", latency_ms, True, ring_s, ring_s, talk_s, disposition, None, None)
        # "Call me later": 20 minutes to 2 days, short delays as likely as long ones.
        callback_s = int(1_200 * exp(log(144) * d[9] * _UNIT))
        return Fate("answered", latency_ms, True, ring_s, ring_s, talk_s, "callback", callback_s, None)

    def _machine(self, d: tuple[int, ...], latency_ms: int, timeout_s: int) -> Fate:
        ring_s = 15 + 9 * d[5] * _UNIT
        if ring_s >= timeout_s:
            return Fate("not_reached", latency_ms, True, float(timeout_s), None, 0, None, None, None)
        greeting_s = 8 + d[7] % 13
        if d[6] * _UNIT < self.model.amd_right:
            return Fate("voicemail", latency_ms, True, ring_s, ring_s, greeting_s, None, None, None)
        # Taken for a person: the agent talks to the greeting and notes that nothing came of it.
        return Fate("completed", latency_ms, True, ring_s, ring_s, greeting_s, "not_converted", None, None)

    def faults(self, phone: str, number: int, now_ms: int) -> Faults:
        """What goes wrong around this attempt when it is placed at `now_ms`."""
        m = self.model
        fault_hash = self._fault.copy()
        fault_hash.update(f"{phone} {number} {now_ms}".encode())
        raw = _DRAWS.unpack(fault_hash.digest())
        if min(raw[:11]) >= self._fault_until:  # most calls: no need to look at each draw
            return NO_FAULTS
        d = tuple(x * _UNIT for x in raw)
        request, dialled = "", True
        if d[0] < m.timeout_dialled:
            request = "timeout"
        elif d[0] < m.timeout_dialled + m.timeout_not_dialled:
            request, dialled = "timeout", False
        elif d[0] < m.timeout_dialled + m.timeout_not_dialled + m.server_error:
            request, dialled = "server_error", d[11] < m.server_error_dialled
        elif d[0] < m.timeout_dialled + m.timeout_not_dialled + m.server_error + m.route_error:
            request, dialled = "route_error", False
        return Faults(
            request,
            dialled,
            bool(request) and d[12] < m.silent_unknown,
            d[1] < m.swapped,
            (d[2] < m.duplicate, d[3] < m.duplicate, d[4] < m.duplicate),
            (d[5] < m.late, d[6] < m.late, d[7] < m.late),
            (d[8] < m.lost, d[9] < m.lost, d[10] < m.lost),
            60_001 + raw[13] % 540_000,
            raw[14] % 30_000,
        )
