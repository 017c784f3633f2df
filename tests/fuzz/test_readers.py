"""RELIABILITY 5.3: no bytes break what reads them; a fuzzer that follows what they reach runs apart."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.bytes import NAMES
from tests.fuzz.readers import READERS


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None)
@given(data=st.data())
def test_no_bytes_break_a_reader(name: str, data: st.DataObject):
    read, seeds = READERS[name]
    seed = data.draw(st.sampled_from(seeds))
    at, some = data.draw(st.integers(0, len(seed))), data.draw(st.binary(max_size=40))

    read(seed)
    read(some)
    read(seed[:at] + some + seed[at:])
    read(seed[:at] + some)


def test_every_reader_is_fuzzed():
    assert set(NAMES) == set(READERS)
