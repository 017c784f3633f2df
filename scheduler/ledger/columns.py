"""Columns of a group of rows as array literals, for the statements that write the most.

The driver looks at every element of a list that it is given; a literal is one text, read by the server. Only
for values that need no quoting.
"""

from __future__ import annotations

from collections.abc import Iterable


def numbers(values: Iterable[int | None]) -> str:
    """`{1,NULL,3}`: integers, and instants in milliseconds."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def words(values: Iterable[str | None]) -> str:
    """`{busy,NULL}`: names out of our own enumerations, never text from outside."""
    return "{" + ",".join(["NULL" if value is None else value for value in values]) + "}"
