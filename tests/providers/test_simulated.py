"""The simulated provider in virtual time: honest answers, honest rings, and every fault of a real network."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from dialer.providers.base import Accepted, Action, NotDialled, ProviderEvent, Unknown
from dialer.providers.rings import RingLedger
from dialer.providers.simulated_limits import Limits
from dialer.providers.simulated_model import Model, instant, quiet
from dialer.providers.simulated_state import load_state, save_state
from scheduler.domain.time import DAY, HOUR, MINUTE, SECOND
from scheduler.errors import StartError
from tests.providers.builders import (
    EVERYBODY_ANSWERS,
    TUESDAY_2PM,
    a_simulator,
    all_events,
    an_action,
    phones,
)

ANSWERED = quiet(**EVERYBODY_ANSWERS)
RINGS_OUT = quiet(**{**EVERYBODY_ANSWERS, "human": 0.0})


def many(count: int) -> list[Action]:
    return [an_action(n, to=phone) for n, phone in enumerate(phones(count))]


async def run(model: Model, actions: list[Action], seed: int = 7) -> list[ProviderEvent]:
    simulator = a_simulator(model, seed=seed)
    await simulator.place(actions, TUESDAY_2PM)
    return await all_events(simulator, TUESDAY_2PM)


async def test_a_run_is_repeated_exactly_from_its_seed():
    assert await run(Model(), many(500)) == await run(Model(), many(500))
    assert await run(Model(), many(500)) != await run(Model(), many(500), seed=8)


async def test_outcomes_do_not_depend_on_the_keys_of_the_installation():
    other_keys = [msgspec.structs.replace(a, key=UUID(int=2**100 + a.attempt_id)) for a in many(300)]

    def outcomes(events: list[ProviderEvent]) -> dict[int, tuple[object, ...]]:
        return {
            e.attempt_id: (e.outcome, e.at_ms, e.disposition, e.talk_s) for e in events if e.kind == "ended"
        }

    here, elsewhere = await run(Model(), many(300)), await run(Model(), other_keys)
    assert outcomes(here) == outcomes(elsewhere)


async def test_a_call_rings_is_answered_and_ends_each_in_its_time():
    simulator = a_simulator(ANSWERED)
    (result,) = await simulator.place([an_action()], TUESDAY_2PM)
    assert isinstance(result, Accepted)

    ringing_at = simulator.next_event_at()
    assert ringing_at is not None
    assert await simulator.events(ringing_at - 1, 10) == []
    ringing, answered, ended = await all_events(simulator, TUESDAY_2PM)

    assert [e.kind for e in (ringing, answered, ended)] == ["ringing", "answered", "ended"]
    assert TUESDAY_2PM <= ringing.at_ms == ringing_at < answered.at_ms < ended.at_ms
    assert ended.talk_s is not None
    assert ended.at_ms == answered.at_ms + ended.talk_s * SECOND
    assert ended.rang_until_ms == answered.at_ms
    assert {e.ref for e in (ringing, answered, ended)} == {result.ref}
    assert [(r.at_ms, r.phone) for r in simulator.rings] == [(ringing.at_ms, an_action().to)]
    assert simulator.next_event_at() is None


async def test_each_attempt_that_is_accepted_ends_once():
    ended = [e for e in await run(quiet(), many(2_000)) if e.kind == "ended"]
    assert sorted(e.attempt_id for e in ended) == list(range(2_000))
    assert {e.outcome for e in ended} >= {
        "completed",
        "voicemail",
        "not_reached",
        "busy",
        "answered",
        "error",
    }


async def test_a_phone_may_have_rung_exactly_where_the_ledger_says_that_it_rang():
    """I11: caps count what may have rung; a dead or blocked number never does."""
    simulator = a_simulator(quiet())
    await simulator.place(many(2_000), TUESDAY_2PM)
    ended = [e for e in await all_events(simulator, TUESDAY_2PM) if e.kind == "ended"]
    rang = {ring.key: ring.at_ms for ring in simulator.rings}
    assert {e.key for e in ended if e.rang_until_ms is not None} == set(rang)
    assert all(e.rang_until_ms >= rang[e.key] for e in ended if e.rang_until_ms is not None)
    assert {e.outcome for e in ended if e.key not in rang} == {"invalid_number", "number_blocked", "error"}


async def test_call_me_later_names_a_full_minute_between_20_minutes_and_2_days_ahead():
    ended = [e for e in await run(ANSWERED, many(2_000)) if e.disposition == "callback"]
    assert len(ended) > 50
    for event in ended:
        assert event.outcome == "answered"
        assert event.callback_at_ms is not None
        assert event.callback_at_ms % MINUTE == 0
        assert 20 * MINUTE <= event.callback_at_ms - event.at_ms <= 2 * DAY + MINUTE


async def test_nothing_rings_past_not_after():
    """I7: the provider's own latency does not carry a call over the closing time."""
    simulator = a_simulator(ANSWERED)
    actions = [an_action(n, to=phone, not_after_ms=TUESDAY_2PM + 100) for n, phone in enumerate(phones(500))]
    results = await simulator.place(actions, TUESDAY_2PM)
    refused = [r for r in results if isinstance(r, NotDialled)]
    assert 0 < len(refused) < 500
    assert set(refused) == {NotDialled("past not_after", "route")}
    assert simulator.rings.total == 500 - len(refused)
    assert all(ring.at_ms <= TUESDAY_2PM + 100 for ring in simulator.rings)


