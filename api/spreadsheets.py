"""Texts as cells of files that people open in spreadsheets, and back."""

from __future__ import annotations

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would run; each E.164 number does."""

MARK = "'"
"""Before a cell it makes a text of it."""


def as_text(value: str) -> str:
    """A cell that is shown as it is and never run."""
    return f"{MARK}{value}" if value.lstrip(MARK).startswith(FORMULA) else value


def from_text(cell: str) -> str:
    """What `as_text` made the cell of: files that we wrote may come back."""
    return cell[1:] if cell.startswith(MARK) and cell.lstrip(MARK).startswith(FORMULA) else cell
