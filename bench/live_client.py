"""The client of `bench.live`, a process of its own: posts live leads at a steady rate and notes when."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import aiohttp
import msgspec


async def post_all(job: dict[str, Any]) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {job['key']}"}
    async with aiohttp.ClientSession(job["url"], headers=headers) as session:
        began_s = time.monotonic()

        async def post(number: int, phone: str) -> dict[str, Any]:
            await asyncio.sleep(max(0.0, began_s + number / job["per_s"] - time.monotonic()))
            sent_s = time.monotonic()
            body = {"phone": phone, "priority": "live", "agent_id": job["agent_id"]}
            async with session.post("/v1/leads", json=body) as answer:
                await answer.read()
                return {
                    "phone": phone,
                    "sent_s": sent_s,
                    "answered_s": time.monotonic(),
                    "status": answer.status,
                }

        return await asyncio.gather(*(post(n, phone) for n, phone in enumerate(job["phones"])))


if __name__ == "__main__":
    told = asyncio.run(post_all(msgspec.json.decode(sys.stdin.buffer.read())))
    sys.stdout.buffer.write(msgspec.json.encode(told))
