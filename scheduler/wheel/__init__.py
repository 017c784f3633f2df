"""The timing wheel in Redis or Valkey: when work is due, how much may go out. The only user of lua/."""

from scheduler.wheel.model import CallEnd, Claim, Claimed, Counts, Gate, HeldSlot, Lane, Placing, Release
from scheduler.wheel.wheel import CLAIM_LIMIT, TimingWheel

__all__ = [
    "CLAIM_LIMIT",
    "CallEnd",
    "Claim",
    "Claimed",
    "Counts",
    "Gate",
    "HeldSlot",
    "Lane",
    "Placing",
    "Release",
    "TimingWheel",
]
