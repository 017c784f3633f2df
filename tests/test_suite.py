"""How the suite itself is run."""

from __future__ import annotations

import pytest

from tests.conftest import LONGEST, TESTS


@pytest.mark.parametrize("name", LONGEST)
def test_what_is_begun_first_exists(name: str):
    """A file that is renamed would be left to the end, where one worker waits for the other."""
    assert (TESTS / name).exists()
