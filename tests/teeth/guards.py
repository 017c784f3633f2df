"""Every guard that keeps a promise, by name. RELIABILITY 4.1.4."""

from __future__ import annotations

from tests.teeth import guards_dialer, guards_ledger, guards_races, guards_restore, guards_wheel
from tests.teeth.guard import Guard, Patch

GUARDS: dict[str, Guard] = {
    **guards_ledger.GUARDS,
    **guards_dialer.GUARDS,
    **guards_wheel.GUARDS,
    **guards_races.GUARDS,
    **guards_restore.GUARDS,
}

__all__ = ["GUARDS", "Guard", "Patch"]
