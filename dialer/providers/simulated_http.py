"""The simulated provider at the other end of HTTP, for dialers that run apart from it."""

from __future__ import annotations

import msgspec

from dialer.http import HttpClient, NoReply, Reply, judge
from dialer.providers.base import (
    Action,
    MayLeave,
    NotDialled,
    PlaceResult,
    ProviderEvent,
    Unknown,
    always,
)
from dialer.providers.simulated_wire import (
    MAX_CALLS,
    Acknowledged,
    Calls,
    Events,
    Findings,
    Hangups,
    Lookups,
    Problem,
    Results,
    from_wire,
)
from scheduler.domain.time import Ms
from scheduler.errors import ServerUnavailable
from scheduler.flow.lookup import Found, Lookup


class SimulatedHttpProvider:
    """Speaks to a simulator at `base_url`; instants are those of its clock, not of the `now_ms` given."""

    name = "simulated"
    live = False

    def __init__(self, base_url: str, http: HttpClient | None = None) -> None:
        self._http = http or HttpClient(base_url)
        self._next_event_at: Ms | None = None

    async def place(
        self, actions: list[Action], now_ms: Ms, may_leave: MayLeave = always
    ) -> list[PlaceResult]:
        """Send a batch as one request, once: what nobody can tell of the request holds for all its calls."""
        results: list[PlaceResult] = []
        for start in range(0, len(actions), MAX_CALLS):
            batch = [_without_brief(action) for action in actions[start : start + MAX_CALLS]]
            results += await self._place(batch, may_leave)
        return results

    async def _place(self, batch: list[Action], may_leave: MayLeave) -> list[PlaceResult]:
        exchange = await self._http.post("/sim/calls", Calls(batch), may_leave=may_leave)
        answer = judge(exchange, _is_own_error)
        if isinstance(answer, NotDialled | Unknown):
            return [answer] * len(batch)
        try:
            results = msgspec.json.decode(answer, type=Results).results
        except (msgspec.DecodeError, UnicodeDecodeError):
            return [Unknown("reply unreadable")] * len(batch)
        if len(results) != len(batch):
            return [Unknown("reply of another length")] * len(batch)
        return [from_wire(result) for result in results]

    async def hang_up(self, refs: list[str], now_ms: Ms) -> None:
        """End these calls. Raises ServerUnavailable when the simulator did not say that it heard."""
        for start in range(0, len(refs), MAX_CALLS):
            _heard(await self._http.post("/sim/hangups", Hangups(refs[start : start + MAX_CALLS])))

    async def find(self, attempts: list[Lookup], now_ms: Ms) -> list[Found]:
        """What became of these. Raises ServerUnavailable when the simulator does not say."""
        found: list[Found] = []
        for start in range(0, len(attempts), MAX_CALLS):
            batch = attempts[start : start + MAX_CALLS]
            reply = _heard(await self._http.post("/sim/lookups", Lookups(batch)))
            try:
                answers = msgspec.json.decode(reply.body, type=Findings).found
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise _unavailable("its findings cannot be read") from error
            if len(answers) != len(batch):
                raise _unavailable("it answered another number of look-ups")
            found += answers
        return found

    def next_event_at(self) -> Ms | None:
        """As the simulator said with the last events; None before."""
        return self._next_event_at

    async def events(self, now_ms: Ms, limit: int) -> list[ProviderEvent]:
        """The events due. Raises ServerUnavailable when they cannot be had."""
        reply = _heard(await self._http.get("/sim/events", {"limit": str(limit)}))
        try:
            answer = msgspec.json.decode(reply.body, type=Events)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _unavailable("its events cannot be read") from error
        self._next_event_at = answer.next_event_at_ms
        return answer.events

    async def acknowledge(self, event_ids: list[str]) -> None:
        """Forget these events. Raises ServerUnavailable; they are then handed out once more."""
        for start in range(0, len(event_ids), MAX_CALLS):
            body = Acknowledged(event_ids[start : start + MAX_CALLS])
            _heard(await self._http.post("/sim/events/ack", body))

    async def close(self) -> None:
        await self._http.close()


def _is_own_error(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def _heard(exchange: Reply | NoReply) -> Reply:
    if isinstance(exchange, NoReply):
        raise _unavailable(f"no answer came ({exchange.reason})")
    if not 200 <= exchange.status < 300:
        raise _unavailable(f"it answered {exchange.status}")
    return exchange


def _unavailable(why: str) -> ServerUnavailable:
    return ServerUnavailable(
        "the simulated provider does not answer",
        why,
        "start it with: dialwheel sim; check the address set for it",
    )


def _without_brief(action: Action) -> Action:
    """Nobody speaks in a simulated call."""
    return action if action.brief is None else msgspec.structs.replace(action, brief=None)
