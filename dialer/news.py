"""What became of attempts: as it comes in, answers to sends and events of the provider, and as it is written
down, one report for each attempt, whatever the order and however often its news came.
"""

from __future__ import annotations

from uuid import UUID

import msgspec

from dialer.providers.base import Accepted, NotDialled, PlaceResult, ProviderEvent
from scheduler.domain.model import Outcome
from scheduler.domain.time import SECOND, Ms
from scheduler.flow.settle import STOPPED, Report
from scheduler.wheel import Claim

RANK = {"armed": 0, "unknown": 1, "accepted": 2, "ringing": 3, "in_call": 4}
STATE_OF_EVENT = {"queued": "accepted", "initiated": "accepted", "ringing": "ringing", "answered": "in_call"}
REFUSED_PAUSE_MS: Ms = 60 * SECOND
"""How long a loop waits after the provider said it will not dial, unless the provider says otherwise."""


class Sent(msgspec.Struct, frozen=True):
    """The answer to one send. `result` None: the gate was shut and nothing was sent."""

    claim: Claim
    attempt_id: int
    permit: UUID
    at_ms: Ms
    result: PlaceResult | None

    @property
    def left(self) -> bool:
        """Whether a phone may ring for it."""
        return self.result is not None and not isinstance(self.result, NotDialled)


class Group(msgspec.Struct):
    """News that is committed together."""

    sent: list[Sent]
    events: list[ProviderEvent]

    def __len__(self) -> int:
        return len(self.sent) + len(self.events)

    def attempt_ids(self) -> list[int]:
        ids = [answer.attempt_id for answer in self.sent]
        ids += [event.attempt_id for event in self.events]
        return list(dict.fromkeys(ids))

    def of(self, attempt_ids: set[int]) -> Group:
        """The news of these attempts."""
        return Group(
            [answer for answer in self.sent if answer.attempt_id in attempt_ids],
            [event for event in self.events if event.attempt_id in attempt_ids],
        )

    def reports(self) -> list[Report]:
        """One for each attempt.

        Of several answers to sends of one attempt the latest counts: another permit was given only because
        the ledger knew already that the one before had not been used.
        """
        folded: dict[int, Report] = {}
        latest: dict[int, Sent] = {}
        for answer in self.sent:
            before = latest.get(answer.attempt_id)
            if before is None or answer.at_ms >= before.at_ms:
                latest[answer.attempt_id] = answer
        for answer in latest.values():
            _fold_sent(folded.setdefault(answer.attempt_id, Report(answer.attempt_id)), answer)
        for event in self.events:
            _fold_event(folded.setdefault(event.attempt_id, Report(event.attempt_id)), event)
        return list(folded.values())


def forbids(event: ProviderEvent) -> bool:
    """Whether the person must not be called again: the provider hears that we know when the ledger does."""
    return event.disposition in STOPPED


def _fold_sent(report: Report, answer: Sent) -> None:
    report.permit = answer.permit
    result = answer.result
    if result is None:
        report.not_sent = True
        report.error = "the permit was too old, or the hours were about to close"
    elif isinstance(result, NotDialled) and result.scope == "number":
        report.outcome = result.outcome or Outcome.ERROR  # asked again it would say the same
        report.ended_at_ms = answer.at_ms
        report.error = result.reason
    elif isinstance(result, NotDialled):
        report.not_sent = True
        report.error = result.reason
        pause_ms = REFUSED_PAUSE_MS if result.retry_after_s is None else int(result.retry_after_s * SECOND)
        report.retry_at_ms = answer.at_ms + pause_ms
    else:
        report.dispatched_at_ms = answer.at_ms
        accepted = isinstance(result, Accepted)
        _raise_state(report, "accepted" if accepted else "unknown")
        if isinstance(result, Accepted):
            report.provider_call_id = result.ref
        else:
            report.error = result.reason


def _fold_event(report: Report, event: ProviderEvent) -> None:
    report.provider_call_id = report.provider_call_id or event.ref
    if event.rang_until_ms is not None:
        report.rang_until_ms = max(report.rang_until_ms or 0, event.rang_until_ms)
    if event.kind == "answered":
        report.answered_at_ms = report.answered_at_ms or event.at_ms
    if event.kind != "ended":
        _raise_state(report, STATE_OF_EVENT[event.kind])
        return
    if report.outcome is None:
        report.outcome = event.outcome
        report.ended_at_ms = event.at_ms
    report.disposition = report.disposition or event.disposition
    report.callback_at_ms = report.callback_at_ms or event.callback_at_ms
    report.talk_s = report.talk_s if report.talk_s is not None else event.talk_s
    report.error = report.error or event.error


def _raise_state(report: Report, state: str) -> None:
    if RANK[state] > RANK[report.state]:
        report.state = state
