"""The errors that dialwheel raises, named for what went wrong.

Every one carries the three lines a person needs: what happened, why, and what to do about it.
"""

from __future__ import annotations


class DialwheelError(Exception):
    """Base of ours: `what` went wrong, `why`, and what to `do` (a line each, no phone number, no secret)."""

    def __init__(self, what: str, why: str = "", do: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.do = do


class SettingsError(DialwheelError):
    """A setting is unknown, out of range or contradicts another."""


class UsageError(DialwheelError):
    """The command line asks for something that does not exist, or lacks what it needs."""


class ServerUnavailable(DialwheelError):
    """Postgres, Redis or a part of dialwheel does not answer; trying later may help."""


class Overloaded(ServerUnavailable):
    """More comes in than gets done: the same request a little later will do."""


class StartError(DialwheelError):
    """An embedded server or a part did not come up."""


class MigrationError(DialwheelError):
    """The schema in the ledger does not match the migrations of this version."""


class LineFailed(DialwheelError):
    """A dialer met what nobody foresaw, again and again: it ends, so that somebody looks."""


class EpochNotReady(DialwheelError):
    """The wheel is being rebuilt or was lost: nothing may be claimed until it is ready again."""


class Quarantined(DialwheelError):
    """The ledger was put back to an earlier state: nothing is armed until it knows again who was called."""


class NotFound(DialwheelError):
    """No such object in this account."""


class WrongCallerId(NotFound):
    """The account has no such caller id, or the agent's calls do not go out under it."""


class Refused(DialwheelError):
    """A rule or the present state forbids what was asked; `code` is the problem code of the API, `pointer`
    the field that is wanting."""

    def __init__(self, code: str, what: str, why: str = "", do: str = "", *, pointer: str = "") -> None:
        super().__init__(what, why, do)
        self.code = code
        self.pointer = pointer


class LedgerRefused(DialwheelError):
    """A value passed our checks and the ledger refused it; its transaction left nothing."""


class ImportRefused(Refused):
    """A file cannot be imported at all; nothing of it was written. `parameter`: of the request, where that
    does not fit the file."""

    def __init__(self, code: str, what: str, why: str = "", do: str = "", *, parameter: str = "") -> None:
        super().__init__(code, what, why, do)
        self.parameter = parameter


class UnknownZone(DialwheelError):
    """Not an IANA time zone of the pinned tzdata."""


class UnknownRegion(DialwheelError):
    """Not a country or state whose calling hours are known."""
