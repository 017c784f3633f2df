"""API 6, F31: one row into one entry or one fault, with its line, column and code."""

from __future__ import annotations

import msgspec
import pytest

from api.imports.columns import match_columns
from api.imports.rows import Reading, read_block
from api.imports.seen import Seen
from scheduler.flow.entries import Entry
from scheduler.ledger.instants import to_datetime
from tests.imports.builders import phone

HEADER = ("Phone", "First Name", "Last Name", "Time Zone", "State", "Appointment", "Tags", "Source")
CSV = Reading(match_columns(HEADER), ",", max_cell=64, max_record=400)
JSON = Reading(None, None, max_cell=64, max_record=400)
P = phone(0)


def read(record: bytes | str, reading: Reading = CSV) -> Entry | tuple[str, str]:
    """The entry, or (code, column)."""
    rows = read_block(reading, [record.encode() if isinstance(record, str) else record], [7])
    if rows.entries:
        assert rows.lines == [7]
        return rows.entries[0]
    assert rows.bad[0].line == 7
    return rows.bad[0].code, rows.bad[0].column


def entry(record: bytes | str, reading: Reading = CSV) -> Entry:
    found = read(record, reading)
    assert isinstance(found, Entry), found
    return found


def test_a_row_is_read_whole():
    found = entry("(212) 555-0100, Robin ,Doe,America/Denver,CO,2026-07-01T15:00:00+02:00,hot; new,web")

    assert found.phone == "+12125550100"
    assert found.name == "Robin Doe"
    assert found.timezone == "America/Denver"
    assert found.place.own_zones == ("America/Denver",)
    assert {"US-CO", "US-NY"} <= set(found.place.regions)
    assert found.appointment_at_ms is not None
    assert to_datetime(found.appointment_at_ms).isoformat() == "2026-07-01T13:00:00+00:00"
    assert found.tags == ("hot", "new")
    assert msgspec.json.decode(found.variables) == {"Source": "web"}


@pytest.mark.parametrize(
    ("record", "code", "column"),
    [
        (",a,b,,,,,", "phone-missing", "Phone"),
        ("12345,a,b,,,,,", "phone-invalid", "Phone"),
        ("+1212555010" + "9" * 40 + ",a,b,,,,,", "phone-invalid", "Phone"),
        ("911,a,b,,,,,", "phone-invalid", "Phone"),
        (f"{P},a,b,Mars/Olympus,,,,", "timezone-unknown", "Time Zone"),
        (f"{P},a,b,EST,,,,", "timezone-unknown", "Time Zone"),
        (f"{P},a,b", "malformed-row", ""),
        (f"{P},a,b,,,,,,more", "malformed-row", ""),
        (f'{P},"a,b,,,,,', "malformed-row", ""),
        (f'{P},"a"b,b,,,,,', "malformed-row", ""),
        (f"{P},a,b,,,tomorrow,,", "malformed-row", "Appointment"),
        (f"{P},a,b,,,2026-07-01T15:00:00,,", "malformed-row", "Appointment"),
        (f"{P},a,b,,,9026-07-01T15:00:00Z,,", "malformed-row", "Appointment"),
        (f"{P},a,b,,,,," + "x" * 65, "cell-too-large", "Source"),
        (f"{P},a,b,,,,," + "x" * 500, "malformed-row", ""),
        (f"{P},a\0,b,,,,,", "nul", ""),
        (f"{P},caf".encode() + b"\xe9,b,,,,,", "encoding", ""),
        (f"{P},".encode() + b"\xff\xfe,b,,,,,", "encoding", ""),
        (f"{P},".encode() + b"\xed\xa0\x80,b,,,,,", "encoding", ""),
    ],
)
def test_each_fault_has_its_code_and_column(record: bytes | str, code: str, column: str):
    assert read(record) == (code, column)


PHONES = msgspec.structs.replace(CSV, columns=match_columns(("Mobile", "Phone", "Home Phone", "Name")))


