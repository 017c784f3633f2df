"""The ledger of rings outlives its process and can be read by anyone (MISSION, referee of I1, I7 and I11)."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import pytest

from dialer.providers.rings import Ring, RingLedger, rfc3339
from tests.providers.builders import PHONE, instant_ms

RINGS = [
    Ring(instant_ms("2026-06-02T18:00:00.007Z"), PHONE, UUID(int=1), 1, ("America/New_York",), ("US-NY",)),
    Ring(
        instant_ms("2026-06-02T18:00:01.999Z"),
        PHONE,
        UUID(int=2),
        2,
        ("America/Chicago", "America/Denver"),
        ("US-SD", "US-ND"),
        "+16055550100",
    ),
]


def filled(path: Path | None) -> RingLedger:
    ledger = RingLedger(path)
    for ring in RINGS:
        ledger.record(*ring)
    ledger.flush()
    return ledger


@pytest.mark.parametrize("on_disk", [False, True])
def test_what_was_recorded_is_read_back_exactly(tmp_path: Path, on_disk: bool):
    ledger = filled(tmp_path / "rings.ndjson" if on_disk else None)
    assert list(ledger) == RINGS
    assert ledger.total == 2
    ledger.close()


def test_a_second_run_goes_on_after_the_first(tmp_path: Path):
    path = tmp_path / "data" / "rings.ndjson"
    filled(path).close()
    again = RingLedger(path)
    assert again.total == 2
    again.record(*RINGS[0])
    assert list(again) == [*RINGS, RINGS[0]]
    assert again.total == 3
    again.close()


def test_a_line_that_a_killed_process_left_unfinished_is_cut_off(tmp_path: Path):
    path = tmp_path / "rings.ndjson"
    filled(path).close()
    whole = path.read_bytes()
    path.write_bytes(whole + whole.splitlines()[0][:40])
    ledger = RingLedger(path)
    ledger.record(*RINGS[1])
    assert list(ledger) == [*RINGS, RINGS[1]]
    ledger.close()


@pytest.mark.parametrize("on_disk", [False, True])
def test_the_exported_file_names_instant_number_attempt_and_candidates(tmp_path: Path, on_disk: bool):
    ledger = filled(tmp_path / "rings.ndjson" if on_disk else None)
    out = tmp_path / "out" / "judge.ndjson"
    assert ledger.export(out) == 2
    ledger.close()
    rows = [json.loads(line) for line in out.read_bytes().splitlines()]
    assert rows[1] == {
        "at": "2026-06-02T18:00:01.999Z",
        "phone": PHONE,
        "key": "00000000-0000-0000-0000-000000000002",
        "attempt": 2,
        "zones": ["America/Chicago", "America/Denver"],
        "regions": ["US-SD", "US-ND"],
        "caller_id": "+16055550100",
    }
    assert "caller_id" not in rows[0], "nothing was chosen"


def test_a_ledger_may_be_exported_onto_itself(tmp_path: Path):
    ledger = filled(tmp_path / "rings.ndjson")
    assert ledger.export(tmp_path / "rings.ndjson") == 2
    assert list(ledger) == RINGS
    ledger.close()


def test_instants_are_written_in_utc_with_milliseconds():
    assert rfc3339(0) == "1970-01-01T00:00:00.000Z"
    assert rfc3339(instant_ms("2026-11-01T01:30:00.250-05:00")) == "2026-11-01T06:30:00.250Z"
