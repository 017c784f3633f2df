"""Calls of the simulated provider, and how it behaves."""

from __future__ import annotations

import random
from typing import NamedTuple

from dialer.providers.base import Action

OUTCOMES = ("completed", "voicemail", "not_reached", "busy", "answered", "error", "number_blocked")
WEIGHTS = (0.25, 0.15, 0.35, 0.12, 0.05, 0.06, 0.02)
DISPOSITIONS = ("not_converted", "converted", "callback", "dnc", "appointment")
DISPOSITION_WEIGHTS = (0.5, 0.12, 0.25, 0.08, 0.05)


class Manners(NamedTuple):
    """How the provider behaves, each a probability; drawn once for each seed.

    Answers: `mute` (accepted, no answer), `denies` (5xx after accepting), `fails` (5xx, nothing was
    dialled), `busy` (429), `resets`, `garbage`, `slow`. Reports: `silent` (never any), `late` (by up to
    minutes), `doubled`.
    """

    mute: float = 0.0
    denies: float = 0.0
    fails: float = 0.0
    busy: float = 0.0
    resets: float = 0.0
    garbage: float = 0.0
    slow: float = 0.0
    silent: float = 0.0
    late: float = 0.0
    doubled: float = 0.0


GOOD_MANNERS = Manners()


class Call:
    """A phone that rings from `began_s` on, for this attempt, and is silent from `ends_s` on."""

    def __init__(self, action: Action, ref: str, began_s: float, rings_s: float, talks_s: float) -> None:
        self.attempt_id = action.attempt_id
        self.key = action.key
        self.phone = action.to
        self.ref = ref
        self.began_s = began_s
        self.answered_s = began_s + rings_s if talks_s else None
        self.rang_until_s = began_s + rings_s
        self.ends_s = began_s + rings_s + talks_s
        self.talks_s = talks_s
        self.outcome = ""
        self.disposition: str | None = None
        self.callback_s: float | None = None


def draw_call(action: Action, ref: str, began_s: float, rng: random.Random) -> Call:
    """What becomes of a call that is made now."""
    outcome = rng.choices(OUTCOMES, WEIGHTS)[0]
    talks = outcome in ("completed", "answered", "voicemail")
    call = Call(action, ref, began_s, 2.0 + 18.0 * rng.random(), 3.0 + 40.0 * rng.random() if talks else 0.0)
    call.outcome = outcome
    if outcome == "completed":
        call.disposition = rng.choices(DISPOSITIONS, DISPOSITION_WEIGHTS)[0]
    if call.disposition == "callback":
        call.callback_s = call.ends_s + rng.uniform(30.0, 300.0)
    return call
