"""F32: imports whose API is killed, or whose sender goes, in the middle; then sent again."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import aiohttp
import msgspec

from scheduler.public_ids import PublicIds
from tests.builders import phones
from tests.faults.bed import Trial
from tests.faults.kinds import fault

ROWS = 400
BAD = b"12\n"


def _file(t: Trial) -> bytes:
    """A header, numbers that are good but for every fiftieth row, and a number that comes twice."""
    numbers = phones(ROWS)
    lines = [f"{number}\n".encode() for number in numbers]
    for at in range(49, ROWS, 50):
        lines[at] = BAD
    lines.append(lines[0])
    return b"Phone\n" + b"".join(lines)


async def _send(
    t: Trial, url: str, key: str, data: bytes, *, cut_at: int | None = None
) -> dict[str, int] | None:
    """Import the file; the totals, or None where it did not end. `cut_at`: the sender goes there."""

    async def body() -> object:
        for at in range(0, len(data), 500):
            if cut_at is not None and at >= cut_at:
                raise ConnectionResetError("the sender is gone")
            yield data[at : at + 500]
            await asyncio.sleep(0.005)

    agent = PublicIds(t.stores.installation.id_key).write("agt", t.agent_id)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "text/csv", "Accept": "application/x-ndjson"}
    with suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session,
            session.post(
                f"{url}/v1/imports?name=trial&consent=test&agent_id={agent}", data=body(), headers=headers
            ) as answer,
        ):
            if answer.status >= 300:
                t.complain("I21", f"the import was answered {answer.status}")
                return None
            last: dict[str, int] | None = None
            async for line in answer.content:
                told = msgspec.json.decode(line)
                last = told if told.get("t") == "done" else None
            return last
    return None


async def _again(t: Trial, key: str, data: bytes) -> None:
    """Sent once more, whole: everybody is there once, and the totals add up."""
    _, url = await t.api()
    totals = await _send(t, url, key, data)
    if totals is None:
        t.complain("I21", "the import did not end when it was sent again")
        return
    parts = sum(
        totals[name] for name in ("created", "updated", "unchanged", "duplicate", "suppressed", "rejected")
    )
    if parts != totals["rows"] or totals["rows"] != ROWS + 1:
        t.complain("I21", f"{ROWS + 1} rows were sent, {totals['rows']} counted, {parts} accounted for")
    leads = await t.value("SELECT count(*) FROM lead")
    loops = await t.value("SELECT count(*) FROM loop")
    if leads != ROWS - ROWS // 50 or loops != leads:
        t.complain("I21", f"{leads} leads and {loops} loops of {ROWS - ROWS // 50} good rows")


@fault("F32", "api killed", needs=("killed in an import",), leads=0, import_workers=0, import_batch_rows=50)
async def the_api_is_killed_in_the_middle_of_an_import(t: Trial) -> None:
    data, key = _file(t), await t.api_key()
    api, url = await t.api()
    sending = asyncio.create_task(_send(t, url, key, data))
    await asyncio.sleep(t.dice.random() * 0.1)
    t.sometimes["killed in an import"] += not sending.done()
    api.kill()
    await sending
    await _again(t, key, data)


@fault("F32", "sender gone", needs=("sender gone",), leads=0, import_workers=0, import_batch_rows=50)
async def the_sender_goes_in_the_middle_of_an_import(t: Trial) -> None:
    data, key = _file(t), await t.api_key()
    _, url = await t.api()
    await _send(t, url, key, data, cut_at=t.dice.randrange(500, len(data)))
    t.hit("sender gone")
    await _again(t, key, data)
