"""Which number a call shows, and what a pool has left today (API 4, step.caller_id; MISSION row 8)."""

from __future__ import annotations

from collections import Counter

import pytest

from scheduler.domain.caller_ids import Budget, Caller, CallerId, budget, choose

NOW = 1_000_000
DAY_ENDS = 9_000_000
NEW_YORK, CHICAGO, ELSEWHERE = "+12125550100", "+13125550100", "+13035550100"


def a_pool(*phones: str, left: int = 5, used: int = 0, region: str | None = None) -> list[CallerId]:
    return [CallerId(n, phone, region, left, used) for n, phone in enumerate(phones, 1)]


def a_caller(phone: str = "+12125550199", number: int = 1, key: str = "k", **fields: str) -> Caller:
    return Caller(phone, ("US-NY",), key, 1, number, 7, **fields)


def chosen(strategy: str, pool: list[CallerId], caller: Caller | None = None) -> str | None:
    found = choose(strategy, pool, caller or a_caller(), NOW)
    return None if found is None else found.phone


def test_rotate_takes_the_number_used_least_today_and_the_first_among_equals():
    pool = a_pool(NEW_YORK, CHICAGO, ELSEWHERE)
    pool[0].used = 1

    assert chosen("rotate", pool) == CHICAGO


def test_rotating_over_a_batch_uses_every_number_alike():
    pool = a_pool(NEW_YORK, CHICAGO, ELSEWHERE)
    for _ in range(15):
        number = choose("rotate", pool, a_caller(), NOW)
        assert number is not None
        number.take()

    assert [number.used for number in pool] == [5, 5, 5]
    assert chosen("rotate", pool) is None


def test_fixed_is_the_first_number_and_no_other():
    pool = a_pool(NEW_YORK, CHICAGO)
    assert chosen("fixed", pool) == NEW_YORK
    pool[0].left = 0

    assert chosen("fixed", pool) is None
    assert budget("fixed", pool, NOW, DAY_ENDS) == Budget(0, DAY_ENDS)


def test_sticky_is_the_number_that_the_lead_saw_last_while_it_has_calls_left():
    pool = a_pool(NEW_YORK, CHICAGO)
    pool[1].used = 3
    knows = a_caller(last=CHICAGO)
    assert chosen("sticky", pool, knows) == CHICAGO
    pool[1].left = 0

    assert chosen("sticky", pool, knows) == NEW_YORK
    assert chosen("sticky", a_pool(NEW_YORK, CHICAGO), a_caller()) == NEW_YORK


@pytest.mark.parametrize(
    ("phone", "shows"),
    [("+13125550142", CHICAGO), ("+12125550142", NEW_YORK), ("+442071838750", NEW_YORK)],
)
def test_local_shows_the_area_code_of_the_lead_and_else_rotates(phone: str, shows: str):
    assert chosen("local", a_pool(NEW_YORK, CHICAGO), a_caller(phone)) == shows


def test_local_without_the_area_code_shows_a_number_of_the_region():
    pool = a_pool(CHICAGO, ELSEWHERE, "+15185550100")
    pool[2].region = "US-NY"

    assert chosen("local", pool, a_caller("+16465550142")) == "+15185550100"


def test_random_draws_the_same_number_for_the_same_attempt_and_every_number_in_turn():
    pool = a_pool(NEW_YORK, CHICAGO, ELSEWHERE, left=10_000)
    draws = Counter(chosen("random", pool, a_caller(key=f"lead{n}")) for n in range(3_000))

    assert all(850 < count < 1_150 for count in draws.values())
    assert len(draws) == 3
    assert chosen("random", pool, a_caller(key="x")) == chosen("random", pool, a_caller(key="x"))
    assert len({chosen("random", pool, a_caller(number=n)) for n in range(20)}) == 3


@pytest.mark.parametrize("strategy", ["random", "rotate", "sticky", "local", "fixed"])
def test_a_number_that_rests_or_is_spent_is_never_shown(strategy: str):
    """MISSION row 8: caller ids are rested before they burn."""
    pool = a_pool(NEW_YORK)
    pool[0].rest_until_ms = NOW + 1
    assert chosen(strategy, pool) is None
    pool[0].rest_until_ms = NOW
    assert chosen(strategy, pool) == NEW_YORK
    pool[0].left = 0
    assert chosen(strategy, pool) is None
    assert chosen(strategy, []) is None


def test_a_budget_is_what_rested_numbers_have_left_until_a_rest_or_the_day_is_over():
    pool = a_pool(NEW_YORK, CHICAGO, ELSEWHERE)
    assert budget("rotate", pool, NOW, DAY_ENDS) == Budget(15, DAY_ENDS)
    pool[0].rest_until_ms = NOW + 5
    pool[1].left, pool[1].rest_until_ms = 0, NOW + 3
    pool[2].rest_until_ms = DAY_ENDS + 5

    assert budget("rotate", pool, NOW, DAY_ENDS) == Budget(0, NOW + 5)
    assert budget("rotate", pool, NOW + 5, DAY_ENDS) == Budget(5, DAY_ENDS)
    assert budget("rotate", [], NOW, DAY_ENDS) == Budget(0, DAY_ENDS)
