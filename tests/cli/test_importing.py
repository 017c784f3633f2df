"""What an import shows and sends: a bar that tells the truth, a stop at the end of a line."""

from __future__ import annotations

import io
import threading
from pathlib import Path

from api.cli.client import BLOCK, blocks_of
from api.cli.import_words import COUNTS, Meter, reading_text, result_lines


def a_result(**counts: int) -> dict[str, int]:
    given = {name: counts.get(name, 0) for name in COUNTS}
    return {**given, "rows": counts.get("rows", sum(given.values()))}


def test_the_bar_follows_committed_rows_and_never_passes_the_end() -> None:
    meter = Meter(total=1000, began_s=0.0)

    assert "░" * 20 in meter.text(0, 0, 0.5)
    assert "█" * 10 + "░" * 10 + "  500/1 000" in meter.text(500, 1, 1.0)
    assert "█" * 20 in meter.text(1200, 1, 2.0)


def test_time_left_is_hidden_at_first_and_follows_the_last_ten_seconds() -> None:
    meter = Meter(total=10_000, began_s=0.0)

    assert "left" not in meter.text(100, 0, 1.9)
    assert "left" in meter.text(200, 0, 2.1)
    for second in range(3, 31):
        text = meter.text(200 + (second - 2) * 50, 0, float(second))
    assert "50/s" in text
    assert "168 s left" in text


def test_without_a_known_total_there_is_a_count_and_no_false_bar() -> None:
    text = Meter(total=0, began_s=0.0).text(500, 2, 5.0)

    assert "█" not in text
    assert "500 rows" in text
    assert "left" not in text


def test_each_column_of_phones_is_shown_with_when_it_is_looked_in(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_bytes(b"x" * 2_000)
    start = {
        "delimiter": ",",
        "columns": {"phone": "Phone", "name": "Name"},
        "phones": ["Phone", "Mobile"],
        "variables": ["Mobile", "Plan"],
    }

    assert reading_text(start, path).splitlines() == [
        "  Reading leads.csv   2.0 kB, comma",
        "  Columns  Phone→phone  Name→name  Mobile→phone where there is none yet  Plan→variables",
    ]


def test_totals_that_do_not_add_up_are_said_aloud() -> None:
    assert len(result_lines(a_result(created=3, rejected=1), None, 1.0, interrupted=False)) == 1
    assert "do not add up" in result_lines(a_result(created=3, rows=5), None, 1.0, interrupted=False)[1]


def test_one_bad_row_is_one_bad_row() -> None:
    saved = Path("leads.errors.csv")

    assert "  1 bad row saved to" in result_lines(a_result(rejected=1), saved, 1.0, interrupted=False)[1]
    assert "  2 bad rows saved to" in result_lines(a_result(rejected=2), saved, 1.0, interrupted=False)[1]


def test_an_interrupted_file_ends_with_the_line_it_is_in() -> None:
    line = b"+15555550101,Ana\n"
    content = line * 20_000
    stop = threading.Event()
    blocks = blocks_of(io.BytesIO(content), stop)

    sent = next(blocks)
    assert len(sent) == BLOCK
    stop.set()
    sent += b"".join(blocks)

    assert content.startswith(sent)
    assert sent.endswith(b"\n")
    assert BLOCK <= len(sent) < BLOCK + len(line)


def test_an_uninterrupted_file_is_sent_whole() -> None:
    content = b"x" * (3 * BLOCK + 7)

    assert b"".join(blocks_of(io.BytesIO(content), threading.Event())) == content
