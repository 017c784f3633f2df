"""What a provider says of a conversation goes the ways that a person's word goes."""

from __future__ import annotations

import structlog

from dialer.providers.webhook_wire import Report
from scheduler.clock import Clock
from scheduler.errors import NotFound, Refused
from scheduler.flow.context import Flow
from scheduler.flow.hand_result import note_result
from scheduler.flow.opt_out import HangUp, opt_out
from scheduler.ledger.audit import Actor
from scheduler.ledger.instants import to_ms_or_none
from scheduler.ledger.tenancy import serving

log = structlog.get_logger()


class ProviderWords:
    """Of one provider, for all accounts. `permit_s`: how long a permit that was given before may be used."""

    def __init__(self, flow: Flow, clock: Clock, hang_up: HangUp, *, provider: str, permit_s: float) -> None:
        self._flow = flow
        self._clock = clock
        self._hang_up = hang_up
        self._actor = Actor(f"provider:{provider}")
        self._permit_s = permit_s

    async def mean(self, account_id: int, attempt_id: int, report: Report) -> None:
        """Of a call that is over: its disposition, and when to call back. In force when this returns; again
        changes nothing."""
        with serving(account_id):
            try:
                await note_result(
                    self._flow,
                    self._clock,
                    self._hang_up,
                    account_id=account_id,
                    attempt_id=attempt_id,
                    outcome=None,
                    disposition=report.disposition,
                    callback_at_ms=to_ms_or_none(report.callback_at),
                    talk_s=report.duration_s,
                    actor=self._actor,
                    permit_s=self._permit_s,
                )
            except (NotFound, Refused) as error:  # it was canceled, or taken back as never sent
                log.warning("disposition_not_noted", attempt_id=attempt_id, why=error.what)

    async def stop(self, account_id: int, phone: str) -> None:
        """Nobody calls that phone of the account any more: in force when this returns. A conversation under
        way goes on."""
        with serving(account_id):
            await opt_out(
                self._flow,
                self._clock,
                self._hang_up,
                account_id=account_id,
                phone=phone,
                reason="asked in a call",
                source="call",
                actor=self._actor,
                permit_s=self._permit_s,
            )
