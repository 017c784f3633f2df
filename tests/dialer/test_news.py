"""News of one attempt in one group becomes one report."""

from __future__ import annotations

from uuid import UUID

import pytest

from dialer.news import Group, Sent
from dialer.providers.base import Accepted, NotDialled, PlaceResult, Unknown
from scheduler.wheel import Claim

CLAIM = Claim(1, 1, 0, "c", 0)
EARLIER, LATER = UUID(int=1), UUID(int=2)


def an_answer(permit: UUID, at_ms: int, result: PlaceResult | None) -> Sent:
    return Sent(CLAIM, 7, permit, at_ms, result)


@pytest.mark.parametrize("refused", [None, NotDialled("429")], ids=["held by the gate", "refused"])
@pytest.mark.parametrize("order", [1, -1], ids=["in order", "the other way round"])
def test_that_an_earlier_permit_was_not_used_says_nothing_of_a_later_one(
    refused: NotDialled | None, order: int
):
    """I1: folded together, a call that may have rung was taken back and made again: the simulation found
    it."""
    answers = [an_answer(EARLIER, 1_000, refused), an_answer(LATER, 2_000, Unknown("no answer"))]

    [report] = Group(answers[::order], []).reports()

    assert (report.permit, report.not_sent, report.state) == (LATER, False, "unknown")
    assert report.dispatched_at_ms == 2_000


def test_an_answer_that_was_kept_twice_counts_once():
    answer = an_answer(LATER, 2_000, Accepted("ref"))

    [report] = Group([answer, answer], []).reports()

    assert (report.permit, report.not_sent, report.state) == (LATER, False, "accepted")
