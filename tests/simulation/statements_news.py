"""What is told of changes goes into a table of its own, which nothing of the protocol reads."""

from __future__ import annotations

from typing import Any

from tests.simulation.tables import Row, Statement


def news_tell(_: Statement, *_columns: Any) -> list[Row]:
    return []


def news_ended(_: Statement, *_columns: Any) -> list[Row]:
    return []


def news_moved(_: Statement, *_columns: Any) -> list[Row]:
    return []


def news_suppressed(_: Statement, *_columns: Any) -> list[Row]:
    return []
