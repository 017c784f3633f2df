"""`demo`: the options of the command line as the demo takes them."""

from __future__ import annotations

from typing import Any

from api.cli.session import Session
from scheduler.errors import UsageError


def play(
    session: Session, *, json: str | None, seed: int | None, leads: int, speed: float, **others: Any
) -> int:
    """Play the demo to its end, or until Ctrl-C."""
    if leads < 1:
        raise UsageError("--leads must be 1 or more", f"it was {leads}", "dialwheel demo --leads 1000")
    if speed <= 0:
        raise UsageError("--speed must be above zero", f"it was {speed:g}", "dialwheel demo --speed 600")
    from api.demo.command import run_demo
    from api.demo.options import DemoOptions

    return run_demo(
        DemoOptions(
            leads=leads,
            speed=speed,
            seed=session.settings.seed if seed is None else seed,
            json="-" if json is None and session.options.json else json,
            data_dir=session.settings.data_dir,
            quiet=session.options.quiet,
            **others,
        )
    )
