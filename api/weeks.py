"""Weekly open hours between the API and the ledger."""

from __future__ import annotations

from typing import Any

import msgspec

from api.problems import Problem, invalid
from api.schemas_windows import Windows
from scheduler.domain.windows import DAYS, week_from_api
from scheduler.errors import SettingsError


def read_week(windows: Windows, pointer: str) -> dict[str, Any]:
    """The week as the ledger keeps it. Raises Problem 422 at `pointer` for hours that overlap or end before
    they start, and for a week that is never open: it would end every loop."""
    week: dict[str, Any] = msgspec.to_builtins(windows)
    open_at_all = False
    for day in DAYS:
        try:
            open_at_all |= any(week_from_api({day: week[day]}))
        except SettingsError as error:
            raise invalid(f"{pointer}/{day}", "invalid", error.what, hint=error.do) from None
    if not open_at_all:
        raise Problem(
            "no-callable-time",
            "a week without open hours would end every loop",
            hint="to stop calling for a while, pause instead",
        )
    return week


def show_week(encoded: str) -> Windows:
    """The week out of a column of the ledger."""
    return msgspec.json.decode(encoded, type=Windows)
