"""I21: a file's good rows go in once, its bad ones are named, and the totals always add up."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.imports.pipeline import ImportTotals, Layout
from api.imports.reporting import masked
from api.imports.workers import ImportWorkers
from scheduler.domain.model import Priority
from scheduler.errors import ImportRefused, NotFound, Refused
from scheduler.flow.throttle import Throttle
from scheduler.ledger.instants import to_ms
from tests.imports.builders import Desk, adds_up, claimed, csv_file, in_chunks, lead_rows, phone

ACTIONS = ("created", "updated", "unchanged", "duplicate", "suppressed", "rejected")


def counts(totals: ImportTotals) -> dict[str, int]:
    """What is not zero, but for the rows themselves."""
    return {name: n for name in ACTIONS if (n := getattr(totals, name))}


async def test_good_rows_become_leads_with_loops_in_the_batch_and_on_the_wheel(desk: Desk):
    totals = await desk.take(csv_file(lead_rows(120)), consent="demo", throttle=Throttle(max_per_min=60_000))

    assert (totals.status, totals.rows, counts(totals)) == ("done", 120, {"created": 120})
    stored = await desk.rows(
        "SELECT le.phone, le.consent, lo.status, lo.next_at, lo.loop_id, lo.why "
        "FROM lead AS le JOIN loop AS lo USING (lead_id)"
    )
    assert sorted(row["phone"] for row in stored) == sorted(phone(n) for n in range(120))
    assert {row["status"] for row in stored} == {"scheduled"}
    assert msgspec.json.decode(stored[0]["consent"]) == {"basis": "demo", "source": "import"}
    assert msgspec.json.decode(stored[0]["why"])[0]["rule"] == "strategy"
    batch = (await desk.rows("SELECT status, throttle, priority FROM batch"))[0]
    assert (batch["status"], batch["priority"]) == ("running", "bulk")
    assert msgspec.json.decode(batch["throttle"]) == {"max_per_min": 60_000}
    due = {row["loop_id"] for row in stored if to_ms(row["next_at"]) <= desk.clock.now_ms()}
    assert len(due) > 100
    assert set(await claimed(desk, 500)) == due


async def test_the_lines_tell_the_start_every_error_and_the_end(desk: Desk):
    rows = [*lead_rows(3), "12345,Short,,", *lead_rows(2, 3)]

    totals = await desk.take(csv_file(rows))

    kinds = [line["t"] for line in desk.lines]
    assert (kinds[0], kinds[-1]) == ("start", "done")
    assert desk.lines[0]["columns"] == {"phone": "Phone", "name": "Name", "timezone": "Time Zone"}
    assert (desk.lines[0]["phones"], desk.lines[0]["variables"]) == (["Phone"], ["Notes"])
    (error,) = [line for line in desk.lines if line["t"] == "error"]
    assert error == {
        "t": "error",
        "row": 5,
        "column": "Phone",
        "code": "phone-invalid",
        "detail": error["detail"],
        "value": "···45",
    }
    done = {name: desk.lines[-1][name] for name in ("rows", *ACTIONS)}
    assert done == {name: getattr(totals, name) for name in ("rows", *ACTIONS)}


async def test_the_same_file_twice_adds_and_changes_nothing(desk: Desk):
    data = csv_file([*lead_rows(70), phone(1) + ",Again,,", "bad,,,"])
    first = await desk.take(data, consent="demo")
    before = await desk.rows("SELECT * FROM lead JOIN loop USING (lead_id) ORDER BY lead_id")

    second = await desk.take(data, consent="demo")

    assert counts(first) == {"created": 70, "duplicate": 1, "rejected": 1}
    assert counts(second) == {"unchanged": 70, "duplicate": 1, "rejected": 1}
    assert await desk.rows("SELECT * FROM lead JOIN loop USING (lead_id) ORDER BY lead_id") == before


async def test_two_imports_of_one_file_at_once_enrol_nobody_twice(desk: Desk):
    data = csv_file(lead_rows(300))

    both = await asyncio.gather(
        desk.take(data, chunk_rows=37),
        desk.take(csv_file(lead_rows(300)[::-1]), chunk_rows=41, batch="other"),
    )

    assert sum(totals.created for totals in both) == 300
    assert all(totals.status == "done" and adds_up(totals) for totals in both)
    assert await desk.value("SELECT count(*) FROM lead") == 300
    assert await desk.value("SELECT count(*) FROM loop") == 300


async def test_a_row_states_something_new_and_only_that_changes(desk: Desk):
    await desk.take(csv_file([f"{phone(0)},Robin,,first", f"{phone(1)},Kim,,"]))
    version = await desk.value("SELECT version FROM lead WHERE phone = $1", phone(0))

    totals = await desk.take(csv_file([f"{phone(0)},,America/Denver,", f"{phone(1)},,,"]))

    assert counts(totals) == {"updated": 1, "unchanged": 1}
    (lead,) = await desk.rows("SELECT * FROM lead WHERE phone = $1", phone(0))
    assert (lead["name"], lead["timezone"]) == ("Robin", "America/Denver")
    assert msgspec.json.decode(lead["variables"]) == {"Notes": "first"}
    assert lead["version"] == version + 1


@pytest.mark.parametrize(
    ("on_duplicate", "expected"), [("skip", {"unchanged": 1}), ("reject", {"rejected": 1})]
)
async def test_known_leads_may_be_skipped_or_rejected(
    desk: Desk, on_duplicate: Any, expected: dict[str, int]
):
    await desk.take(csv_file(lead_rows(1)))

    totals = await desk.take(csv_file([f"{phone(0)},Other,,"]), on_duplicate=on_duplicate)

    assert counts(totals) == expected
    assert await desk.value("SELECT name FROM lead") == "Lead 0"
    if on_duplicate == "reject":
        assert desk.errors() == [(2, "already-active")]


async def test_a_suppressed_number_is_not_enrolled_and_is_told(desk: Desk):
    await desk.suppress([phone(1), phone(2)])
    await desk.take(csv_file([f"{phone(0)},x,,"]))
    await desk.suppress([phone(0)])

    totals = await desk.take(csv_file(lead_rows(4)))

    assert counts(totals) == {"created": 1, "suppressed": 3}
    assert desk.errors() == [(2, "suppressed"), (3, "suppressed"), (4, "suppressed")]
    assert await desk.value("SELECT count(*) FROM lead WHERE phone = ANY($1)", [phone(1), phone(2)]) == 0


async def test_rejected_rows_are_kept_as_they_came_with_line_and_code(desk: Desk):
    totals = await desk.take(csv_file([f'{phone(0)},"two\nlines",,', '12345,"Doe, Jane",Mars/Olympus,n']))

    (reject,) = await desk.rows("SELECT * FROM import_reject WHERE import_id = $1", totals.import_id)
    assert (reject["row"], reject["column"], reject["code"]) == (4, "Phone", "phone-invalid")
    assert msgspec.json.decode(reject["cells"]) == ["12345", "Doe, Jane", "Mars/Olympus", "n"]
    (stored,) = await desk.rows("SELECT * FROM import WHERE import_id = $1", totals.import_id)
    assert (stored["status"], stored["rows"], stored["created"], stored["rejected"]) == ("done", 2, 1, 1)
    assert stored["columns"] == ["Phone", "Name", "Time Zone", "Notes"]
    assert stored["bytes"] == totals.bytes > 0


async def test_a_live_import_waits_in_the_live_lane(desk: Desk):
    await desk.take(csv_file(lead_rows(5)), priority=Priority.LIVE)

    assert await desk.value("SELECT DISTINCT class FROM lane JOIN loop USING (lane_id)") == "live"
    assert len(await claimed(desk)) == 5


async def test_json_lines_are_imported_like_a_table(desk: Desk):
    lines = [msgspec.json.encode({"phone": phone(n), "colour": "red"}) for n in range(3)]
    data = b"\n".join([*lines, b"{broken", lines[0]])

    totals = await desk.take(data)

    assert counts(totals) == {"created": 3, "rejected": 1, "duplicate": 1}
    assert desk.errors() == [(4, "malformed-row"), (5, "duplicate-in-file")]
    assert await desk.value("SELECT count(*) FROM lead WHERE variables ->> 'colour' = 'red'") == 3


async def test_worker_processes_read_the_same_as_this_one(desk: Desk):
    rows = [*lead_rows(400), "nobody,,,", *lead_rows(5)]

    totals = await desk.take(csv_file(rows), workers=2, chunk_rows=50)

    assert counts(totals) == {"created": 400, "duplicate": 5, "rejected": 1}
    assert [row for row, _ in desk.errors()] == [402, *range(403, 408)]


async def test_the_first_of_two_rows_for_one_lead_counts_also_across_chunks_and_keys(desk: Desk):
    rows = [
        f"{phone(0)},first,a", f"{phone(1)},other,b", f"{phone(0)},again,c", f"{phone(2)},same id,a",
        f"{phone(0)},again,", f"{phone(3)},new,",
    ]  # fmt: skip

    totals = await desk.take(csv_file(rows, "Phone,Name,External ID"), chunk_rows=2)

    assert counts(totals) == {"created": 3, "duplicate": 3}
    assert desk.errors() == [(row, "duplicate-in-file") for row in (4, 5, 6)]
    names = [row["name"] for row in await desk.rows("SELECT name FROM lead ORDER BY phone")]
    assert sorted(names) == ["first", "new", "other"]


async def test_a_number_of_another_external_id_is_rejected_and_a_lead_may_change_its_number(desk: Desk):
    header = "Phone,Name,External ID"
    await desk.take(csv_file([f"{phone(0)},A,a", f"{phone(1)},B,b", f"{phone(2)},C,"], header))

    totals = await desk.take(csv_file([f"{phone(1)},X,x", f"{phone(3)},A,a", f"{phone(2)},C,c"], header))

    assert counts(totals) == {"rejected": 1, "updated": 2}
    assert desk.errors() == [(2, "already-active")]
    found = {
        row["external_id"]: row["phone"] for row in await desk.rows("SELECT external_id, phone FROM lead")
    }
    assert found == {"a": phone(3), "b": phone(1), "c": phone(2)}


async def test_a_sender_that_breaks_off_keeps_what_came_whole_and_is_told_where_to_go_on(desk: Desk):
    data = csv_file(lead_rows(100))

    async def broken() -> AsyncIterator[bytes]:
        cut = data.index(b"Lead 73")
        async for chunk in in_chunks(data[:cut], 500):
            yield chunk
        raise ConnectionResetError

    totals = await desk.take(broken(), chunk_rows=20)

    assert (totals.status, totals.created, totals.resume_row) == ("failed", 73, 75)
    assert desk.lines[-1]["resume_row"] == 75
    assert await desk.value("SELECT status FROM import") == "failed"

    again = await desk.take(data)
    assert counts(again) == {"created": 27, "unchanged": 73}
    assert await desk.value("SELECT count(*) FROM loop") == 100


async def test_a_sender_that_falls_silent_is_given_up_and_told_where_to_go_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    """I21: its connection is open, and nothing comes."""
    monkeypatch.setattr("api.imports.pipeline.SLOW_DRIP_S", 0.01)

    async def silent() -> AsyncIterator[bytes]:
        yield csv_file(lead_rows(3))
        await asyncio.Event().wait()

    totals = await desk.take(silent(), silence_s=0.05)

    assert (totals.status, totals.created, totals.resume_row) == ("failed", 3, 5)
    assert await desk.value("SELECT status FROM import") == "failed"


async def test_an_import_that_is_cancelled_leaves_whole_chunks_and_is_closed(desk: Desk):
    began = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield csv_file(lead_rows(100))
        began.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(desk.take(endless(), chunk_rows=50))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await desk.value("SELECT status FROM import") == "failed"
    rows, leads = (await desk.rows("SELECT rows, (SELECT count(*) FROM lead) FROM import"))[0]
    assert rows == leads
    assert rows in (0, 50, 100)


async def test_a_slow_sender_does_not_hold_its_rows_back(desk: Desk):
    written = asyncio.Event()
    leads_at_progress = []

    async def slow() -> AsyncIterator[bytes]:
        yield csv_file(lead_rows(3))
        await written.wait()
        leads_at_progress.append(await desk.value("SELECT count(*) FROM lead"))
        yield csv_file(lead_rows(2, 3), "").lstrip()

    def hear(line: dict[str, Any]) -> None:
        if line["t"] == "progress":
            written.set()

    totals = await desk.take(slow(), hear=hear)

    assert leads_at_progress == [3]
    assert totals.created == 5


async def test_a_worker_that_is_killed_ends_the_import_and_the_same_file_goes_in_again(desk: Desk):
    data = csv_file(lead_rows(300))
    workers = ImportWorkers(1)

    async def until_killed() -> AsyncIterator[bytes]:
        yield data[:4000]
        while not (children := multiprocessing.active_children()):  # noqa: ASYNC110
            await asyncio.sleep(0)  # the first block starts it
        for child in children:
            child.kill()
            child.join()
        yield data[4000:]

    totals = await desk.take(until_killed(), chunk_rows=20, workers=workers)

    assert totals.status == "failed"
    assert totals.resume_row == totals.created + 2
    assert await desk.value("SELECT count(*) FROM lead") == totals.created
    again = await desk.take(data, workers=workers)
    workers.close()
    assert (again.created, again.unchanged) == (300 - totals.created, totals.created)


async def test_a_row_that_only_the_ledger_refuses_is_rejected_alone(desk: Desk):
    await desk.rows("ALTER TABLE lead ADD CONSTRAINT no_trolls CHECK (name <> 'Troll')")
    rows = lead_rows(40)
    rows[17] = f"{phone(17)},Troll,,"

    totals = await desk.take(csv_file(rows))

    assert counts(totals) == {"created": 39, "rejected": 1}
    assert desk.errors() == [(19, "malformed-row")]
    assert adds_up(totals)


async def test_a_batch_goes_on_under_its_name_and_a_canceled_one_does_not(desk: Desk):
    first = await desk.take(csv_file(lead_rows(2)), batch="Nov solar")
    again = await desk.take(csv_file(lead_rows(4)), batch="Nov solar")
    assert again.batch_id == first.batch_id

    await desk.rows("UPDATE batch SET status = 'paused'")
    await desk.take(csv_file(lead_rows(6)), batch="Nov solar")
    assert await desk.value("SELECT status FROM batch") == "paused"

    await desk.rows("UPDATE batch SET status = 'canceled'")
    with pytest.raises(Refused, match="canceled"):
        await desk.take(csv_file(lead_rows(8)), batch="Nov solar")
    assert await desk.value("SELECT count(*) FROM lead") == 6


async def test_nothing_is_written_of_a_refused_file_or_for_an_unknown_agent(desk: Desk):
    with pytest.raises(ImportRefused, match="no phone column"):
        await desk.take(b"Name\nRobin\n")
    desk.agent_id += 1
    with pytest.raises(NotFound):
        await desk.take(csv_file(lead_rows(1)))

    for table in ("import", "batch", "lead"):
        assert await desk.value(f"SELECT count(*) FROM {table}") == 0


async def test_with_the_dialer_off_leads_are_kept_and_enrolled_when_it_is_on(desk: Desk):
    await desk.rows("""UPDATE agent SET auto_dialer = '{"enabled": false}', policy_version = 2""")
    totals = await desk.take(csv_file(lead_rows(3)))
    assert counts(totals) == {"created": 3}
    assert await desk.value("SELECT count(*) FROM loop") == 0

    await desk.rows("""UPDATE agent SET auto_dialer = '{"enabled": true}', policy_version = 3""")
    totals = await desk.take(csv_file(lead_rows(3)))
    assert counts(totals) == {"updated": 3}
    assert await desk.value("SELECT count(*) FROM loop WHERE status = 'scheduled'") == 3
    assert len(await claimed(desk)) == 3

    await desk.rows("UPDATE loop SET status = 'ended', end_reason = 'reached', next_at = NULL")
    totals = await desk.take(csv_file(lead_rows(3)))
    assert counts(totals) == {"unchanged": 3}
    assert await desk.value("SELECT count(*) FROM loop") == 3


async def test_a_listener_that_leaves_does_not_stop_the_import(desk: Desk):
    def hear(line: dict[str, Any]) -> None:
        raise ConnectionResetError

    totals = await desk.take(csv_file(["bad,,,", *lead_rows(3)]), hear=hear)

    assert counts(totals) == {"created": 3, "rejected": 1}
    assert len(desk.lines) == 1


FAULTS = {
    "good": None, "short": "phone-invalid", "none": "phone-missing", "zone": "timezone-unknown",
    "cells": "malformed-row", "quote": "malformed-row", "known": None, "forbidden": "suppressed",
    "again": "duplicate-in-file", "latin": "encoding", "nul": "nul",
}  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kinds=st.lists(st.sampled_from(sorted(FAULTS)), min_size=1, max_size=30), chunk_rows=st.integers(1, 9))
async def test_whatever_comes_the_totals_add_up_and_only_good_rows_go_in(
    desk: Desk, kinds: list[str], chunk_rows: int
):
    await desk.rows("TRUNCATE lead, loop, suppression, import_reject")
    await desk.suppress([phone(n) for n in range(300, 400)])
    await desk.take(csv_file([f"{phone(n)},Known,," for n in range(200, 230)]), batch="before")
    rows, good = [], 0
    for n, kind in enumerate(kinds):
        row = {
            "good": f"{phone(n)},x,,", "short": "12345,x,,", "none": ",x,,",
            "zone": f"{phone(n)},x,Nowhere/At,", "cells": f"{phone(n)},x", "quote": f'{phone(n)},"x,,',
            "known": f"{phone(200 + n)},Known,,", "forbidden": f"{phone(300 + n)},x,,",
            "again": f"{phone(1399)},x,,", "latin": f"{phone(n)},\xff,,", "nul": f"{phone(n)},\0,,",
        }[kind]  # fmt: skip
        rows.append(row)
        good += kind == "good"
    data = "\n".join(["Phone,Name,Time Zone,Notes", f"{phone(1399)},x,,", *rows]).encode("latin-1")

    totals = await desk.take(data, chunk_rows=chunk_rows)

    assert adds_up(totals)
    assert totals.rows == len(kinds) + 1
    assert totals.created == good + 1
    assert totals.unchanged == kinds.count("known")
    expected = [(n + 3, FAULTS[kind]) for n, kind in enumerate(kinds) if FAULTS[kind]]
    assert sorted(desk.errors()) == expected
    assert await desk.value("SELECT count(*) FROM loop") == good + 1 + 30


@pytest.mark.parametrize(
    ("value", "shown"),
    [("1-212-555-0100", "·-···-···-··00"), ("Mars/Olympus", "Mars/Olympus"), ("x" * 200, "x" * 80)],
)
def test_values_in_lines_show_no_number_whole(value: str, shown: str):
    assert masked(value) == shown


async def test_numbers_without_a_country_are_read_where_the_file_says_it_is_from(desk: Desk):
    totals = await desk.take(csv_file(["020 7946 0018,x"], "Phone,Name"), layout=Layout(region="GB"))

    assert counts(totals) == {"created": 1}
    assert await desk.value("SELECT phone FROM lead") == "+442079460018"
