"""I7 to I10: a few hundred races of each kind, over real HTTP and real stores (F23, F24, F25).

The thousands are run by `make races`; what they found lies in `results/`.
"""

from __future__ import annotations

import pytest

from tests.builders import TUESDAY_2PM, empty
from tests.races.kinds import KINDS, RACERS
from tests.races.stage import a_stage
from tests.races.verdict import race

STALLS = 0.05


@pytest.mark.parametrize(
    ("kind", "races"),
    [
        ("opt-out", 320),
        ("pause", 128),
        ("settings", 128),
        ("cancel", 96),
        ("closing", 96),
        ("window-end", 128),
    ],
)
async def test_nobody_is_called_after_it_was_acknowledged_that_nobody_is(
    ledger_url: str, valkey_url: str, kind: str, races: int
) -> None:
    """I7, I8, I9, I10: whatever the order in which a dial and an opt-out, a pause, a change of settings, a
    cancel or the end of the hours meet, nothing arrives at the provider after the answer. Some must have met
    midway, or the races would prove nothing."""
    await empty(valkey_url)
    async with a_stage(
        ledger_url, valkey_url, start_ms=TUESDAY_2PM, seed=1, sites=RACERS, stalls=STALLS
    ) as stage:
        verdict = await race(stage, KINDS[kind](stage), races)

    assert verdict.violations == []
    assert verdict.races == races
    assert verdict.overlapped > 0
