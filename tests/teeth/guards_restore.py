"""Guards against a ledger that was put back to an earlier state."""

from __future__ import annotations

from tests.teeth.guard import Guard, cut

ARM = "scheduler/ledger/sql/arm_attempts.sql"
SENDER = "dialer/sender.py"
PUTS_BACK = "scheduler/flow/put_back.py"
WITNESS = "scheduler/services/witness.py"
IN_QUARANTINE = "tests/flow/test_quarantine.py::"
IN_JOURNAL = "tests/dialer/test_journal.py::"
IN_WITNESS = "tests/services/test_witness.py::"
PUT_BACK = f"{IN_QUARANTINE}test_a_ledger_that_was_put_back_gives_no_permit"

GUARDS: dict[str, Guard] = {
    "arm-store": Guard(
        "another server, database or timeline than before gives no permit",
        cut(ARM, "SELECT i.identity = ledger_identity() AND i.beat", "SELECT i.beat"),
        (PUT_BACK,),
    ),
    "arm-beat": Guard(
        "a ledger that lacks a beat which was seen gives no permit",
        cut(ARM, "AND i.beat >= $12::bigint", "AND $12::bigint IS NOT NULL"),
        (PUT_BACK,),
    ),
    "arm-quarantine": Guard(
        "in quarantine nobody gets a permit, whatever his own witness says",
        cut(ARM, "AND NOT EXISTS (SELECT FROM quarantine WHERE ended_at IS NULL)", ""),
        (PUT_BACK,),
    ),
    "arm-mark": Guard(
        "a ledger that lacks the last attempt that was armed in it gives no permit",
        cut(ARM, "AND ($13::bigint = 0 OR", "AND (true OR $13::bigint = 0 OR"),
        (f"{IN_QUARANTINE}test_a_ledger_without_the_last_attempt_that_was_armed_in_it_gives_no_permit",),
    ),
    "journal-first": Guard(
        "who is about to be called is on disk before the call leaves",
        cut(SENDER, "        if self._journal is None:\n", "        if True:\n"),
        (f"{IN_JOURNAL}test_a_call_is_in_the_journal_before_it_leaves",),
        also=("KeyError",),
    ),
    "journal-or-nothing": Guard(
        "what cannot be put down in the journal is not sent",
        cut(SENDER, "=error.why)\n            return False", "=error.why)\n            return True"),
        (f"{IN_JOURNAL}test_what_cannot_be_put_down_is_not_sent_and_waits_until_it_can",),
    ),
    "journal-of-opt-outs": Guard(
        "an opt-out is answered when it is kept outside of the ledger as well",
        cut(
            "scheduler/flow/opt_out.py",
            "await flow.standing.opted_out(account_id, [flow.lead_key(None, phone)], now_ms)",
            "pass",
        ),
        (f"{IN_QUARANTINE}test_who_opted_out_in_the_forgotten_time_stays_opted_out",),
    ),
    "witness-first": Guard(
        "nothing is armed before the ledger was looked at",
        cut(WITNESS, "return self._looked and not self._flow", "return not self._flow"),
        (f"{IN_WITNESS}test_nothing_is_armed_before_the_ledger_was_looked_at",),
    ),
    "witness-outside": Guard(
        "what the wheel and the journal have seen counts for a process that has seen nothing",
        cut(WITNESS, "max(on_wheel.beat, beat, self._flow.standing", "max(0, self._flow.standing"),
        (f"{IN_WITNESS}test_any_one_witness_is_enough",),
    ),
    "no-beat-behind": Guard(
        "a ledger that is behind gets no beat: it would soon look whole",
        cut("scheduler/ledger/sql/ledger_beat.sql", "AND s.beat >= $3::bigint", "AND $3::bigint IS NOT NULL"),
        (f"{IN_WITNESS}test_any_one_witness_is_enough",),
    ),
    "ids-lifted": Guard(
        "ids of the forgotten time are not given out again",
        cut("scheduler/ledger/quarantine.py", 'await database.fetch("quarantine_lift", LIFT, on=on)', "pass"),
        (f"{IN_QUARANTINE}test_ids_of_the_forgotten_time_are_not_given_out_again",),
    ),
    "forgotten-in-order": Guard(
        "a loop has one live attempt: a forgotten call behind another ends it",
        cut(PUTS_BACK, "            if not live:\n                break\n", "            break\n"),
        (
            f"{IN_QUARANTINE}test_of_several_forgotten_calls_of_a_loop_all_but_the_last_are_over",
            f"{IN_QUARANTINE}test_a_call_under_way_in_the_backup_is_over_when_its_loop_was_called_again",
        ),
    ),
    "doubtful-wait": Guard(
        "where a journal is missing, who was due in the forgotten time waits",
        cut(PUTS_BACK, "    if hold_until_ms is not None:\n", "    if False:\n"),
        (f"{IN_QUARANTINE}test_without_the_journal_what_was_due_waits_a_day",),
    ),
}  # fmt: skip
