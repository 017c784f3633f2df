"""Guards on the way out: the gate, the one send, what is believed of its answer, and what is written when."""

from __future__ import annotations

from tests.teeth.guard import Guard, Patch, cut

GATE = "dialer/gate.py"
SENDER = "dialer/sender.py"
IN_GATE = "tests/dialer/test_gate.py::"
IN_WORKER = "tests/dialer/test_worker.py::"
IN_SENDER = "tests/dialer/test_sender.py::"
IN_CLAIMER = "tests/dialer/test_claimer.py::"
IN_HTTP = "tests/providers/test_http.py::"
IN_WEBHOOK = "tests/providers/test_webhook.py::"
IN_CALLBACKS = "tests/api/test_provider_callbacks.py::"
IN_APART = "tests/dialer/test_providers_apart.py::"
IN_AWAY = "tests/api/test_provider_callbacks_away.py::"
IN_SPOOL = "tests/dialer/test_spool.py::"
IN_RECONCILER = "tests/services/test_reconciler.py::"
ASIDE = "dialer/aside.py"
INBOX = "api/provider_inbox.py"
BREAKER = "scheduler/flow/breaker.py"
PROBE = "scheduler/ledger/sql/breaker_probe.sql"
IN_BREAKER = "tests/flow/test_breaker.py::"
RECONCILER = "scheduler/services/reconciler.py"

