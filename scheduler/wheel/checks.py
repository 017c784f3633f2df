"""What a wheel's server says about itself, for `doctor`."""

from __future__ import annotations

import msgspec

from scheduler.domain.time import Ms
from scheduler.wheel.client import make_client, our_errors


class WheelFacts(msgspec.Struct, frozen=True):
    """`software`: redis or valkey. `eviction`: what happens when memory runs short; noeviction is needed."""

    software: str
    version: str
    now_ms: Ms
    eviction: str
    append_only: bool


async def wheel_facts(url: str) -> WheelFacts:
    """Raises ServerUnavailable when nothing answers at `url`."""
    client = make_client(url, connections=1, answer_timeout_s=3.0)
    try:
        with our_errors():
            info = await client.info("everything")
            seconds, micros = await client.time()
    finally:
        await client.aclose()
    valkey = info.get("valkey_version")
    return WheelFacts(
        software="valkey" if valkey else "redis",
        version=str(valkey or info.get("redis_version")),
        now_ms=int(seconds) * 1000 + int(micros) // 1000,
        eviction=str(info.get("maxmemory_policy", "noeviction")),
        append_only=bool(info.get("aof_enabled")),
    )
