"""A dialer as a process of its own that a test may kill: `python -m tests.faults.dialer_process CONFIG`.

It says READY on its standard output, and STALLED where it was told to stand still: with permits in hand and
nothing sent ("armed"), or with everything sent and nothing written down ("sent").
"""

from __future__ import annotations

import asyncio
import sys

import msgspec

from api.parts import dialing_tasks, make_dialing, open_stores, run_until
from dialer.providers.base import Action, MayLeave, PlaceResult, always
from dialer.providers.simulated_http import SimulatedHttpProvider
from scheduler.clock import ScaledClock
from scheduler.domain.time import Ms
from scheduler.logs import set_up_logs
from scheduler.settings import Settings


class Config(msgspec.Struct):
    """`stall`: armed, sent, or empty. `stall_after`: calls placed before that."""

    settings: dict[str, object]
    clock_ms: Ms
    stall: str = ""
    stall_after: int = 0


class StallingProvider(SimulatedHttpProvider):
    """Stands still for ever, at the moment that it was told, once enough calls have gone out."""

    def __init__(self, url: str, config: Config) -> None:
        super().__init__(url)
        self._config = config
        self._placed = 0

    async def place(
        self, actions: list[Action], now_ms: Ms, may_leave: MayLeave = always
    ) -> list[PlaceResult]:
        stalls = self._config.stall and self._placed >= self._config.stall_after
        if stalls and self._config.stall == "armed":
            await _stand_still()
        results = await super().place(actions, now_ms, may_leave)
        self._placed += len(actions)
        if stalls:
            await _stand_still()
        return results


async def _stand_still() -> None:
    print("STALLED", flush=True)
    await asyncio.Event().wait()


async def main(config: Config) -> None:
    settings = msgspec.convert(config.settings, Settings)
    clock = ScaledClock(config.clock_ms, 1.0)
    async with open_stores(settings, clock, apply_migrations=False) as stores:
        provider = StallingProvider(settings.sim_url, config)
        print("READY", flush=True)
        stop = asyncio.Event()
        await run_until(dialing_tasks(stores, make_dialing(stores, provider), stop), stop)


if __name__ == "__main__":
    set_up_logs("error", "text")
    asyncio.run(main(msgspec.json.decode(sys.argv[1], type=Config)))
