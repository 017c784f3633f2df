"""Public ids: a permutation under a key, readable only by who holds it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.public_ids import LARGEST, PublicIds

IDS = PublicIds(b"k" * 32)
numbers = st.integers(min_value=1, max_value=LARGEST)


@given(number=numbers)
def test_an_id_reads_back_as_the_number_it_was_made_from(number: int):
    assert IDS.read("lead", IDS.write("lead", number)) == number


@given(number=numbers, other=numbers)
def test_two_numbers_never_share_an_id(number: int, other: int):
    assert (IDS.write("lead", number) == IDS.write("lead", other)) == (number == other)


def test_an_id_is_its_prefix_and_at_most_32_characters():
    assert re.fullmatch(r"lead_[0-9a-z]{13}", IDS.write("lead", 1))


def test_an_id_of_one_kind_is_nothing_to_another_kind():
    written = IDS.write("lead", 7)

    assert IDS.read("loop", written) is None
    assert IDS.write("loop", 7).partition("_")[2] != written.partition("_")[2]


def test_another_installations_key_reads_another_number():
    assert PublicIds(b"x" * 32).read("lead", IDS.write("lead", 7)) != 7


def test_neighbours_do_not_look_alike():
    first, second = IDS.write("lead", 1), IDS.write("lead", 2)

    assert sum(a == b for a, b in zip(first[5:], second[5:], strict=True)) < 6


@pytest.mark.parametrize("number", [0, -1, LARGEST + 1])
def test_a_number_that_no_row_has_is_not_written(number: int):
    with pytest.raises(ValueError, match="no number"):
        IDS.write("lead", number)


@pytest.mark.parametrize(
    "text",
    ["", "lead", "lead_", "lead_1", "lead_" + "z" * 13, "lead_" + "0" * 14, "lead_" + "\x00" * 13,
     "lead_" + "é" * 13, "LEAD_" + "0" * 13, "lead_" + "0" * 12 + "I", "lead_0_0" + "0" * 10],
)  # fmt: skip
def test_what_was_never_written_reads_as_nothing(text: str):
    assert IDS.read("lead", text) is None


def test_a_digest_hides_its_parts_and_is_the_same_each_time():
    assert IDS.digest("dnc", 1, "a") == IDS.digest("dnc", 1, "a")
    assert len({IDS.digest("dnc", 1, "a"), IDS.digest("dnc", 2, "a"), IDS.digest("ncd", 1, "a")}) == 3


def test_what_is_sealed_is_read_back_for_the_same_purpose_and_unchanged_alone():
    sealed = IDS.seal("cur", "name", b"Ana, 7")
    other = IDS.seal("cur", "name", b"Ana, 8")

    assert IDS.unseal("cur", "name", sealed) == b"Ana, 7"
    assert IDS.unseal("cur", "-name", sealed) is None
    assert IDS.unseal("xxx", "name", sealed) is None
    assert PublicIds(b"x" * 32).unseal("cur", "name", sealed) is None
    for at in range(len(sealed)):
        changed = "0" if sealed[at] != "0" else "1"
        assert IDS.unseal("cur", "name", sealed[:at] + changed + sealed[at + 1 :]) is None
    assert sealed.partition(".")[2][:6] != other.partition(".")[2][:6], "like bodies do not look alike"


@pytest.mark.parametrize("text", ["", ".", "cur_0.", "é.é", "\ud800.x", "cur_0000000000000.====", "a.b.c"])
def test_what_was_never_sealed_is_nothing(text: str):
    assert IDS.unseal("cur", "name", text) is None