async def test_a_key_placed_twice_rings_twice_and_the_ledger_shows_it():
    """I1: the simulator is the witness, not the guard."""
    simulator = a_simulator(ANSWERED)
    first = await simulator.place([an_action()], TUESDAY_2PM)
    second = await simulator.place([an_action()], TUESDAY_2PM)
    assert first != second
    assert [ring.key for ring in simulator.rings] == [an_action().key] * 2


async def test_a_provider_that_keeps_keys_rings_once_and_answers_the_same():
    simulator = a_simulator(ANSWERED, limits=Limits(server_key=True))
    first = await simulator.place([an_action()], TUESDAY_2PM)
    assert await simulator.place([an_action()], TUESDAY_2PM + SECOND) == first
    assert simulator.rings.total == 1


async def test_another_channel_is_not_carried():
    simulator = a_simulator()
    text = msgspec.structs.replace(an_action(), channel="sms")
    (result,) = await simulator.place([text], TUESDAY_2PM)
    assert isinstance(result, NotDialled)
    assert simulator.next_event_at() is None


# -- faults, each for every call -------------------------------------------------------------------------


async def test_a_timeout_behind_which_the_phone_rings_is_unknown_and_its_events_come():
    simulator = a_simulator(quiet(**EVERYBODY_ANSWERS, timeout_dialled=1.0, silent_unknown=0.0))
    assert await simulator.place([an_action()], TUESDAY_2PM) == [Unknown("timeout")]
    assert simulator.rings.total == 1
    events = await all_events(simulator, TUESDAY_2PM)
    assert [e.kind for e in events] == ["ringing", "answered", "ended"]
    assert {e.key for e in events} == {an_action().key}


async def test_a_timeout_behind_which_the_phone_rings_may_stay_silent_for_ever():
    simulator = a_simulator(quiet(**EVERYBODY_ANSWERS, timeout_dialled=1.0, silent_unknown=1.0))
    assert await simulator.place([an_action()], TUESDAY_2PM) == [Unknown("timeout")]
    assert simulator.rings.total == 1
    assert simulator.next_event_at() is None


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        ("timeout_not_dialled", Unknown("timeout")),
        ("route_error", NotDialled("no route", "route", 60.0)),
    ],
)
async def test_a_request_that_is_lost_or_refused_rings_nobody(fault: str, answer: Unknown | NotDialled):
    simulator = a_simulator(quiet(**EVERYBODY_ANSWERS, **{fault: 1.0}))
    assert await simulator.place(many(50), TUESDAY_2PM) == [answer] * 50
    assert simulator.rings.total == 0
    assert simulator.next_event_at() is None


