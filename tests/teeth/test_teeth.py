"""Guard removal, RELIABILITY 4.1.4: without a guard the tests fail, so with it they prove something.

All guards are taken out by `make teeth`; here those whose tests are quick.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.teeth.guards import GUARDS, Guard
from tests.teeth.run import bite_all

QUICK = (
    "gate-monotonic",
    "gate-closing",
    "gate-last-moment",
    "unknown-is-not-unsent",
    "deadlines-in-order",
    "holder-check",
    "claim-epoch",
    "refund-rule",
    "arm-suppression",
    "arm-two-statements",
)


@pytest.mark.parametrize("guard", GUARDS.values(), ids=list(GUARDS))
def test_a_guard_stands_where_the_table_says(guard: Guard) -> None:
    """Else taking it out would prove nothing, and nobody would notice."""
    for patch in guard.patches:
        assert Path(patch.path).read_text(encoding="utf-8").count(patch.old) == 1, patch
    for test in guard.tests:
        path, _, name = test.partition("::")
        assert f"def {name.partition('[')[0]}(" in Path(path).read_text(encoding="utf-8")


def test_the_tests_notice_when_a_guard_is_gone() -> None:
    """I1 I3 I7 I8 I12 I13: one guard at a time, in processes of their own."""
    bites = bite_all(QUICK, lambda bite: None)

    assert [bite for bite in bites if not bite.caught] == []
