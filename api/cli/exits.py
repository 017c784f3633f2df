"""Exit codes, and every error as three lines: what, why, do this."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

from scheduler.errors import (
    DialwheelError,
    EpochNotReady,
    NotFound,
    Refused,
    ServerUnavailable,
    SettingsError,
    UsageError,
)
from scheduler.logs import mask_phones

OK = 0
FAILED = 1
USAGE = 2
NOT_FOUND = 3
REFUSED = 4
UNAUTHORIZED = 5
UNREACHABLE = 6
REJECTED_ROWS = 7
TRY_LATER = 75  # EX_TEMPFAIL of sysexits.h
INTERRUPTED = 130  # 128 + SIGINT, as a shell reports it

OF_ERROR: tuple[tuple[type[DialwheelError], int], ...] = (
    (UsageError, USAGE),
    (SettingsError, USAGE),
    (NotFound, NOT_FOUND),
    (ServerUnavailable, UNREACHABLE),
    (EpochNotReady, TRY_LATER),
)

OF_PROBLEM = {
    "unauthenticated": UNAUTHORIZED,
    "scope-missing": UNAUTHORIZED,
    "not-found": NOT_FOUND,
    "rate-limited": TRY_LATER,
    "backpressure": TRY_LATER,
    "dependency-down": TRY_LATER,
    "starting": TRY_LATER,
    "idempotency-in-progress": TRY_LATER,
    "malformed-body": FAILED,
    "validation-failed": FAILED,
    "body-too-large": FAILED,
    "unsupported-media-type": FAILED,
    "internal": FAILED,
}
"""Exit codes of the API's problems; those not listed are refusals by a rule or the present state."""


def exit_code(error: DialwheelError) -> int:
    if isinstance(error, Refused):
        return OF_PROBLEM.get(error.code, REFUSED)
    return next((code for kind, code in OF_ERROR if isinstance(error, kind)), FAILED)


def print_error(error: DialwheelError) -> None:
    """Three lines on stderr; a line that has nothing to say is left out."""
    red, plain = ("\x1b[31m", "\x1b[0m") if colour(sys.stderr) else ("", "")
    print(f"{red}error:{plain} {_line(error.what)}", file=sys.stderr)
    if error.why:
        print(f"why:   {_line(error.why)}", file=sys.stderr)
    if error.do:
        print(f"do:    {_line(error.do)}", file=sys.stderr)


def unexpected(error: BaseException) -> DialwheelError:
    """A fault of ours as three lines; where it happened is named, the trace is shown on request only."""
    if os.environ.get("DIALWHEEL_LOG_LEVEL") == "debug":
        print(mask_phones("".join(traceback.format_exception(error))), file=sys.stderr)
    frame = (traceback.extract_tb(error.__traceback__) or [None])[-1]
    where = f" at {Path(frame.filename).name}:{frame.lineno}" if frame else ""
    said = str(error).partition("\n")[0]  # what follows in an error of Postgres' shows the row
    return DialwheelError(
        "dialwheel met a fault of its own",
        f"{type(error).__name__}: {said}{where}",
        "run it again with DIALWHEEL_LOG_LEVEL=debug and report what it prints",
    )


def colour(stream: object) -> bool:
    """Whether `stream` is a terminal that wants colour. Source of the variable: no-color.org."""
    isatty = getattr(stream, "isatty", None)
    return bool(isatty and isatty()) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _line(text: str) -> str:
    return " ".join(mask_phones(text).split())