GUARDS: dict[str, Guard] = {
    "gate-monotonic": Guard(
        "a permit is void two seconds after it was asked for, by monotonic time",
        cut(GATE, "age_ms <= self._permit_ms\n            and ", ""),
        (f"{IN_GATE}test_a_permit_is_young_by_monotonic_and_by_wall_time",),
    ),
    "gate-wall": Guard(
        "a permit is void two seconds after it was asked for, by wall time: a machine was paused",
        cut(GATE, "and -self._slack_ms <= wall_ms <= self._permit_ms + self._slack_ms\n", ""),
        (f"{IN_GATE}test_a_permit_is_young_by_monotonic_and_by_wall_time",),
    ),
    "gate-step": Guard(
        "after a step of wall time every permit asked for before is void",
        (
            Patch(GATE, "and abs(wall_ms - age_ms) <= self._step_ms\n", "\n"),
            Patch(GATE, "and self._stepped_s <= asked.leased_s\n", "\n"),
        ),
        (f"{IN_GATE}test_a_permit_is_young_by_monotonic_and_by_wall_time",),
    ),
    "gate-lease": Guard(
        "a permit is void when the lease of its claim is over",
        cut(GATE, "and self._clock.monotonic_s() < asked.leased_s + self._lease_s\n", "\n"),
        (f"{IN_GATE}test_a_permit_is_void_when_the_lease_of_its_claim_is_over",),
    ),
    "gate-lease-step": Guard(
        "a machine that was paused does not know how old its leases are: they count for nothing",
        cut(GATE, "and self._stepped_s <= asked.leased_s\n", "\n"),
        (f"{IN_GATE}test_leases_from_before_a_step_of_the_wall_count_for_nothing",),
    ),
    "gate-early": Guard(
        "nothing is sent before its instant",
        cut(GATE, "due_at_ms <= self._clock.now_ms() <=", "self._clock.now_ms() <="),
        (f"{IN_GATE}test_nothing_is_sent_before_its_instant",),
    ),
    "gate-closing": Guard(
        "nothing is sent after the permit's end, even if the arm gave it in time",
        cut(GATE, "self._clock.now_ms() <= not_after_ms", "self._clock.now_ms()"),
        (
            f"{IN_GATE}test_a_permit_is_young_and_within_its_hours",
            f"{IN_WORKER}test_a_clock_that_passed_the_closing_during_the_arm_does_not_send",
        ),
    ),
    "gate-asked": Guard(
        "a dialer that was frozen after its arm does not send",
        (
            Patch(
                SENDER,
                " and self._gate.may_send(asked, due_at_ms=item.due_at_ms, not_after_ms=item.not_after_ms)",
                "",
            ),
        ),
        (f"{IN_WORKER}test_a_dialer_frozen_after_its_arm_does_not_send",),
    ),
    "gate-before-the-arm": Guard(
        "a permit's life begins before the arm waits for a connection, not after it answered",
        cut(SENDER, "await self._send(armed, asked)", "await self._send(armed, self._gate.asked(leased_s))"),
        (f"{IN_WORKER}test_a_dialer_frozen_after_its_arm_does_not_send",),
    ),
    "gate-last-moment": Guard(
        "the gate is asked again when there is a connection and nothing is left to do but to write",
        cut("dialer/http.py", "if self._may_leave is not None and not self._may_leave():", "if False:"),
        (f"{IN_HTTP}test_what_may_not_leave_any_more_sends_not_one_byte",),
    ),
    "arm-has-an-end": Guard(
        "an arm that takes as long as a permit lasts is given up",
        cut(SENDER, "async with asyncio.timeout(self._permit_s):", "async with asyncio.timeout(None):"),
        (f"{IN_SENDER}test_an_arm_that_waits_longer_than_its_permit_lasts_is_given_up",),
    ),
    "arm-in-doubt": Guard(
        "an arm whose answer was lost is not sent, and is said not to have been",
        cut(
            SENDER,
            "self._recorder.sent([Sent(d.claim, d.attempt_id, d.permit, now_ms, None) for d in doubts])",
            "doubts = []",
        ),
        (f"{IN_SENDER}test_a_permit_whose_answer_was_lost_is_not_used_and_said_so",),
    ),
    "unknown-is-not-unsent": Guard(
        "what cannot be told to have rung or not is never placed again",
        cut(
            "dialer/http.py",
            "return Unknown(exchange.reason) if exchange.began else",
            'return NotDialled(exchange.reason, "route") if exchange.began else',
        ),
        (f"{IN_HTTP}test_an_exchange_proves",),
    ),
    "adapters-fault-is-unknown": Guard(
        "an adapter that fails may have sent: its calls are unknown, not free to be placed again",
        cut(
            SENDER,
            'return [Unknown("the provider\'s adapter failed")] * len(actions)',
            "return [HELD] * len(actions)",
        ),
        (f"{IN_WORKER}test_what_is_unknown_is_never_placed_again",),
    ),
    "proxy-error-proves-nothing": Guard(
        "a refusal counts only in the provider's own words: a proxy's 404 proves nothing",
        cut("dialer/http.py", "status in REFUSALS and is_own_error(exchange.body)", "status in REFUSALS"),
        (f"{IN_HTTP}test_an_exchange_proves",),
    ),
    "live-alone": Guard(
        "a simulated account rings no real phone, and a live one is not played",
        cut(SENDER, " if item.simulated != self._provider.live]", "]"),
        (f"{IN_APART}test_a_live_account_reaches_its_provider_alone_and_others_never_do",),
    ),
    "lookup-of-others": Guard(
        "that another provider never heard of a call does not prove that there was none",
        cut("scheduler/ledger/sql/attempt_lookups.sql", " AND ac.simulated <> $2::boolean",
            " AND $2::boolean IS NOT NULL"),
        (f"{IN_APART}test_a_provider_is_never_asked_about_calls_of_another",),
    ),
    "report-signed": Guard(
        "a report counts only when the integrator signed it",
        cut("api/routes/providers.py", "if attempt_id is None or not signed:", "if attempt_id is None:"),
        (f"{IN_CALLBACKS}test_what_is_not_signed_by_the_integrator_is_401_and_changes_nothing",),
    ),
    "report-once": Guard(
        "an event that comes again says nothing more, whatever it says",
        cut(INBOX, "if of.seen or not self._has_place(of):", "if not self._has_place(of):"),
        (f"{IN_CALLBACKS}test_an_event_id_that_comes_again_with_another_body_is_ignored",),
    ),
    "report-stop-not-from-disk": Guard(
        "a posted report that forbids a call is answered when the ledger has it, never from disk",
        cut(INBOX, "None if report.disposition in STOPPED else self._aside", "self._aside"),
        (f"{IN_AWAY}test_who_says_stop_is_heard_by_the_ledger_or_not_at_all",),
    ),
    "report-behind": Guard(
        "posted reports go behind those that wait on disk: in order",
        cut(INBOX, "if aside is None or aside.empty:", "if True:"),
        (f"{IN_AWAY}test_reports_go_behind_those_that_wait_on_disk",),
    ),
    "late-no": Guard(
        "a dialer's no to a look-up proves nothing while the request may still be on its way",
        cut("dialer/providers/webhook.py", " if now_ms > lookup.arrive_by_ms else CannotSay()", ""),
        (f"{IN_WEBHOOK}test_a_look_up_denies_a_call_only_by_a_plain_no_that_comes_late_enough",),
    ),
    "own-key": Guard(
        "an attempt has one key for the provider, the same in every process",
        cut(SENDER, "key=uuid5(self._installation_id, str(item.attempt_id))", "key=self._new_id()"),
        (f"{IN_WORKER}test_a_due_loop_is_sent_once_with_the_attempts_own_key",),
    ),
    "lease-renewed": Guard(
        "a held loop is leased anew when a third of its lease is over",
        cut("dialer/claimer.py", "            stale = await self._asker.extend(self._hold.all())\n",
            "            stale: list[Claim] = []\n"),
        (f"{IN_CLAIMER}test_a_held_loop_is_leased_anew_when_a_third_of_its_lease_is_over",),
    ),
    "lost-lease-dropped": Guard(
        "a lease that was lost is never armed by who lost it",
        cut("dialer/claimer.py", "self._hold.renewed(stale, began_s)", "self._hold.renewed([], began_s)"),
        (f"{IN_CLAIMER}test_a_lease_that_was_lost_is_never_armed_by_who_lost_it",),
    ),
    "latest-answer-counts": Guard(
        "that an earlier permit was not used says nothing of a later one",
        cut("dialer/news.py", "answer in latest.values():\n", "answer in self.sent:\n"),
        ("tests/dialer/test_news.py::"
         "test_that_an_earlier_permit_was_not_used_says_nothing_of_a_later_one",),
    ),
    "late-claim-given-back": Guard(
        "a claim that was answered late does not leave with tokens of another second",
        cut("dialer/claimer.py", "        if self._asker.came_late(claims):\n", "        if False:\n"),
        (f"{IN_CLAIMER}test_a_claim_that_was_answered_late_does_not_leave_with_tokens_of_before",),
    ),
    "hold-never-early": Guard(
        "what is held waits for its instant",
        cut("dialer/hold.py", " and self._heap[0][0] <= now_ms:", ":"),
        (
            f"{IN_CLAIMER}test_a_loop_is_claimed_ahead_and_sent_at_its_instant",
            f"{IN_CLAIMER}test_what_comes_due_together_is_armed_together",
        ),
    ),
    "acknowledged-after-commit": Guard(
        "a provider's event is acknowledged when it is committed, not before",
        cut(
            "dialer/recorder.py",
            "await self._keeping(group, self.commit(group))",
            "await self._acknowledge(group), await self._keeping(group, self.commit(group))",
        ),
        ("tests/dialer/test_recorder.py::test_nothing_is_acknowledged_before_it_is_committed",),
    ),
    "spool": Guard(
        "with the ledger away news is on disk before it is acknowledged",
        cut(ASIDE, "if not await self._spool.put(group):", "if False:"),
        (f"{IN_SPOOL}test_an_outage_loses_no_news_and_keeps_none_from_being_acknowledged",),
    ),
    "stop-is-not-put-aside": Guard(
        "what forbids a call is acknowledged when the ledger has it, never from disk",
        cut(ASIDE, "[event for event in group.events if not forbids(event)]", "list(group.events)"),
        (f"{IN_SPOOL}test_who_said_stop_is_told_to_nobody_but_the_ledger",),
    ),
    "write-off-waits-for-spools": Guard(
        "nothing is written off while a dialer's spool holds news",
        cut(RECONCILER, "heard_all = not await self._spooled(now_ms)", "heard_all = True"),
        (f"{IN_SPOOL}test_nothing_is_written_off_while_a_spool_holds_news",),
    ),
    "write-off-waits-for-news": Guard(
        "after a start or an outage news that waited comes before any writing off",
        cut(
            RECONCILER,
            "heard_all = now_ms - self._whole_since_ms >= self._unknown_after_ms",
            "heard_all = True",
        ),
        (f"{IN_RECONCILER}test_news_that_waited_comes_before_any_writing_off",),
    ),
    "unknown-first": Guard(
        "an armed attempt without news is unknown until its time is over; then it ends and counts as a call",
        cut(RECONCILER, "reports.append(_written_off(row[\"attempt_id\"], now_ms))", "pass"),
        (
            f"{IN_RECONCILER}test_an_armed_attempt_that_nobody_reports_on_becomes_unknown_then_is_written_off",
        ),
    ),
    "clocks-apart": Guard(
        "while two clocks are more than a second apart nothing is armed",
        cut("scheduler/services/clock_probe.py", "return self._apart_ms <= self._stop_ms", "return True"),
        (
            "tests/services/test_clock_probe.py"
            "::test_a_dialer_whose_clock_is_wrong_arms_nothing_until_it_is_right_again",
        ),
    ),
    "clock-set": Guard(
        "who finds its own clock set claims nothing before the clocks are compared again",
        cut("scheduler/services/clock_probe.py", " and abs(self._stepped_ms()) <= self._stop_ms\n", "\n"),
        (
            "tests/services/test_clock_probe.py"
            "::test_a_dialer_whose_clock_is_set_claims_nothing_before_the_next_probe",
        ),
    ),
    "breaker": Guard(
        "where nothing gets through, nothing is tried",
        cut(BREAKER, "elif self._is_broken(gate, news, now_ms):", "elif False:"),
        (f"{IN_BREAKER}test_failures_of_ours_shut_the_agents_gate",),
    ),
    "breaker-numbers-own": Guard(
        "now and then a failure shuts nothing",
        cut(BREAKER, "return failed >= self._failures and failed >=", "return failed >= 0 or failed >="),
        (f"{IN_BREAKER}test_now_and_then_a_failure_or_one_of_the_number_shuts_nothing",),
    ),
    "breaker-one-tries": Guard(
        "of several processes one lets one call through",
        (
            Patch(BREAKER, 'if any(to_ms(row["probe_at"]) <= now_ms for row in rows):', "if rows:"),
            Patch(PROBE, "<= $1\n", "<= $1::timestamptz + interval '1 day'\n"),
        ),
        (f"{IN_BREAKER}test_of_two_processes_only_one_lets_a_call_through",),
    ),
    "spool-marked": Guard(
        "what is on disk is acknowledged when the wheel says that it is there",
        cut(ASIDE, "        return self._marked", "        return True"),
        (f"{IN_SPOOL}test_without_the_wheel_to_say_so_nothing_is_acknowledged_from_disk",),
    ),
    "deadlines-in-order": Guard(
        "settings under which a call could be forgotten while it may still be sent are refused at start",
        cut("scheduler/settings.py", "s.permit_s + s.provider_total_s < s.unknown_after_s", "True"),
        ("tests/test_settings.py::test_contradictions_that_could_ring_a_phone_twice_are_refused_at_start",),
    ),
}  # fmt: skip
