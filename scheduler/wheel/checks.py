"""What a wheel's server says about itself, for `doctor`."""

from __future__ import annotations

import msgspec

from scheduler.domain.time import Ms
from scheduler.wheel.client import our_errors
from scheduler.wheel.cluster import open_servers


class WheelFacts(msgspec.Struct, frozen=True):
    """`software`: redis or valkey. `eviction`: what happens when memory runs short; noeviction is needed."""

    software: str
    version: str
    now_ms: Ms
    eviction: str
    append_only: bool


async def wheel_facts(url: str) -> WheelFacts:
    """Of a cluster the facts of one node, and the worst of all its primaries for what must not be.

    Raises ServerUnavailable when nothing answers at `url`."""
    servers = await open_servers(url, connections=1, answer_timeout_s=3.0)
    try:
        with our_errors():
            clients = await servers.all()
            infos = [await client.info("everything") for client in clients]
            seconds, micros = await clients[0].time()
    finally:
        await servers.close()
    info = infos[0]
    policies = {str(each.get("maxmemory_policy", "noeviction")) for each in infos}
    valkey = info.get("valkey_version")
    return WheelFacts(
        software="valkey" if valkey else "redis",
        version=str(valkey or info.get("redis_version")),
        now_ms=int(seconds) * 1000 + int(micros) // 1000,
        eviction=min(policies - {"noeviction"}, default="noeviction"),
        append_only=all(each.get("aof_enabled") for each in infos),
    )
