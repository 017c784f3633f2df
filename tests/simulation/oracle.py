"""The judge: every promise that can be broken is looked at when it might be, from what happened and nothing
else.

A dial counts when the provider hears of it, an acknowledgement when the answer leaves the process that was
asked.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from dialer.asker import LATE_S
from scheduler.domain.model import Cap
from scheduler.domain.time import SECOND, Ms
from tests.simulation.calls import Call
from tests.simulation.history import History
from tests.simulation.provider import SLOWEST_REQUEST_S
from tests.simulation.schema import LIVE, WAITING
from tests.simulation.tables import Row, Store, Table, Transaction

STEPS = {
    "armed": LIVE | {"not_sent", "done", "canceled"},
    "unknown": LIVE - {"armed"} | {"not_sent", "done"},
    "accepted": {"accepted", "ringing", "in_call", "done"},
    "ringing": {"ringing", "in_call", "done"},
    "in_call": {"in_call", "done"},
    "not_sent": {"armed", "not_sent"},
    "done": {"done"},
    "canceled": {"canceled"},
}
"""I5: from each state of an attempt, those that may follow."""


CLOSE_MARGIN_S = 60.0
"""Who is late when the hours end waits for the next ones."""


class Violation(NamedTuple):
    """A promise that was broken at `at_s` of virtual time."""

    invariant: str
    at_s: float
    what: str


class Limits(NamedTuple):
    """What the world was set up with. `slack_s`: by how much wall time may be wrong where it alone tells that
    the machine stood still."""

    permit_s: float
    slack_s: float
    most_calls: int
    per_s: float | None
    burst: int
    caps: tuple[Cap, ...]
    closes_s: float


class Oracle:
    """Hears of dials, commits and answers; keeps what was broken."""

    def __init__(self, history: History, store: Store, limits: Limits) -> None:
        self._history = history
        self._store = store
        self.limits = limits
        self.violations: list[Violation] = []
        self.dials: list[Call] = []
        self._of_attempt: Counter[int] = Counter()
        self._armed_s: dict[int, float] = {}
        self._planned_under: dict[int, int] = {}
        self.opted_out: dict[str, float] = {}
        self.paused = False
        self.policy_version = 1
        self.skewed = False
        """Some clock is wrong by more than what the promises about time allow for."""
        store.on_commit = self.on_commit

    def broken(self, invariant: str, what: str) -> None:
        self.violations.append(Violation(invariant, self._history._loop.now_s, what))
        self._history.said("BROKEN", invariant, what)

    def open_at(self, now_s: float) -> bool:
        return now_s < self.limits.closes_s - CLOSE_MARGIN_S

    def armed_s(self, attempt_id: int) -> float:
        """When the arm of an attempt's latest permit began."""
        return self._armed_s[attempt_id]

    # -- dials ---------------------------------------------------------------------------------------

    def on_dial(self, call: Call) -> None:
        """I1 to I4, I7 to I13, at the moment at which a phone is made to ring."""
        now_s, limits = call.began_s, self.limits
        self._history.said("dial", call.attempt_id, call.ref)
        self._of_attempt[call.attempt_id] += 1
        if self._of_attempt[call.attempt_id] > 1:
            self.broken(
                "I1", f"attempt {call.attempt_id} was dialled {self._of_attempt[call.attempt_id]} times"
            )
        attempt = self._store.tables["attempt"].get(call.attempt_id)
        if attempt is None or attempt["state"] not in LIVE:
            state = "not committed" if attempt is None else attempt["state"]
            self.broken("I2", f"attempt {call.attempt_id} was dialled, it is {state}")
            return
        late_s = now_s - self._armed_s[call.attempt_id]
        if late_s > limits.permit_s + limits.slack_s + SLOWEST_REQUEST_S + 0.01:
            self.broken("I3", f"attempt {call.attempt_id} was dialled {late_s:.3f} s after its arm began")
        for other in self.dials:
            if other.phone == call.phone and other.began_s <= now_s < other.ends_s and not self.skewed:
                self.broken("I4", f"attempts {other.attempt_id} and {call.attempt_id} ring one phone")
        if call.phone in self.opted_out:
            self.broken("I8", f"attempt {call.attempt_id} was dialled after the opt-out was acknowledged")
        if self.paused:
            self.broken("I9", f"attempt {call.attempt_id} was dialled after the pause was acknowledged")
        if self._planned_under[call.attempt_id] < self.policy_version:
            self.broken("I10", f"attempt {call.attempt_id} was dialled under settings of before")
        if now_s >= limits.closes_s and not self.skewed:
            self.broken("I7", f"attempt {call.attempt_id} was dialled after hours")
        self.dials.append(call)
        if not self.skewed:
            self._check_frequency(call)
            self._check_concurrency(now_s)
            self._check_rate(now_s)

    def _check_frequency(self, call: Call) -> None:
        dialled = [dial.began_s for dial in self.dials if dial.phone == call.phone]
        for cap in self.limits.caps:
            within = sum(at_s > call.began_s - cap.window_s for at_s in dialled)
            if within > cap.max_calls:
                self.broken("I11", f"{within} dials of one phone within {cap.window_s} s")

    def _check_concurrency(self, now_s: float) -> None:
        live = sum(call.began_s <= now_s < call.ends_s for call in self.dials)
        if live > self.limits.most_calls:
            self.broken("I12", f"{live} calls at once, {self.limits.most_calls} are allowed")

    def _check_rate(self, now_s: float) -> None:
        """What was claimed at the pace may be answered late and leave up to a permit's life after that, so
        that much may come together."""
        limits = self.limits
        if limits.per_s is None:
            return
        most = limits.per_s * (1 + LATE_S + limits.permit_s + SLOWEST_REQUEST_S) + limits.burst
        count = sum(call.began_s > now_s - 1.0 for call in self.dials)
        if count > most:
            self.broken("I13", f"{count} dials within a second at {limits.per_s} a second")

    # -- the ledger ----------------------------------------------------------------------------------

    def on_commit(self, transaction: Transaction, before: dict[str, Table]) -> None:
        """I5 and I6, of every commit."""
        for key, attempt in transaction.writes.get("attempt", {}).items():
            if attempt is not None:
                self._check_attempt(before["attempt"].get(key), attempt, transaction)
        for key, loop in transaction.writes.get("loop", {}).items():
            if loop is not None:
                self._check_loop(before["loop"].get(key), loop)

    def _check_attempt(self, was: Row | None, attempt: Row, transaction: Transaction) -> None:
        number, state = attempt["attempt_id"], attempt["state"]
        if was is None or was["state"] != state:
            self._history.said("attempt", number, "-" if was is None else was["state"], state)
        if was is None:
            of_loop = [row["n"] for row in self._store.tables["attempt"].values()
                       if row["loop_id"] == attempt["loop_id"]]  # fmt: skip
            if sorted(of_loop) != list(range(1, len(of_loop) + 1)):
                self.broken("I6", f"loop {attempt['loop_id']} has attempts {sorted(of_loop)}")
        elif state not in STEPS[was["state"]]:
            self.broken("I5", f"attempt {number} went from {was['state']} to {state}")
        elif was["state"] == "done" and was["outcome"] not in (attempt["outcome"], "unknown"):
            self.broken("I5", f"attempt {number} ended as {was['outcome']} and then as {attempt['outcome']}")
        if state == "armed" and (was is None or was["permit"] != attempt["permit"]):
            self._armed_s[number] = transaction.began_s
            loop = self._store.tables["loop"][attempt["loop_id"]]
            self._planned_under[number] = loop["policy_version"]
            if loop["status"] != "dialing":
                self.broken("I4", f"attempt {number} was armed, its loop is {loop['status']}")
        self._count(was, attempt)

    def _check_loop(self, was: Row | None, loop: Row) -> None:
        if was is not None and was["status"] != loop["status"]:
            self._history.said("loop", loop["loop_id"], was["status"], loop["status"])
            if was["status"] == "ended":
                self.broken("I5", f"loop {loop['loop_id']} had ended and is {loop['status']}")

    def _count(self, was: Row | None, attempt: Row) -> None:
        before, state = None if was is None else was["state"], attempt["state"]
        if before == "unknown" and state == "not_sent":
            self._history.count("not_sent was testified after unknown")
        if state == "not_sent" != before and "permit was too old" in (attempt["error"] or ""):
            self._history.count("a zombie's permit was too old")
        if before == "done" and was is not None and was["outcome"] == "unknown" != attempt["outcome"]:
            self._history.count("a late report amended an unknown")
        if before == "not_sent" and state == "armed":
            self._history.count("an attempt that was not sent was armed again")
        if state == "done" and before != "done" and attempt["outcome"] == "unknown":
            self._history.count("an attempt was written off")
        if before == "armed" and state in ("ringing", "in_call", "done") and attempt["dispatched_at"] is None:
            self._history.count("a report came before the answer")

    # -- the end -------------------------------------------------------------------------------------

    def check_convergence(
        self, now_s: float, now_ms: Ms, *, enrolled: set[str], grace_s: float
    ) -> list[Violation]:
        """I14 to I16, once the faults have stopped for long enough; what is found is not kept."""
        found: list[Violation] = []
        tables = self._store.tables
        phones = {row["lead_id"]: row["phone"] for row in tables["lead"].values()}
        with_loop = {phones[row["lead_id"]] for row in tables["loop"].values()}
        for phone in enrolled - with_loop:
            if (1, phone) not in tables["suppression"]:
                found.append(Violation("I14", now_s, "an acknowledged lead has no loop"))
        for loop in tables["loop"].values():
            if loop["status"] in WAITING:
                late_s = (now_ms - _ms(loop)) / SECOND
                if late_s > grace_s and self.open_at(now_s):
                    found.append(Violation("I14", now_s, f"loop {loop['loop_id']} is {late_s:.0f} s late"))
            elif loop["status"] == "dialing":
                if not any(
                    row["loop_id"] == loop["loop_id"] and row["state"] in LIVE
                    for row in tables["attempt"].values()
                ):
                    found.append(Violation("I14", now_s, f"loop {loop['loop_id']} is dialing nothing"))
            elif loop["status"] != "ended":
                found.append(Violation("I14", now_s, f"loop {loop['loop_id']} is {loop['status']}"))
        return found


def _ms(loop: Row) -> Ms:
    return int(loop["next_at"].timestamp() * 1000)