@pytest.mark.parametrize(
    ("record", "taken", "variables"),
    [
        (f"{phone(1)},{P},,x", P, {"Mobile": phone(1)}),
        (f"{phone(1)},,{phone(2)},x", phone(1), {"Mobile": phone(1), "Home Phone": phone(2)}),
        (f"n/a, none ,{phone(2)},x", phone(2), {"Phone": "none", "Mobile": "n/a", "Home Phone": phone(2)}),
    ],
    ids=["the best name", "the next where there is none", "past what cannot be called"],
)
def test_of_several_phones_a_row_takes_the_first_that_can_be_called_and_keeps_the_others(
    record: str, taken: str, variables: dict[str, str]
):
    """API 6: `phone` is required, and the usual names are aliases of it."""
    found = entry(record, PHONES)

    assert (found.phone, found.name) == (taken, "x")
    assert msgspec.json.decode(found.variables) == variables


@pytest.mark.parametrize(
    ("record", "code", "column", "value"),
    [
        (",,,x", "phone-missing", "Phone", ""),
        ("12,,,x", "phone-invalid", "Mobile", "12"),
        ("12,none,911,x", "phone-invalid", "Phone", "none"),
    ],
)
def test_a_row_none_of_whose_phones_can_be_called_names_the_first_that_says_something(
    record: str, code: str, column: str, value: str
):
    [bad] = read_block(PHONES, [record.encode()], [2]).bad

    assert (bad.code, bad.column, bad.value) == (code, column, value)


@pytest.mark.parametrize(
    ("row", "taken", "variables"),
    [
        ({"phone": "", "mobile": P, "x": 1}, P, {"mobile": P, "x": 1}),
        ({"cell": 12, "phone": P}, P, {"cell": "12", "phone": P}),
        ({"phone": None, "mobile": P}, P, {}),
    ],
)
def test_a_json_line_takes_the_first_of_its_phones_that_can_be_called(
    row: dict[str, object], taken: str, variables: dict[str, object]
):
    found = entry(msgspec.json.encode(row), JSON)

    assert found.phone == taken
    assert msgspec.json.decode(found.variables) == variables


def test_empty_cells_beyond_the_header_are_no_fault():
    assert entry(f"{P},a,b,,,,,,,").name == "a b"


def test_a_row_of_nothing_but_empty_cells_lacks_its_phone_and_one_of_spaces_is_none():
    assert read(",,,,,,,") == ("phone-missing", "Phone")
    assert read_block(CSV, [b"   "], [1]).bad == []


@pytest.mark.parametrize(
    "said", ["Texas", " tx ", "US-TX", "us", "USA", "United States", "CA-BC", "Ontario", "GB", "n/a", "-"]
)
def test_a_region_may_be_stated_by_name_or_code_and_is_a_candidate(said: str):
    assert "ZZ" not in entry(f"{P},a,b,,{said},,,").place.regions
    assert "US-TX" in entry(f"{P},a,b,,Texas,,,").place.regions


def test_a_region_that_is_nobody_s_is_said_to_be_so():
    """D5: nobody could call that lead, and nothing would say why."""
    assert read(f"{P},a,b,,Atlantis,,,") == ("region-unknown", "State")


def test_one_broken_row_does_not_spoil_its_block():
    good = f"{P},a,b,,,,,".encode()
    rows = read_block(CSV, [good, b'"', good, b"\xff", good], [2, 3, 4, 5, 6])

    assert rows.lines == [2, 4, 6]
    assert [(bad.line, bad.code) for bad in rows.bad] == [(3, "malformed-row"), (5, "encoding")]


def test_a_rejected_row_keeps_its_cells_as_they_came_each_cut_at_a_thousand_characters():
    reading = msgspec.structs.replace(CSV, max_cell=3000, max_record=9000)
    long = "y" * 2000
    (bad,) = read_block(reading, [f"12,a,b,,,,,{long}".encode()], [2]).bad

    assert bad.cells[:3] == ["12", "a", "b"]
    assert bad.cells[-1] == long[:1024]
    assert bad.value == "12"


