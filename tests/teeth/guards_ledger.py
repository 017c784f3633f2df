"""Guards in Postgres: the arm's checks, what only one writer may do, what the ledger itself refuses."""

from __future__ import annotations

from tests.teeth.guard import Guard, Patch, cut

ARM = "scheduler/ledger/sql/arm_attempts.sql"
SCHEMA = "scheduler/ledger/migrations/0001_ledger.sql"
IN_ARM = "tests/flow/test_arm.py::"
IN_SETTLE = "tests/flow/test_settle.py::"
IN_CADENCES = "tests/services/test_cadences.py::"
IN_RACE = "tests/flow/test_opt_out_race.py::"
IN_INDEXES = "tests/ledger/test_indexes.py::"
IN_SESSIONS = "tests/ledger/test_sessions.py::"
IN_KEYS = "tests/ledger/test_composite_keys.py::"
KEYS = "scheduler/ledger/migrations/0111_keys_of_leads.sql"
PAUSED = f"{IN_ARM}test_what_is_paused_is_refused_and_does_not_come_straight_back"

GUARDS: dict[str, Guard] = {
    "arm-instant": Guard(
        "a permit only for the very instant that was claimed: the compare of the arm's compare-and-set",
        cut(ARM, " OR lo.next_at <> c.due_at THEN", " THEN"),
        (f"{IN_ARM}test_an_instant_that_is_not_the_planned_one_is_dropped",),
    ),
    "arm-two-statements": Guard(
        "the arm locks its leads, then reads in a second statement: it sees an opt-out that it waited for",
        cut(
            "scheduler/ledger/epochs.py",
            'await ledger.fetch("arm_lock", loop_ids, WHEEL_LOCK, list(shards), on=on)',
            'await ledger.fetch("read_ready", on=on)',
        ),
        (f"{IN_RACE}test_an_arm_that_waits_for_an_opt_out_sees_it",),
    ),
    "arm-suppression": Guard(
        "a suppressed phone gets no permit",
        cut(ARM, "s.account_id = lo.account_id AND s.phone = le.phone", "false"),
        (f"{IN_ARM}test_a_suppressed_phone_is_refused_and_its_loop_ends",),
    ),
    "arm-settings-version": Guard(
        "what was planned under older settings gets no permit before it was planned anew",
        cut(ARM, "lo.policy_version <> ag.policy_version OR ", ""),
        (f"{IN_ARM}test_an_older_policy_whose_new_plan_is_later_waits_for_it",),
    ),
    "arm-lead-version": Guard(
        "what was planned before the lead's last contact gets no permit",
        cut(ARM, " OR lo.lead_version <> le.version THEN", " THEN"),
        (f"{IN_ARM}test_a_contact_that_came_in_between_makes_the_plan_outdated",),
    ),
    "arm-account-pause": Guard(
        "a paused account gets no permits", cut(ARM, "WHEN ac.paused THEN", "WHEN false THEN"), (PAUSED,)
    ),
    "arm-agent-pause": Guard(
        "a paused agent gets no permits", cut(ARM, "WHEN ag.paused THEN", "WHEN false THEN"), (PAUSED,)
    ),
    "arm-batch-pause": Guard(
        "a paused or canceled batch gets no permits",
        cut(ARM, "b.status IN ('paused', 'canceled')", "false"),
        (PAUSED, "tests/api/test_batches.py::test_nothing_comes_back_into_a_canceled_batch"),
    ),
    "arm-trunk-pause": Guard(
        "a paused trunk gets no permits",
        cut(ARM, "SELECT t.paused FROM", "SELECT false FROM"),
        (
            "tests/flow/test_caller_ids.py"
            "::test_a_paused_trunk_stops_its_agents_even_where_the_wheel_does_not_know",
        ),
    ),
    "arm-batch-start": Guard(
        "a batch that begins later gets no permits before",
        cut(ARM, "SELECT (b.throttle ->> 'start_at')::timestamptz > $3 FROM", "SELECT false FROM"),
        ("tests/flow/test_pacing.py::test_a_lead_planned_before_its_batch_moved_is_refused_by_the_arm",),
    ),
    "arm-cadence-version": Guard(
        "what was planned under an older version of a cadence gets no permit once a newer one is in force",
        cut(ARM, "SELECT ca.applied_version > lo.cadence_version OR ", "SELECT "),
        (f"{IN_CADENCES}test_a_version_for_all_loops_holds_from_the_next_claim",),
    ),
    "arm-cadence-archived": Guard(
        "nobody is called by a cadence that was archived",
        cut(ARM, " OR ca.status = 'archived' FROM", " FROM"),
        (f"{IN_CADENCES}test_nobody_is_called_by_a_cadence_that_was_archived",),
    ),
    "arm-early": Guard(
        "no permit before the planned instant",
        cut(ARM, "WHEN lo.next_at > $3 THEN", "WHEN false THEN"),
        (f"{IN_ARM}test_what_is_claimed_early_goes_back_to_its_instant",),
    ),
    "arm-hours": Guard(
        "no permit once the hours are over",
        cut(ARM, "WHEN lo.open_until - $6::interval < $3 THEN", "WHEN false THEN"),
        (f"{IN_ARM}test_a_closed_window_moves_the_loop_to_the_next_opening",),
    ),
    "arm-close-margin": Guard(
        "a permit ends a minute before the hours do",
        cut(ARM, "lo.open_until - $6::interval AS not_after", "lo.open_until AS not_after"),
        (f"{IN_ARM}test_a_permit_ends_a_minute_before_the_hours_do",),
    ),
    "arm-lead-busy": Guard(
        "a lead in a call is not called on another line",
        cut(ARM, "busy.lead_id = lo.lead_id", "false"),
        (f"{IN_ARM}test_a_lead_in_a_call_is_not_called_on_another_line",),
        also=("UniqueViolationError",),  # what is left then is the index, and the others of the arm pay
    ),
    "arm-epoch": Guard(
        "what was claimed on a wheel that is lost gets no permit: its call slots are not known",
        cut(ARM, "WHEN c.epoch <> (SELECT", "WHEN false AND c.epoch <> (SELECT"),
        (f"{IN_ARM}test_a_claim_of_before_a_rebuild_is_not_armed",),
    ),
    "arm-over": Guard(
        "an attempt that is over is never armed again",
        (
            Patch(ARM, "lo.status NOT IN ('scheduled', 'waiting_callback') OR ", ""),
            Patch(ARM, "WHERE attempt.state = 'not_sent'", "WHERE attempt.state IS NOT NULL"),
        ),
        (f"{IN_ARM}test_an_attempt_that_is_over_is_never_armed_again",),
        also=("CheckViolationError",),  # what is left then: an outcome belongs to an attempt that is done
    ),
    "caller-id-budget": Guard(
        "a number is counted only as far as its cap goes, in the WHERE of the count",
        cut(
            "scheduler/ledger/sql/caller_id_count.sql",
            "WHERE u.used + excluded.used <=",
            "WHERE 0 * u.used <=",
        ),
        (
            "tests/flow/test_caller_ids.py::test_the_count_itself_stops_at_the_cap_whoever_counts",
            "tests/flow/test_caller_ids.py::test_a_cap_that_is_lowered_in_the_moment_of_the_arm_leaves_no_permit",
        ),
    ),
    "permit-on-record": Guard(
        "only the permit's own holder may say that nothing was sent",
        cut("scheduler/ledger/sql/attempt_not_sent.sql", " AND a.permit = s.permit", ""),
        (f"{IN_SETTLE}test_another_permits_testimony_takes_nothing_back",),
    ),
    "not-sent-at-another-instant": Guard(
        "what was never sent waits at another instant: no call begins on slots about to be freed",
        cut("scheduler/flow/settle.py", "due_ms, min(due_ms + 1, now_ms))", "due_ms)"),
        (f"{IN_SETTLE}test_what_was_never_sent_is_not_armed_by_who_found_it_at_its_old_instant",),
    ),
    "not-sent-of-a-ring": Guard(
        "an attempt that rang is not taken back, whatever the provider denies",
        (
            Patch("scheduler/ledger/sql/attempt_not_sent.sql", " AND a.state IN ('armed', 'unknown')", ""),
            Patch(
                "scheduler/flow/settle.py",
                'and report.outcome is None and report.state in ("armed", "unknown")',
                "",
            ),
        ),
        (f"{IN_SETTLE}test_a_ring_is_believed_against_a_provider_that_denied_it",),
    ),
    "rank-of-states": Guard(
        "a state never goes back, in whatever order the news comes",
        cut(
            "scheduler/ledger/sql/attempt_progress.sql",
            "> array_position('{armed,unknown,accepted,ringing,in_call}', a.state)",
            "> 0",
        ),
        (f"{IN_SETTLE}test_a_state_never_goes_back",),
    ),
    "over-stays-over": Guard(
        "the first end wins; later ones change nothing",
        (
            Patch(
                "scheduler/flow/settle.py",
                '["state"] in LIVE_STATES]',
                '["state"] in LIVE_STATES | {"done"}]',
            ),
            Patch(
                "scheduler/ledger/sql/settle_attempts.sql",
                "  AND a.state NOT IN ('not_sent', 'done', 'canceled')\n",
                "",
            ),
        ),
        (f"{IN_SETTLE}test_what_is_over_stays_over", f"{IN_SETTLE}test_five_reports_of_one_end_count_once"),
    ),
    "amend-unknown-only": Guard(
        "a late report puts right only what was written off as unknown",
        cut("scheduler/ledger/sql/attempt_amend.sql", " AND a.outcome = 'unknown'", ""),
        (f"{IN_SETTLE}test_what_is_over_stays_over", f"{IN_SETTLE}test_five_reports_of_one_end_count_once"),
    ),
    "keys-of-attempts": Guard(
        "an attempt is of a loop of its own account, lead, agent and lane",
        cut(
            KEYS,
            "FROM loop AS lo WHERE lo.loop_id = m.loop_id) IS NOT TRUE\n              OR (SELECT",
            "FROM loop AS lo WHERE lo.loop_id = m.loop_id) IS NULL\n              OR (SELECT",
        ),
        (f"{IN_KEYS}test_leads_loops_and_attempts_refer_to_their_account_s_own",),
    ),
    "keys-of-stray-loops": Guard(
        "a loop that was led to another account's agent, batch or lane is never called",
        cut(
            KEYS,
            "IS NOT TRUE\n              OR (m.cadence_id IS NOT NULL AND\n                  (SELECT ca.",
            "IS NULL\n              OR (m.cadence_id IS NOT NULL AND\n                  (SELECT ca.",
        ),
        (f"{IN_KEYS}test_a_loop_that_strays_to_another_account_is_never_called",),
    ),
    "keys-settled": Guard(
        "who serves a tenant cannot change what makes a row its account's",
        cut(
            KEYS,
            "EXECUTE format('REVOKE UPDATE ON %I FROM dialwheel_service, dialwheel_tenant', keyed.name);",
            "",
        ),
        (f"{IN_KEYS}test_what_makes_a_row_its_account_s_is_never_changed_for_a_tenant",),
    ),
    "last-key": Guard(
        "of two last keys that may do everything one stays: the others are counted after the lock was had",
        cut("scheduler/ledger/keys.py", 'await database.execute("key_lock", account_id, on=on)', "pass"),
        (
            "tests/api/test_changes_at_once.py"
            "::test_of_the_last_two_keys_that_may_do_everything_one_stays_whoever_is_quicker",
        ),
    ),
    "settle-lock": Guard(
        "two processes that settle the same end write it once: the lead is locked before it is read",
        cut("scheduler/ledger/sql/settle_lock.sql", "\nFOR NO KEY UPDATE OF le", ""),
        (f"{IN_SETTLE}test_two_settles_that_wait_for_one_lead_count_its_end_once",),
    ),
    "if-match-in-the-change": Guard(
        "what has changed since it was read is looked at inside the transaction of the change",
        cut("api/routing.py", "with guarded(unchanged):", "if unchanged:"),
        (
            "tests/api/test_changes_at_once.py"
            "::test_two_processes_let_one_of_those_who_have_read_the_same_change_it",
        ),
    ),
    "late-stop": Guard(
        "who says stop in a report that comes late is not called again",
        cut(
            "scheduler/flow/settle.py",
            "for r in over if r.disposition in STOPPED]",
            "for r in over if False]",
        ),
        (f"{IN_SETTLE}test_a_stop_that_arrives_late_still_stops",),
    ),
    "opt-out-second-transaction": Guard(
        "an opt-out locks the lead after its suppression is committed: it sees every arm that came first",
        cut(
            "scheduler/flow/opt_out.py",
            "ended, live = await _cancel(flow, account_id, phone, now_ms, told=not done.added)",
            "ended, live = [], []",
        ),
        (
            f"{IN_RACE}test_an_opt_out_waits_for_the_permit_that_came_first",
            f"{IN_RACE}test_many_opt_outs_race_many_arms_and_no_armed_one_is_missed",
        ),
    ),
    "opt-out-waits-for-permits": Guard(
        "an opt-out is answered when the permit that came first was used, given back, or is over",
        cut(
            "scheduler/flow/opt_out.py", 'while any(row["state"] == "armed" for row in live):', "while False:"
        ),
        (
            f"{IN_RACE}test_an_opt_out_waits_for_the_permit_that_came_first",
            "tests/api/test_dnc.py::test_an_armed_call_is_waited_for_and_ended_once_it_rings",
        ),
    ),
    "opt-out-hangs-up": Guard(
        "what rings when its phone opts out is hung up before the answer",
        cut("scheduler/flow/opt_out.py", "        await hang_up(calls)", "        pass"),
        ("tests/api/test_dnc.py::test_a_ringing_call_is_hung_up_before_the_answer",),
    ),
    "pause-waits": Guard(
        "a pause is answered when every permit from before it is void",
        cut(
            "scheduler/flow/pause.py",
            "    await until_permits_are_void(clock, committed_s, permit_s)\n",
            "",
        ),
        ("tests/api/test_pause.py::test_the_pause_is_answered_only_when_every_older_permit_is_void",),
    ),
    "cancel-waits": Guard(
        "a cancel is answered when every permit from before it is void",
        cut(
            "scheduler/flow/batches.py",
            "    await until_permits_are_void(clock, committed_s, permit_s)\n",
            "",
        ),
        ("tests/api/test_pause.py::test_a_change_is_answered_only_when_every_older_permit_is_void",),
    ),
    "settings-wait": Guard(
        "a change of settings is answered when every permit from before it is void",
        cut(
            "api/editing.py",
            "await until_permits_are_void(call.deps.clock, edit.committed_s, call.deps.settings.permit_s)",
            "pass",
        ),
        ("tests/api/test_pause.py::test_a_change_is_answered_only_when_every_older_permit_is_void",),
    ),
    "unique-attempt-number": Guard(
        "an attempt number is used once in a loop",
        cut(SCHEMA, "    UNIQUE (loop_id, n),\n", ""),
        (f"{IN_INDEXES}test_an_attempt_number_is_used_once_in_a_loop",),
    ),
    "unique-live-attempt": Guard(
        "a lead has one live attempt over all its loops",
        cut(SCHEMA, "CREATE UNIQUE INDEX attempt_live ON", "CREATE INDEX attempt_live ON"),
        (f"{IN_INDEXES}test_a_lead_has_one_live_attempt_over_all_its_loops",),
    ),
    "unique-active-loop": Guard(
        "a lead has one active loop",
        cut(SCHEMA, "CREATE UNIQUE INDEX loop_active ON", "CREATE INDEX loop_active ON"),
        (f"{IN_INDEXES}test_a_lead_has_one_active_loop_and_any_number_of_ended_ones",),
    ),
    "unique-event": Guard(
        "a provider's event is kept once",
        cut(SCHEMA, "PRIMARY KEY (attempt_id, provider, event_id)", "CHECK (attempt_id IS NOT NULL)"),
        (f"{IN_INDEXES}test_an_event_of_a_provider_is_kept_once",),
    ),
    "unique-phone": Guard(
        "a phone is one lead of an account",
        cut(SCHEMA, "    UNIQUE (account_id, phone)\n) WITH", "    CHECK (account_id > 0)\n) WITH"),
        (f"{IN_INDEXES}test_a_phone_is_one_lead_of_an_account",),
    ),
    "frozen-in-a-statement": Guard(
        "a process that stands still in the middle of a statement holds up nobody",
        cut("scheduler/ledger/sql/session_cut.sql", "s.state = 'active'\n          OR (", "("),
        (f"{IN_SESSIONS}test_half_a_statement_does_not_hold_rows_for_ever",),
    ),
    "frozen-with-a-lock": Guard(
        "a builder of the wheel that stands still keeps nobody else from building it",
        cut("scheduler/ledger/sql/session_cut.sql", "s.state = 'idle'\n", "false\n"),
        (f"{IN_SESSIONS}test_a_lock_goes_on_to_the_next_when_its_holder_stands_still",),
    ),
    "durable-commits": Guard(
        "a permit is on disk before anything leaves: synchronous_commit stays on",
        cut("scheduler/ledger/database.py", '"synchronous_commit": "on"', '"synchronous_commit": "off"'),
        ("tests/limits/test_durable.py::test_commits_are_durable_on_every_connection",),
    ),
    "durable-server": Guard(
        "a Postgres that answers before it has written is refused at start",
        cut("scheduler/ledger/checks.py", "if not (await ledger_facts(database)).waits:", "if False:"),
        (
            "tests/ledger/test_checks.py::test_a_connection_that_forgets_all_the_same_is_refused_with_what_to_do",
        ),
    ),
}
