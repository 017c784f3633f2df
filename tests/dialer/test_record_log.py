"""Records on disk: in order, whole or not at all, and no more than there is room for (F22, I23)."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.record_log import LogFull, RecordLog, move_files, record_files

RECORDS = [b"a" * 10, b"", b"b" * 300, b"c"]


def a_log(folder: Path, *, max_bytes: int = 10_000, file_bytes: int = 1000) -> RecordLog:
    return RecordLog(folder / "log", max_bytes=max_bytes, file_bytes=file_bytes)


def all_of(log: RecordLog) -> list[bytes]:
    return log.head(10_000)[0]


def test_records_come_out_in_the_order_they_went_in_over_many_files(tmp_path: Path) -> None:
    log = a_log(tmp_path)
    for number in range(40):
        log.append([b"%d" % number * 20, b"-"])
    assert len(record_files(tmp_path / "log")) > 1

    seen: list[bytes] = []
    while not log.empty:
        records, mark = log.head(7)
        assert mark is not None
        seen += records
        log.drop(mark)

    assert seen == [part for number in range(40) for part in (b"%d" % number * 20, b"-")]
    assert record_files(tmp_path / "log") == []
    assert log.size == 0


def test_what_was_not_dropped_is_there_after_a_restart(tmp_path: Path) -> None:
    """A crash in the middle of draining: some comes twice, nothing is missing."""
    log = a_log(tmp_path)
    log.append(RECORDS)
    _, mark = log.head(2)
    assert mark is not None
    log.drop(mark)
    assert all_of(log) == RECORDS[2:]

    again = a_log(tmp_path)

    assert all_of(again)[-2:] == RECORDS[2:]
    again.append([b"later"])
    assert all_of(again)[-1] == b"later"


@given(cut=st.integers(0, 400), flip=st.booleans())
@settings(max_examples=80, deadline=None)
def test_a_torn_end_is_cut_off_and_nothing_before_it_is_lost(
    tmp_path_factory: pytest.TempPathFactory, cut: int, flip: bool
) -> None:
    """kill -9 and power failures leave any part of the last write, or rubbish in its place."""
    folder = tmp_path_factory.mktemp("torn")
    log = a_log(folder)
    log.append(RECORDS)
    log.append([b"last" * 20])
    log.close()
    [path] = record_files(folder / "log")
    whole = path.read_bytes()
    cut = min(cut, len(whole) - 1)
    path.write_bytes(whole[:cut] + (bytes(byte ^ 0xFF for byte in whole[cut:]) if flip else b""))

    after = a_log(folder)

    kept = all_of(after)
    assert kept == [*RECORDS, b"last" * 20][: len(kept)]
    assert 8 * len(kept) + sum(map(len, kept)) <= cut  # nothing of the torn part
    next_record = [*RECORDS, b"last" * 20, None][len(kept)]
    assert next_record is not None
    assert 8 * (len(kept) + 1) + sum(map(len, kept)) + len(next_record) > cut  # and all before it
    after.append([b"new"])
    assert all_of(after) == [*kept, b"new"]


def test_a_full_log_takes_all_of_a_group_or_nothing(tmp_path: Path) -> None:
    log = a_log(tmp_path, max_bytes=400)
    log.append([b"x" * 100])

    with pytest.raises(LogFull):
        log.append([b"y" * 100, b"z" * 300])

    assert all_of(log) == [b"x" * 100]
    log.append([b"y" * 100])
    assert len(all_of(log)) == 2


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    log = a_log(tmp_path)
    log.append(RECORDS)

    [path] = record_files(tmp_path / "log")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_files_of_another_log_go_behind_our_own(tmp_path: Path) -> None:
    for name in ("ours", "theirs"):
        log = RecordLog(tmp_path / name, max_bytes=10_000, file_bytes=50)
        log.append([name.encode() + b"1" * 60])
        log.append([name.encode() + b"2" * 60])
        log.close()

    assert move_files(tmp_path / "theirs", tmp_path / "ours") == 2

    both = RecordLog(tmp_path / "ours", max_bytes=10_000)
    assert [each[:5] for each in all_of(both)] == [b"ours1", b"ours2", b"their", b"their"]
    assert record_files(tmp_path / "theirs") == []