@pytest.mark.parametrize(("dialled", "rings"), [(0.0, 0), (1.0, 1)])
async def test_a_server_error_is_unknown_whether_or_not_the_phone_rings(dialled: float, rings: int):
    model = quiet(**EVERYBODY_ANSWERS, server_error=1.0, server_error_dialled=dialled)
    simulator = a_simulator(model)
    assert await simulator.place([an_action()], TUESDAY_2PM) == [Unknown("server_error")]
    assert simulator.rings.total == rings


async def test_every_callback_comes_a_second_time_under_the_same_id():
    events = await run(quiet(**EVERYBODY_ANSWERS, duplicate=1.0), [an_action()])
    assert len(events) == 6
    assert len({e.event_id for e in events}) == 3


async def test_swapped_callbacks_report_the_end_first():
    events = await run(quiet(**EVERYBODY_ANSWERS, swapped=1.0), [an_action()])
    assert events[0].kind == "ended"
    assert {e.kind for e in events[1:]} == {"ringing", "answered"}
    assert all(e.at_ms < events[0].at_ms for e in events[1:])


async def test_late_callbacks_come_more_than_a_minute_after_what_they_report():
    simulator = a_simulator(quiet(**EVERYBODY_ANSWERS, late=1.0))
    await simulator.place([an_action()], TUESDAY_2PM)
    on_time = await run(ANSWERED, [an_action()])
    assert await simulator.events(on_time[0].at_ms + MINUTE, 10) == []
    assert [e.at_ms for e in await all_events(simulator, TUESDAY_2PM)] == [e.at_ms for e in on_time]


async def test_lost_callbacks_never_come():
    simulator = a_simulator(quiet(**EVERYBODY_ANSWERS, lost=1.0))
    (result,) = await simulator.place([an_action()], TUESDAY_2PM)
    assert isinstance(result, Accepted)
    assert simulator.rings.total == 1
    assert await simulator.events(TUESDAY_2PM + DAY, 10) == []
    assert simulator.next_event_at() is None
    assert simulator.state().live == []


async def test_faults_come_at_their_default_rates():
    simulator = a_simulator(Model())
    results = await simulator.place(many(40_000), TUESDAY_2PM)
    unknown = sum(isinstance(r, Unknown) for r in results)
    not_dialled = sum(isinstance(r, NotDialled) for r in results)
    assert unknown / len(results) == pytest.approx(0.005, rel=0.25)
    assert not_dialled / len(results) == pytest.approx(0.001, rel=0.5)


async def test_a_request_refused_once_is_not_refused_for_ever():
    simulator = a_simulator(quiet(route_error=0.5))
    results = [(await simulator.place([an_action()], TUESDAY_2PM + n))[0] for n in range(20)]
    assert {type(r) for r in results} == {Accepted, NotDialled}


async def test_refusals_for_the_caller_id_rise_with_its_volume():
    simulator = a_simulator(quiet(**{**EVERYBODY_ANSWERS, "blocked_per_100_calls": 0.05}))
    actions = [an_action(n, to=p, caller_id="+12125550100") for n, p in enumerate(phones(1_000))]
    await simulator.place(actions, TUESDAY_2PM)
    blocked = [
        e.attempt_id for e in await all_events(simulator, TUESDAY_2PM) if e.error == "caller_id_blocked"
    ]
    assert sum(n >= 500 for n in blocked) > 2 * sum(n < 500 for n in blocked) > 0


# -- hanging up ------------------------------------------------------------------------------------------


async def test_hanging_up_while_it_rings_cancels_the_call():
    simulator = a_simulator(RINGS_OUT)
    (result,) = await simulator.place([an_action()], TUESDAY_2PM)
    assert isinstance(result, Accepted)
    await simulator.hang_up([result.ref], TUESDAY_2PM + 10 * SECOND)
    ringing, ended = await all_events(simulator, TUESDAY_2PM)
    assert ringing.kind == "ringing"
    assert (ended.outcome, ended.at_ms) == ("canceled", TUESDAY_2PM + 10 * SECOND)
    assert ended.rang_until_ms == TUESDAY_2PM + 10 * SECOND
    assert simulator.next_event_at() is None


