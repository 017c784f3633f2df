"""What races a dial: in a round each lead has its own offset between its dial and what forbids it."""

from __future__ import annotations

from tests.races.changes import Settings
from tests.races.closing import WindowEnd
from tests.races.closures import Closing
from tests.races.orders import Cancel, OptOut, Pause
from tests.races.racer import Kind

RACERS = 32
"""Of one round; as many accounts, where each racer needs something of its own to forbid."""

OFFSETS_MS = range(-50, 51, 5)
"""When what forbids the dial is asked for, against the instant at which the dial is due."""

KINDS: dict[str, type[Kind]] = {
    "opt-out": OptOut,
    "pause": Pause,
    "settings": Settings,
    "cancel": Cancel,
    "closing": Closing,
    "window-end": WindowEnd,
}
