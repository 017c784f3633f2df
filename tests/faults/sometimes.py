"""What must have happened at least once before a short tier says anything (RELIABILITY 4.4), and the kind of
fault that makes it happen: where no trial of a tier met it, that kind is tried again.

A kill at each of C1 to C11 is asked for by the kinds themselves (`needs`).
"""

from __future__ import annotations

COUNTERS: dict[str, str] = {
    "unknown written off": "F21 never",  # C8
    "armed by another while it stood still": "F3 z looked up",
    "an unknown was testified not sent": "F3 testimony",
    "arm refused: in_call": "F3 y",
    "arm refused: stale": "F24 refused",
    "arm refused: lost": "F6 claims of before",
    "arm refused: dnc": "F24 refused",
    "arm refused: account_paused": "F24 refused",
    "arm refused: agent_paused": "F24 refused",
    "arm refused: batch_paused": "F24 refused",
    "arm refused: trunk_paused": "F24 refused",
    "arm refused: outdated": "F24 refused",
    "arm refused: lead_busy": "F24 refused",
    "arm refused: caller_ids_spent": "F24 refused",
    "arm refused: early": "F26 stepped back",
    "arm refused: closed": "F25 claims in hand",  # the window closed between claim and arm
    "opt-out met an armed attempt": "F23",
    "provider: early": "F21 before the answer",
    "late report amended an unknown": "F21 late",
    "loops put back": "F7 last writes lost",
    "the epoch went back": "F7 epoch",
    "epoch refused a claim": "F6 wiped",
    "spool was used and drained": "F16 spooled",
    "script loaded again": "F11",
    "STALE on settle": "F3 c10",
    "call slots freed": "F2 c10",
    "refused for want of memory": "F12",
    "bulk paid its floor": "F30",
}
"""Counter to kind. `early` and `closed` are the clock's doing, `lost` that of a wheel which was rebuilt."""