async def test_hanging_up_a_conversation_cuts_it_short():
    simulator = a_simulator(ANSWERED)
    (result,) = await simulator.place([an_action()], TUESDAY_2PM)
    _, answered, ended = await run(ANSWERED, [an_action()])
    assert isinstance(result, Accepted)
    assert ended.at_ms - answered.at_ms > 3 * SECOND
    await simulator.hang_up([result.ref, "unknown"], answered.at_ms + 2 * SECOND)
    cut = (await all_events(simulator, TUESDAY_2PM))[-1]
    assert (cut.outcome, cut.talk_s, cut.disposition) == ("completed", 2, None)
    assert cut.at_ms == answered.at_ms + 2 * SECOND


async def test_hanging_up_what_is_over_changes_nothing():
    simulator = a_simulator(ANSWERED)
    (result,) = await simulator.place([an_action()], TUESDAY_2PM)
    assert isinstance(result, Accepted)
    before = await all_events(simulator, TUESDAY_2PM)
    await simulator.hang_up([result.ref], before[-1].at_ms + SECOND)
    assert simulator.next_event_at() is None


# -- limits ----------------------------------------------------------------------------------------------


async def test_above_the_rate_a_refusing_provider_rings_nobody_and_says_when():
    """I13, as a provider that answers 429."""
    simulator = a_simulator(ANSWERED, limits=Limits(calls_per_second=10, policy="refuse"))
    results = await simulator.place(many(30), TUESDAY_2PM)
    refused = [r for r in results if isinstance(r, NotDialled)]
    assert len(refused) == 20
    assert all(r.scope == "account" and r.retry_after_s is not None for r in refused)
    assert simulator.rings.total == 10
    again = await simulator.place(
        [an_action(99)], TUESDAY_2PM + round(1000 * (refused[0].retry_after_s or 0))
    )
    assert isinstance(again[0], Accepted)


async def test_above_the_rate_a_queueing_provider_starts_calls_later_one_by_one():
    model = quiet(**EVERYBODY_ANSWERS, latency_median_ms=0.5, latency_p99_ms=0.5)
    simulator = a_simulator(model, limits=Limits(calls_per_second=10))
    results = await simulator.place(many(40), TUESDAY_2PM)
    waits = [r.queued_ms for r in results if isinstance(r, Accepted)]
    assert waits == [0] * 10 + [100 * n for n in range(1, 31)]
    assert simulator.rings.total == 10
    await all_events(simulator, TUESDAY_2PM)
    assert [ring.at_ms - TUESDAY_2PM for ring in simulator.rings] == waits


async def test_a_queue_that_would_outlast_not_after_is_refused_at_once():
    """I7 includes the provider's queue."""
    simulator = a_simulator(ANSWERED, limits=Limits(calls_per_second=1))
    actions = [an_action(n, not_after_ms=TUESDAY_2PM + 5 * SECOND) for n in range(10)]
    results = await simulator.place(actions, TUESDAY_2PM)
    assert sum(r == NotDialled("past not_after", "route") for r in results) >= 4
    await all_events(simulator, TUESDAY_2PM)
    assert all(ring.at_ms <= TUESDAY_2PM + 5 * SECOND for ring in simulator.rings)


async def test_a_queued_call_that_is_hung_up_never_rings():
    simulator = a_simulator(ANSWERED, limits=Limits(calls_per_second=1))
    results = await simulator.place([an_action(0), an_action(1)], TUESDAY_2PM)
    assert isinstance(results[1], Accepted)
    await simulator.hang_up([results[1].ref], TUESDAY_2PM + 10)
    events = await all_events(simulator, TUESDAY_2PM)
    assert [ring.key for ring in simulator.rings] == [an_action(0).key]
    (ended,) = [e for e in events if e.key == an_action(1).key]
    assert (ended.outcome, ended.rang_until_ms) == ("canceled", None)


