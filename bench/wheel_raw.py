"""What the server gives without us, from sockets with commands packed beforehand: a pipeline of ZADD, and a
script that moves members between two zsets. The wheel's figures are ratios of these on any machine."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable
from typing import Any

import hiredis
from redis.asyncio import Redis

from bench.wheel_bed import IN_FLIGHT
from scheduler.domain.time import HOUR

PIPELINE = 64
CONNECTIONS = 8
MOVED_AT_ONCE = 500
MOVE = """#!lua
local found, args = redis.call('ZPOPMIN', KEYS[1], ARGV[1]), {}
for k = 1, #found, 2 do args[k], args[k + 1] = found[k + 1], found[k] end
redis.call('ZADD', KEYS[2], unpack(args))
return #found / 2
"""


async def raw_rates(own: Redis, url: str, members: int, least_s: float) -> dict[str, float]:
    """ZADDs a second and members moved a second, by turns until at least `least_s` have passed.

    Members of 12 bytes at random scores, a new zset each turn: what was moved once lies in memory in order
    of its scores and goes a third faster the next time, which no scheduler ever sees.
    """
    path = url.removeprefix("unix://")
    if members % (PIPELINE * MOVED_AT_ONCE):
        raise ValueError(f"members come in multiples of {PIPELINE * MOVED_AT_ONCE}")
    payloads = _zadds(members)
    sha = await own.script_load(MOVE)
    move = _packed("EVALSHA", sha, 2, "raw:a", "raw:b", MOVED_AT_ONCE)
    moves = [move] * (members // MOVED_AT_ONCE)
    turns, zadd_s, move_s = 0, 0.0, 0.0
    while zadd_s + move_s < least_s:
        await own.delete("raw:a", "raw:b")
        zadd_s += await _send_all(path, payloads, b":1\r\n" * PIPELINE, CONNECTIONS)
        move_s += await _send_all(path, moves, b":%d\r\n" % MOVED_AT_ONCE, IN_FLIGHT)
        turns += 1
    await own.delete("raw:a", "raw:b")
    return {"raw_zadd_per_s": turns * members / zadd_s, "raw_move_per_s": turns * members / move_s}


def _zadds(members: int) -> list[bytes]:
    scores = random.Random(3)
    commands = [_packed("ZADD", "raw:a", scores.randrange(HOUR), f"loop:{n:07d}") for n in range(members)]
    return [b"".join(commands[n : n + PIPELINE]) for n in range(0, members, PIPELINE)]


def _packed(*words: Any) -> bytes:
    return hiredis.pack_command(words)


async def _send_all(path: str, payloads: Iterable[bytes], answer: bytes, connections: int) -> float:
    """Seconds until every payload was answered as it should be, one in flight a connection."""
    lines = [await asyncio.open_unix_connection(path) for _ in range(connections)]
    rest = iter(payloads)

    async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for payload in rest:
            writer.write(payload)
            if await reader.readexactly(len(answer)) != answer:
                raise RuntimeError("the server did not answer as expected")

    began_s = time.perf_counter()
    await asyncio.gather(*(send(*line) for line in lines))
    seconds = time.perf_counter() - began_s
    for _, writer in lines:
        writer.close()
    return seconds
