"""Guards in the wheel: scripts, the client, and the services that keep it true to the ledger."""

from __future__ import annotations

from tests.teeth.guard import Guard, Patch, cut

CLAIM = "lua/claim.lua"
GATES = "lua/fragments/gates.lua"
IN_CLAIM = "tests/lua/test_claim.py::"
IN_SWEEP = "tests/services/test_feeder_and_sweeper.py::"

GUARDS: dict[str, Guard] = {
    "claim-id": Guard(
        "a claim whose answer was lost gets the same answer again",
        cut(CLAIM, "if known then return known end\n", ""),
        (f"{IN_CLAIM}test_the_same_claim_id_gets_the_same_answer",),
    ),
    "claim-epoch": Guard(
        "a wheel that is being rebuilt gives out nothing: empty caps would allow a flood",
        cut(
            CLAIM,
            "if call('GET', EPOCH) ~= ARGV[3] .. ' ' .. run_id() then return redis.error_reply("
            "'EPOCH the wheel is not ready') end\n",
            "",
        ),
        (f"{IN_CLAIM}test_a_wheel_at_another_epoch_hands_out_nothing",),
    ),
    "claim-server": Guard(
        "a server that took over gives out nothing before its call slots are set right",
        cut(
            CLAIM,
            "call('GET', EPOCH) ~= ARGV[3] .. ' ' .. run_id()",
            "string.match(call('GET', EPOCH) or '', '^(.*) ') ~= ARGV[3]",
        ),
        ("tests/lua/test_epoch.py::test_a_server_that_took_over_refuses_claims_until_it_is_opened",),
    ),
    "claim-never-early": Guard(
        "a claim takes nothing that is due later than it may reach",
        cut(CLAIM, "= take(lane.id, bound, most)", "= take(lane.id, bound + 3600000, most)"),
        (f"{IN_CLAIM}test_a_claim_ahead_takes_what_is_due_within_it_and_no_more",),
    ),
    "claim-pace-ahead": Guard(
        "what is behind a pace is not claimed ahead: two seconds' tokens would leave in one",
        cut(CLAIM, "if bound > now and paced(lane.gates) then bound = now end", ""),
        (f"{IN_CLAIM}test_what_is_behind_a_pace_is_not_claimed_ahead_of_its_instant",),
    ),
    "lane-hours": Guard(
        "a lane closes at its instant even for claims ahead",
        cut(CLAIM, "bound = min(bound, lane.open_until - 1)", "bound = bound"),
        (f"{IN_CLAIM}test_a_lane_closes_at_its_instant_even_for_claims_ahead",),
    ),
    "live-first": Guard(
        "live leads go before everything else",
        (
            Patch(CLAIM, "serve_all({'live'}, 24)", "serve_all({'callback', 'follow-up', 'bulk'}, 24)"),
            Patch(CLAIM, "serve_all({'callback', 'follow-up', 'bulk'}, 0)", "serve_all({'live'}, 0)"),
        ),
        (f"{IN_CLAIM}test_live_lanes_go_first",),
    ),
    "bulk-floor": Guard(
        "bulk gets its share beside any live load",
        cut(CLAIM, "if most >= 1 and taken < limit then", "if false then"),
        (f"{IN_CLAIM}test_bulk_keeps_its_floor_beside_a_live_backlog",),
    ),
    "gate-unknown": Guard(
        "a gate without a rule lets nothing through: a lost cap is no cap of infinity",
        cut(GATES, "if g.paused or not g.known then", "if g.paused then"),
        (f"{IN_CLAIM}test_a_gate_without_a_rule_lets_nothing_through_until_it_has_one",),
    ),
    "gate-calls": Guard(
        "a full gate gives no more than its calls",
        cut(GATES, "    n = g.most - g.used\n", "    n = g.most\n"),
        (f"{IN_CLAIM}test_a_full_gate_gives_no_more_than_its_calls",),
    ),
    "calls-hard-end": Guard(
        "a call that nobody ends frees its slot at its hard end",
        cut(
            GATES,
            "g.used = call('ZCOUNT', calls_key(id), '(' .. int(now), '(+inf')",
            "g.used = call('ZCOUNT', calls_key(id), '-inf', '(+inf')",
        ),
        (f"{IN_CLAIM}test_a_call_that_nobody_ends_frees_its_slot_at_its_hard_end",),
    ),
    "throttle": Guard(
        "a throttle never gives more than rate times t plus burst",
        cut(GATES, "g.tat = max(g.tat, now_us) + n * g.interval", "g.tat = now_us + n * g.interval"),
        (f"{IN_CLAIM}test_a_throttle_never_gives_more_than_rate_times_t_plus_burst",),
    ),
    "refund-rule": Guard(
        "a token given back is worth no more than if it had never been given",
        cut(GATES, "max(g.tat - g.interval, min(g.tat, least_us))", "g.tat - g.interval"),
        ("tests/lua/test_settle.py"
         "::test_a_refund_never_lets_a_window_see_more_than_rate_times_t_plus_burst",),
    ),
    "holder-check": Guard(
        "a settle by another holder changes nothing and says STALE",
        cut("lua/settle.lua", "if known ~= claim or gone[loop] then", "if gone[loop] then"),
        ("tests/lua/test_settle.py::test_another_holder_changes_nothing",
         "tests/lua/test_settle.py::test_settling_twice_says_stale_and_changes_nothing_more"),
    ),
    "end-frees-its-own": Guard(
        "the end of a call that is told late leaves the slots of the loop's next call",
        cut("lua/settle.lua", "if not hard_end or tonumber(hard_end) <= group.bounds[k]", "if true"),
        ("tests/lua/test_settle.py::test_a_late_end_leaves_the_slot_of_the_loops_next_call",),
    ),
    "extend-holder": Guard(
        "a lease that was lost cannot be extended",
        cut("lua/extend.lua", "if value and parse_holder(value) == claim then", "if true then"),
        ("tests/lua/test_extend.py::test_a_lost_lease_cannot_be_extended",),
    ),
    "slot-taken-again": Guard(
        "a call slot that was taken again meanwhile is not freed for the call before",
        cut("lua/free.lua", "if held_until and tonumber(held_until) == tonumber(ARGV[i + 2]) then",
            "if held_until then"),
        ("tests/lua/test_free.py::test_a_slot_that_was_taken_again_meanwhile_stays",),
    ),
    "no-library-retries": Guard(
        "the library never repeats a call by itself: a script would run twice",
        cut("scheduler/wheel/client.py", "retry=Retry(NoBackoff(), 0)",
            "retry=Retry(NoBackoff(), 3), retry_on_error=[ConnectionError, TimeoutError]"),
        ("tests/wheel/test_timing_wheel.py::test_the_library_never_repeats_a_call_by_itself",),
    ),
    "no-eviction": Guard(
        "a server that may drop waiting calls by itself is refused at start",
        cut("scheduler/wheel/client.py", 'if policy != "noeviction":', "if False:"),
        ("tests/wheel/test_timing_wheel.py::test_a_server_that_evicts_keys_is_refused_at_start",),
    ),
    "sweeper": Guard(
        "what is due and not on the wheel is put back",
        cut("scheduler/services/sweeper.py", "            await self._flow.wheel.place(missing, now_ms)\n",
            "            pass\n"),
        (f"{IN_SWEEP}test_the_sweeper_puts_back_what_was_lost_from_the_wheel",),
    ),
    "call-slot-rebuild": Guard(
        "after a loss calls under way take their slots before anything is claimed",
        cut("scheduler/services/rebuild.py", "    await flow.wheel.restore_calls(\n",
            "    calls = []\n    await flow.wheel.restore_calls(\n"),
        (f"{IN_SWEEP}test_after_a_loss_calls_under_way_take_their_slots_before_anything_is_claimed",
         "tests/services/test_restart.py"
         "::test_after_a_restart_nothing_is_claimed_before_calls_have_their_slots"),
    ),
    "slot-reconciled": Guard(
        "a slot whose call is over in the ledger comes back",
        cut("scheduler/services/sweeper.py", "        await self._slots.check(shard, now_ms)\n", ""),
        ("tests/services/test_slots.py::test_an_end_that_the_wheel_never_heard_of_frees_its_slot",),
    ),
    "slot-of-a-call": Guard(
        "a slot lives as long as its call, not as long as the lease of whoever made it",
        cut("scheduler/ledger/sql/calls_over.sql",
            "NOT IN ('armed', 'accepted', 'unknown', 'ringing', 'in_call')", "NOT IN ('')"),
        ("tests/services/test_slots.py::test_a_long_call_keeps_its_slot",),
    ),
    "one-builder": Guard(
        "while one process rebuilds the wheel, another leaves it alone",
        cut("scheduler/ledger/sessions.py",
            'await connection.fetchval("SELECT pg_try_advisory_lock($1)", lock)', "True"),
        ("tests/services/test_rebuild_whole.py::test_while_one_builds_another_leaves_the_wheel_alone",),
    ),
    "reap-renewed": Guard(
        "a lease that was renewed since it was looked at is not taken away",
        cut("lua/reap.lua", "if ended and had and had.dues[loop] and", "if had and had.dues[loop] and"),
        ("tests/lua/test_reap.py"
         "::test_what_was_leased_anew_or_let_go_since_it_was_looked_at_stays_as_it_is",),
    ),
    "reap-after-the-end": Guard(
        "a lease is taken away only when it has ended, by wall time",
        (
            Patch("scheduler/wheel/wheel.py", '"expired", shard, [wall_ms,', '"expired", shard, [10**15,'),
            Patch("lua/reap.lua", "return ends[claim] <= wall", "return true"),
        ),
        ("tests/lua/test_reap.py::test_leases_run_on_wall_time_whatever_the_clock_does",),
    ),
}  # fmt: skip