def test_consent_of_the_file_is_for_rows_that_state_none():
    reading = msgspec.structs.replace(
        CSV, columns=match_columns(("Phone", "Consent")), consent='{"basis":"form"}'
    )

    assert entry(f"{P},", reading).consent == '{"basis":"form"}'
    assert entry(f"{P},written", reading).consent == '{"basis":"written"}'


@pytest.mark.parametrize(
    "consent",
    [
        {"given": False}, {"basis": ""}, {"basis": "form", "expires_at": "2026-01-01"},
        {"basis": "form", "expires_at": "2026-01-01T00:00:00"}, {"basis": "form", "until": "2026-01-01"},
        {"basis": "form", "captured_at": "9999-01-01T00:00:00Z"}, {"basis": "form", "source": 5},
    ],
)  # fmt: skip
def test_words_that_are_no_consent_make_nobody_callable(consent: object):
    """As POST /v1/leads: an end that is misspelt would never come."""
    block = read_block(JSON, [msgspec.json.encode({"phone": P, "consent": consent})], [1])

    assert [(bad.code, bad.column) for bad in block.bad] == [("malformed-row", "consent")]
    assert not block.entries


def test_a_json_line_is_read_whole():
    record = {
        "phone": P, "name": "Robin", "tags": ["a"], "consent": {"basis": "form"}, "external_id": 17,
        "variables": {"n": {"deep": [1]}}, "colour": "red", "email": None,
    }  # fmt: skip
    found = entry(msgspec.json.encode(record), JSON)

    assert (found.phone, found.name, found.external_id, found.tags) == (P, "Robin", "17", ("a",))
    assert msgspec.json.decode(found.variables) == {"n": {"deep": [1]}, "colour": "red"}
    assert found.consent == '{"basis":"form"}'


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ("{", "malformed-row"),
        ("[1]", "malformed-row"),
        ("null", "malformed-row"),
        ('"phone"', "malformed-row"),
        ('{"phone": NaN}', "malformed-row"),
        ('{"name": "x"}', "phone-missing"),
        ('{"phone": ["x"]}', "malformed-row"),
        ('{"phone": true}', "malformed-row"),
        (f'{{"phone": "{P}", "tags": [1]}}', "malformed-row"),
        (f'{{"phone": "{P}", "name": {{}}}}', "malformed-row"),
        (f'{{"phone": "{P}", "name": "a\\u0000b"}}', "nul"),
        (f'{{"phone": "{P}", "x": {{"y\\u0000": 1}}}}', "nul"),
        (f'{{"phone": "{P}", "name": "\\ud800"}}', "malformed-row"),
        (f'{{"phone": "{P}", "x": ' + "[" * 20 + "]" * 20 + "}", "malformed-row"),
        ("[" * 390, "malformed-row"),
        (f'{{"phone": "{P}", "name": "' + "x" * 70 + '"}', "cell-too-large"),
    ],
)
def test_each_fault_of_a_json_line_has_its_code(record: str, code: str):
    found = read(record, JSON)

    assert not isinstance(found, Entry)
    assert found[0] == code


def test_variables_and_external_ids_have_a_limit():
    big = msgspec.structs.replace(JSON, max_cell=20_000, max_record=60_000)
    record = msgspec.json.encode({"phone": P, "a": "x" * 5000, "b": "y" * 5000})

    assert read(record, big) == ("cell-too-large", "variables")
    assert read(msgspec.json.encode({"phone": P, "external_id": "e" * 256}), big) == (
        "cell-too-large",
        "external_id",
    )


def test_a_lead_is_seen_by_its_phone_and_by_its_external_id():
    seen = Seen()

    assert seen.add(phone(1), None)
    assert not seen.add(phone(1), None)
    assert seen.add(phone(2), "x")
    assert not seen.add(phone(3), "x")
    assert not seen.add(phone(2), "y")
    assert seen.add(phone(3), "y")


def test_what_is_seen_is_kept_exactly_for_thousands_of_numbers():
    seen = Seen()
    numbers = [f"+1{n}" for n in range(2_125_550_000, 2_125_570_000)]

    assert all(seen.add(number, None) for number in numbers)
    assert not any(seen.add(number, None) for number in numbers)
