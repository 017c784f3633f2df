"""The simulator: how its network answers, and its time. Only where it carries every call, in this process."""

from __future__ import annotations

from api.editing import editing, given
from api.instants import utc, utc_ms
from api.problems import Problem, invalid
from api.routes.accounts import require_operator
from api.routing import Call, Reply, route
from api.schemas_sim import MOST_AHEAD_S, ClockIn, Sim, SimChange, SimClock, SimNetwork
from api.simulation import Simulation
from scheduler.domain.time import SECOND, Ms
from scheduler.ledger.instants import to_datetime, to_ms


@route("GET", "/v1/sim", scope="admin")
async def show(call: Call) -> Reply[Sim]:
    """The simulator's network and clock. The operator's keys only, as for all of these; 409 where calls go
    anywhere else."""
    return Reply(_shown(_simulation(call)))


@route("PATCH", "/v1/sim", scope="admin")
async def change(call: Call, body: SimChange) -> Reply[Sim]:
    """Change the network from the next call on, until this process ends; what is left out stays."""
    simulation, changes = _simulation(call), given(body.network)
    try:
        simulation.retuned(changes)
    except ValueError as error:
        raise invalid("/network", "out-of-range", str(error)) from None
    was = {name: getattr(simulation.provider.model, name) for name in changes}
    async with editing(call) as edit:
        await edit.tell("sim_changed", "sim:1", was, changes)
    simulation.retune(changes)
    return Reply(_shown(simulation))


@route("POST", "/v1/sim/clock", scope="admin", answers=(200,))
async def move_clock(call: Call, body: ClockIn) -> Reply[Sim]:
    """Let the clock go faster or slower, or jump ahead; it never goes back.

    409 for the machine's own clock: start with `sim_clock`.
    """
    simulation = _simulation(call)
    clock = simulation.movable
    if clock is None:
        raise Problem(
            "state-conflict", "the clock is the machine's own", hint="start with DIALWHEEL_SIM_CLOCK=true"
        )
    if sum(said is not None for said in (body.speed, body.advance_s, body.at)) != 1:
        raise invalid("", "invalid", "say one of speed, advance_s and at")
    now_ms = clock.now_ms()
    at_ms = _target(body, now_ms)
    async with editing(call) as edit:
        before = {"at": utc_ms(now_ms), "speed": clock.speed}
        after = {"speed": body.speed} if at_ms is None else {"at": utc_ms(at_ms)}
        await edit.tell("sim_clock_moved", "sim:1", before, after)
    if body.speed is not None:
        simulation.run_at(clock, body.speed)
    elif at_ms is not None:
        simulation.move_to(clock, at_ms)
    return Reply(_shown(simulation))


def _target(body: ClockIn, now_ms: Ms) -> Ms | None:
    """Where the clock is to be, if it is to jump. Raises Problem 422 for what is over or too far ahead."""
    if body.advance_s is not None:
        return now_ms + body.advance_s * SECOND
    if body.at is None:
        return None
    at_ms = to_ms(body.at)
    if not now_ms <= at_ms <= now_ms + MOST_AHEAD_S * SECOND:
        detail = f"a clock goes forwards only, by {MOST_AHEAD_S // 86_400} days at most"
        raise invalid("/at", "out-of-range", detail)
    return at_ms


def _simulation(call: Call) -> Simulation:
    """Raises Problem 403 or 409."""
    require_operator(call)
    simulation = call.deps.simulation
    if simulation is None:
        raise Problem(
            "state-conflict",
            "calls of this process are carried by no simulator of its own",
            hint="run `dialwheel up` without a provider of yours",
        )
    return simulation


def _shown(simulation: Simulation) -> Sim:
    provider, clock = simulation.provider, simulation.clock
    return Sim(
        object="sim",
        provider=provider.name,
        rings=provider.rings.total,
        clock=SimClock(utc(to_datetime(clock.now_ms())), clock.speed, simulation.movable is not None),
        network=SimNetwork(**{name: getattr(provider.model, name) for name in SimNetwork.__struct_fields__}),
    )


ROUTES = (show, change, move_clock)
