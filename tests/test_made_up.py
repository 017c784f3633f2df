"""RELIABILITY 5.3: what is handed out is read back, and changed by one byte it is nothing (hypothesis)."""

from __future__ import annotations

import re
import string

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from api.callback_tokens import CallbackTokens
from api.spreadsheets import FORMULA, as_text, from_text
from scheduler.domain.numbers import BadNumber, normalize
from scheduler.ledger.keys import _checksum, parse_key
from scheduler.public_ids import LARGEST, PublicIds

IDS = PublicIds(b"k" * 32)
TOKENS = CallbackTokens(b"k" * 32)
numbers = st.integers(min_value=1, max_value=LARGEST)
E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
KEY_CHARACTERS = string.ascii_letters + string.digits + "_-.~"


def a_key(key_id: str, secret: str) -> str:
    return f"dw_test_{key_id}_{secret}{_checksum('test', key_id, secret)}"


def changed(text: str, at: int, other: str) -> str:
    """`text` with another character somewhere."""
    at %= len(text)
    assume(text[at] != other)
    return text[:at] + other + text[at + 1 :]


@given(body=st.binary(max_size=200), purpose=st.text(max_size=8))
def test_what_is_sealed_is_read_back(body: bytes, purpose: str):
    assert IDS.unseal("cur", purpose, IDS.seal("cur", purpose, body)) == body


@given(body=st.binary(max_size=60), at=st.integers(0, 200), other=st.sampled_from(KEY_CHARACTERS))
def test_a_cursor_changed_anywhere_is_none(body: bytes, at: int, other: str):
    """RELIABILITY 5.2: cursor tampered."""
    assert IDS.unseal("cur", "name", changed(IDS.seal("cur", "name", body), at, other)) is None


@given(number=numbers, at=st.integers(0, 60), other=st.sampled_from(KEY_CHARACTERS))
def test_the_address_of_a_callback_changed_anywhere_is_none(number: int, at: int, other: str):
    token = TOKENS.write(number)

    assert TOKENS.read(token) == number
    assert TOKENS.read(changed(token, at, other)) is None


@given(
    key_id=st.text("0123456789abcdefghjkmnpqrstvwxyz", min_size=12, max_size=12),
    secret=st.text(string.ascii_letters + string.digits, min_size=43, max_size=43),
    at=st.integers(0, 80),
    other=st.sampled_from(KEY_CHARACTERS),
)
def test_a_key_mistyped_anywhere_is_refused_without_being_looked_up(
    key_id: str, secret: str, at: int, other: str
):
    key = a_key(key_id, secret)

    parsed = parse_key(key)
    assert parsed is not None
    assert (parsed.key_id, parsed.secret) == (key_id, secret)
    assert parse_key(changed(key, at, other)) is None


MADE_UP = st.one_of(
    st.text(max_size=60),
    st.text(KEY_CHARACTERS, max_size=60),
    st.text("0123456789abcdefghjkmnpqrstvwxyz", min_size=13, max_size=13).map(lambda text: f"lead_{text}"),
    st.text("0123456789abcdefghjkmnpqrstvwxyz.", min_size=13, max_size=40).map(lambda text: f"cur_{text}"),
)


@given(text=MADE_UP)
@settings(max_examples=400)
@example("\ud800")
@example("cur_0000000000000.\udcff")
def test_what_nobody_handed_out_reads_as_nothing_and_breaks_nothing(text: str):
    number = IDS.read("lead", text)

    assert number is None or IDS.write("lead", number) == text, "no two texts are one id"
    assert IDS.unseal("cur", "name", text) is None
    assert TOKENS.read(text) is None
    assert parse_key(text) is None


WRITTEN = st.one_of(
    st.text(max_size=24),
    st.text("+0123456789 -.()/", max_size=24),
    st.integers(0, 10**15).map(lambda number: f"+{number}"),
    st.integers(200, 999).flatmap(lambda area: st.integers(0, 10**7).map(lambda rest: f"{area}{rest:07d}")),
    st.text("٠١٢٣٤٥٦٧٨٩０１２３４５６７８９०१२३+", max_size=14),
)


@given(raw=WRITTEN, region=st.sampled_from(["US", "CA", "GB", "DE", "FR", "BR", "JP", "ZZ"]))
@settings(max_examples=600, deadline=None)
@example("+1" + "0" * 300, "US")
@example("911", "US")
@example("\ud800", "US")
def test_whatever_is_written_for_a_phone_is_a_plain_e164_number_or_none(raw: str, region: str):
    """RELIABILITY 5.1: E.164 strictly, in ASCII digits; what is one stays the same one."""
    try:
        phone = normalize(raw, region)
    except BadNumber:
        return
    assert E164.fullmatch(phone)
    assert normalize(phone, region) == phone
    assert normalize(f" ({phone}) ", region) == phone
    assert {character for character in raw if character.isdigit()} <= set(string.digits)


@given(value=st.one_of(st.text(max_size=20), st.text("'=+-@\t\rab", max_size=8)))
def test_a_cell_is_run_by_no_spreadsheet_and_comes_back_as_it_was(value: str):
    """RELIABILITY 5.1: exports."""
    assert not as_text(value).startswith(FORMULA)
    assert from_text(as_text(value)) == value
