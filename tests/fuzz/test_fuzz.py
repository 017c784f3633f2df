"""Bad input (RELIABILITY 5.2, 5.3): requests generated from the description, all checks on, real server."""

from __future__ import annotations

import pytest

from tests.fuzz.run import Away, fuzz
from tests.fuzz.server import fuzzed_server

pytestmark = pytest.mark.timeout(900)


def test_twenty_generated_requests_an_operation_find_nothing():
    with fuzzed_server() as server:
        found = fuzz(server, examples=20, seed=1)
    assert found.failures == 0, found.text


@pytest.mark.parametrize("away", ["postgres", "redis"])
def test_with_a_store_away_every_answer_is_a_problem_or_a_success_and_none_a_fault(away: Away):
    with fuzzed_server() as server:
        found = fuzz(server, examples=10, seed=2, away=away)
    assert found.failures == 0, found.text
