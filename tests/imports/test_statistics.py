"""After a large file the ledger's statements are planned for the tables as they are."""

from __future__ import annotations

import pytest

from api.imports import pipeline
from tests.imports.builders import Desk, phone

KNOWN = "SELECT reltuples FROM pg_class WHERE relname = 'lead'"


@pytest.mark.parametrize(("many", "known"), [(30, 30), (31, -1)])
async def test_many_new_leads_are_known_to_the_planner_at_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, many: int, known: int
) -> None:
    """Issue: a page of leads within 20 ms with a million leads, also in the minute after they came."""
    monkeypatch.setattr(pipeline, "MANY", many)
    await desk.take("\n".join(["phone", *(phone(n) for n in range(30))]).encode())

    assert await desk.value(KNOWN) == known