# -- the instant preset, stopping and going on -----------------------------------------------------------


async def test_the_instant_preset_ends_each_call_in_the_instant_it_was_placed():
    events = await run(instant(), many(1_000))
    assert [e.kind for e in events] == ["ended"] * 1_000
    assert {e.at_ms for e in events} == {TUESDAY_2PM}


@pytest.mark.parametrize("model", [Model(), quiet(duplicate=1.0, swapped=0.5, late=0.5, lost=0.2)])
async def test_calls_under_way_go_on_in_another_process(tmp_path: Path, model: Model):
    straight = a_simulator(model, limits=Limits(calls_per_second=200))
    await straight.place(many(400), TUESDAY_2PM)
    whole = await all_events(straight, TUESDAY_2PM)

    before = a_simulator(model, limits=Limits(calls_per_second=200), rings=RingLedger(tmp_path / "rings"))
    await before.place(many(400), TUESDAY_2PM)
    stop_ms = TUESDAY_2PM + 10 * SECOND
    first = await all_events(before, TUESDAY_2PM, stop_ms)
    save_state(before.state(), tmp_path / "simulator.json")
    before.rings.close()

    after = a_simulator(model, limits=Limits(calls_per_second=200), rings=RingLedger(tmp_path / "rings"))
    state = load_state(tmp_path / "simulator.json")
    assert state is not None
    after.restore(state)
    second = await all_events(after, stop_ms)
    assert first
    assert second
    assert first + second == whole
    assert sorted(after.rings) == sorted(straight.rings)
    after.rings.close()


async def test_a_call_under_way_can_be_hung_up_by_another_process():
    before = a_simulator(RINGS_OUT)
    (result,) = await before.place([an_action()], TUESDAY_2PM)
    after = a_simulator(RINGS_OUT)
    after.restore(before.state())
    assert isinstance(result, Accepted)
    await after.hang_up([result.ref], TUESDAY_2PM + 5 * SECOND)
    assert [e.outcome for e in await all_events(after, TUESDAY_2PM)] == [None, "canceled"]


async def test_references_go_on_counting_in_another_process():
    before = a_simulator(ANSWERED)
    (first,) = await before.place([an_action()], TUESDAY_2PM)
    after = a_simulator(ANSWERED)
    after.restore(before.state())
    (second,) = await after.place([an_action()], TUESDAY_2PM)
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert first.ref != second.ref


async def test_a_reference_is_never_given_out_twice_even_when_the_state_was_lost(tmp_path: Path):
    refs = set()
    for _ in range(3):
        simulator = a_simulator(ANSWERED, rings=RingLedger(tmp_path / "rings"))
        (result,) = await simulator.place([an_action()], TUESDAY_2PM)
        assert isinstance(result, Accepted)
        refs.add(result.ref)
        simulator.rings.close()
    assert len(refs) == 3


def test_without_a_saved_state_there_is_nothing_to_go_on_with(tmp_path: Path):
    assert load_state(tmp_path / "simulator.json") is None


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"format": "other/9"}', b"[]"])
def test_a_damaged_state_says_what_to_do(tmp_path: Path, content: bytes):
    path = tmp_path / "simulator.json"
    path.write_bytes(content)
    with pytest.raises(StartError) as raised:
        load_state(path)
    assert "remove the file" in raised.value.do


async def test_tries_in_one_part_of_the_day_are_remembered_over_a_restart():
    before = a_simulator(quiet())
    for n in range(4):
        await before.place([an_action(n)], TUESDAY_2PM + n * MINUTE)
    after = a_simulator(quiet())
    after.restore(before.state())
    action = an_action(9, number=5)
    await before.place([action], TUESDAY_2PM + HOUR)
    await after.place([action], TUESDAY_2PM + HOUR)
    assert before.state().tries == after.state().tries == {action.to: 5 << 10}
