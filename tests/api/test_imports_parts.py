"""Files in parts: sent in any order, imported once all are in, through restarts (API 5, 6; I21, F32)."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from typing import Any

import msgspec
import pytest
import structlog

from api.app import make_app
from api.imports import writing
from api.instants import utc_ms
from scheduler.domain.time import HOUR
from scheduler.errors import ServerUnavailable
from scheduler.settings import Settings
from tests.api.builders import PERMIT_S, ApiServer, Site, a_site, a_tenant
from tests.api.imports import COUNTED, FILE, a_file, clear, send, value, without_times, work


async def begin(site: Site, query: str = "") -> dict[str, Any]:
    reply = await site.post(f"/v1/imports?parts=true&agent_id={site.agent}&name=first{query}")
    assert reply.status == 201, await reply.text()
    made: dict[str, Any] = await reply.json()
    assert reply.headers["Location"] == f"/v1/imports/{made['id']}"
    return made


async def put(site: Site, made: dict[str, Any], number: int | str, data: bytes, **rest: Any) -> Any:
    path = f"/v1/imports/{made['id']}/parts/{number}"
    return await site.send("PUT", path, data=data, **rest)


async def complete(site: Site, made: dict[str, Any], body: dict[str, Any] | None = None) -> Any:
    return await site.post(f"/v1/imports/{made['id']}/complete", body or {})


async def shown(site: Site, made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = await (await site.get(f"/v1/imports/{made['id']}")).json()
    return found


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


async def sent(site: Site, data: bytes, size: int, query: str = "") -> dict[str, Any]:
    """All parts of a file, the last one first."""
    made = await begin(site, query)
    parts = list(enumerate(cut(data, size), start=1))
    for number, part in reversed(parts):
        assert (await put(site, made, number, part)).status == 201
    return made


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
async def test_a_file_in_parts_comes_in_exactly_as_one_body(site: Site, packed: bool):
    """API 5: parts are a resumable upload; cut anywhere, packed or not, sent in any order."""
    data = gzip.compress(FILE) if packed else FILE
    made = await sent(site, data, 7)
    assert (await shown(site, made))["status"] == "receiving"
    assert await site.rows("SELECT 1 FROM lead") == []

    reply = await complete(site, made)
    accepted = await reply.json()
    await work(site)
    said = await shown(site, made)

    assert (reply.status, accepted["status"]) == (202, "processing")
    job = await (await site.get(f"/v1/jobs/{accepted['job_id']}")).json()
    assert (job["kind"], job["status"]) == ("import", "done")
    assert (said["status"], said["size"]) == ("done", len(data))
    errors = await (await site.get(said["errors_url"])).text()
    leads = "SELECT phone, name, variables::text FROM lead ORDER BY phone"
    brought = await site.rows(leads)
    loops = await value(site, "SELECT count(*) FROM loop WHERE status = 'scheduled'")
    assert loops == 2
    await site.rows("TRUNCATE lead, loop")
    whole = await (await send(site, data)).json()
    assert without_times(said) == without_times(whole)
    assert errors == await (await site.get(whole["errors_url"])).text()
    assert brought == await site.rows(leads)
    assert await value(site, "SELECT count(*) FROM loop WHERE status = 'scheduled'") == loops


async def test_what_was_asked_for_at_the_beginning_holds_for_the_rows(site: Site):
    """API 5: all parameters of POST /imports, with parts as well."""
    data = b"Wer;Wo\n+12125550101;Ana\n"
    made = await sent(site, data, 9, "&map.Wer=phone&map.Wo=name&delimiter=;&consent=demo&priority=live")
    await complete(site, made)
    await work(site)

    [lead] = await site.rows("SELECT name, priority, consent FROM lead")
    assert (lead["name"], lead["priority"]) == ("Ana", "live")
    assert msgspec.json.decode(lead["consent"]) == {"basis": "demo", "source": "import"}


async def test_a_part_tells_its_digest_and_may_be_sent_again_or_replaced(site: Site):
    made = await begin(site)
    digest = hashlib.sha256(b"Phone\n").hexdigest()

    first, again = await put(site, made, 1, b"Phone\n"), await put(site, made, 1, b"Phone\n")
    began = site.clock.now_ms()
    site.clock.move_to(began + 60_000)
    other = await put(site, made, 1, b"Mobile\n")
    now = await other.json()
    assert (now["created_at"], now["updated_at"]) == (utc_ms(began), utc_ms(began + 60_000))  # API 4

    assert (first.status, again.status, other.status) == (201, 200, 200)
    assert first.headers["ETag"] == again.headers["ETag"] == f'"{digest}"'
    said = await first.json()
    assert (said["number"], said["size"], said["sha256"]) == (1, 6, digest)
    assert said["id"] == now["id"]
    assert said["updated_at"] == said["created_at"]
    await put(site, made, 3, b"x")
    page = await (await site.get(f"/v1/imports/{made['id']}/parts?limit=1&count=exact")).json()
    rest = await (await site.get(f"/v1/imports/{made['id']}/parts?cursor={page['next_cursor']}")).json()
    assert [one["number"] for one in page["data"] + rest["data"]] == [1, 3]
    assert (page["data"][0]["size"], page["count"]) == (7, 2)


async def test_nothing_is_completed_while_a_part_is_missing(site: Site):
    made = await begin(site)
    assert (await complete(site, made)).status == 409
    for number in (1, 3):
        await put(site, made, number, b"Phone\n+12125550101\n")

    gap = await complete(site, made)
    assert gap.status == 409
    assert (await gap.json())["detail"].startswith("parts are missing: 2")
    await put(site, made, 2, b"+12125550102\n")
    lost = await complete(site, made, {"parts": 4})
    assert lost.status == 409
    assert (await shown(site, made))["status"] == "receiving"
    assert (await complete(site, made, {"parts": 3})).status == 202


async def test_completing_twice_imports_once(site: Site):
    made = await sent(site, FILE, 50)
    replies = await asyncio.gather(*(complete(site, made) for _ in range(4)))
    assert [reply.status for reply in replies] == [202] * 4
    await work(site)
    assert (await complete(site, made)).status == 202

    assert await value(site, "SELECT count(*) FROM job") == 1
    assert (await shown(site, made))["created"] == 2
    assert await value(site, "SELECT count(*) FROM audit WHERE action = 'import_completed'") == 1


async def test_what_is_over_or_came_as_one_body_takes_no_parts(site: Site):
    made = await sent(site, FILE, 50)
    await complete(site, made)
    assert (await put(site, made, 1, b"other")).status == 409
    assert (await put(site, made, 1, FILE[:50])).status == 200  # the same again: its answer got lost
    whole = await (await send(site, FILE)).json()
    assert (await put(site, whole, 1, b"x")).status == 409
    assert (await complete(site, whole)).status == 409
    gone = await begin(site)
    await site.post(f"/v1/imports/{gone['id']}/cancel")
    assert (await put(site, gone, 1, b"x")).status == 409


@pytest.mark.parametrize(
    ("number", "data", "headers", "status"),
    [("0", b"x", {}, 422), ("10001", b"x", {}, 422), ("99999999999999999999", b"x", {}, 422),
     ("one", b"x", {}, 404), ("1", b"", {}, 400), ("1", b"x" * 1025, {}, 413),
     ("1", b"x", {"Content-Encoding": "gzip"}, 415)],
)  # fmt: skip
async def test_a_part_that_cannot_be_is_refused(
    database: Any, wheel: Any, aiohttp_client: Any, number: str, data: bytes, headers: Any, status: int
):
    """RELIABILITY 5: limits of imports; each is a setting."""
    settings = Settings(permit_s=PERMIT_S, import_workers=0, import_part_max=1024)
    site = await a_site(aiohttp_client, database, wheel, settings=settings)
    made = await begin(site)

    assert (await put(site, made, number, data, headers=headers)).status == status
    assert await site.rows("SELECT 1 FROM import_part") == []


async def test_a_file_in_parts_is_begun_without_a_body_and_not_rehearsed(site: Site):
    path = f"/v1/imports?parts=true&agent_id={site.agent}&name=first"
    assert (await site.send("POST", path, data=FILE)).status == 400
    assert (await site.post(path + "&dry_run=true")).status == 422
    assert await site.rows("SELECT 1 FROM import") == []


async def test_a_file_that_cannot_be_read_fails_and_says_why(site: Site):
    made = await sent(site, b"Name,Age\nAna,5\n", 6)
    await complete(site, made)
    await work(site)

    said = await shown(site, made)
    assert (said["status"], said["rows"]) == ("failed", 0)
    assert said["trouble"].startswith("the file has no phone column")
    job = await (await site.get(f"/v1/jobs/{said['job_id']}")).json()
    assert (job["status"], job["error"]) == ("failed", said["trouble"])
    assert await value(site, "SELECT status FROM batch") == "running"


async def test_why_a_file_failed_holds_nothing_of_the_row_that_stands_where_its_header_should(site: Site):
    """I25: what an erasure does not reach names nobody: not the import, its job, nor a log line."""
    made = await sent(site, b"+12125550131,Ana Ruiz\n", 6)
    with structlog.testing.capture_logs() as logged:
        await complete(site, made)
        await work(site)

    said = await shown(site, made)
    job = await (await site.get(f"/v1/jobs/{said['job_id']}")).text()
    assert said["status"] == "failed"
    assert said["trouble"].endswith("its first line is a row, no list of column names")
    for told in (str(said), job, str(logged)):
        assert "Ruiz" not in told
        assert "5550131" not in told


@pytest.mark.parametrize("chunks", [0, 1, 3])
@pytest.mark.parametrize("doubt", [False, True], ids=["before its commit", "after its commit"])
async def test_a_file_goes_on_where_its_process_died_and_each_row_counts_once(
    site: Site, monkeypatch: pytest.MonkeyPatch, chunks: int, doubt: bool
):
    """I21: a resumed import adds 0 rows; F15: also where nobody knows whether the last commit held."""
    bad = b"hello,x\n+12125550101,again\n"
    made = await sent(site, a_file(200) + bad, 1000)
    await complete(site, made)
    transaction, begun = writing.in_transaction, []

    async def dies(database: Any, work: Any) -> Any:
        begun.append(1)
        if len(begun) <= chunks:
            return await transaction(database, work)
        if doubt:
            await transaction(database, work)
        raise ServerUnavailable("the process died")

    monkeypatch.setattr(writing, "in_transaction", dies)
    with pytest.raises(ServerUnavailable):
        await work(site, 40)
    assert (await shown(site, made))["status"] == "processing"
    assert (await shown(site, made))["rows"] == 40 * (chunks + doubt)

    monkeypatch.setattr(writing, "in_transaction", transaction)
    await site.rows("UPDATE job SET leased_until = NULL")
    await work(site, 40)

    said = await shown(site, made)
    assert (said["status"], said["rows"]) == ("done", 202)
    assert (said["created"], said["duplicate"], said["rejected"]) == (200, 1, 1)
    assert said["rows"] == sum(said[name] for name in COUNTED)
    assert await value(site, "SELECT count(*) FROM lead") == 200
    assert await value(site, "SELECT count(*) FROM loop") == 200
    rejected = await site.rows("SELECT row, code FROM import_reject ORDER BY row")
    assert [tuple(row) for row in rejected] == [(202, "phone-invalid"), (203, "duplicate-in-file")]


async def test_parts_survive_a_restart_of_the_api_and_any_api_takes_the_rest(site: Site, aiohttp_client: Any):
    """The ledger keeps them, not the disk of one process."""
    made = await begin(site)
    await put(site, made, 1, FILE[:40])
    await site.client.close()
    site.client = await aiohttp_client(ApiServer(make_app(site.deps)))
    await put(site, made, 2, FILE[40:])
    await complete(site, made)
    await work(site)

    assert (await shown(site, made))["created"] == 2


async def test_canceled_while_it_is_worked_on_it_stops_and_so_does_its_job(
    site: Site, monkeypatch: pytest.MonkeyPatch
):
    made = await sent(site, a_file(200), 1000)
    job = (await (await complete(site, made)).json())["job_id"]
    transaction, replies = writing.in_transaction, []

    async def canceled_after_two(database: Any, work: Any) -> Any:
        found = await transaction(database, work)
        if await value(site, "SELECT rows FROM import") == 80:
            replies.append(await site.post(f"/v1/imports/{made['id']}/cancel"))
        return found

    monkeypatch.setattr(writing, "in_transaction", canceled_after_two)
    await work(site, 40)

    said = await shown(site, made)
    assert [reply.status for reply in replies] == [200]
    assert (said["status"], said["rows"]) == ("canceled", 80)
    assert await value(site, "SELECT count(*) FROM lead") == 80
    assert (await (await site.get(f"/v1/jobs/{job}")).json())["status"] == "canceled"


async def test_an_import_whose_job_was_canceled_is_canceled(site: Site):
    made = await sent(site, FILE, 50)
    job = (await (await complete(site, made)).json())["job_id"]
    await site.post(f"/v1/jobs/{job}/cancel")
    await clear(site)

    assert (await shown(site, made))["status"] == "canceled"
    assert await site.rows("SELECT 1 FROM import_part") == []


async def test_parts_are_deleted_once_the_file_is_in_and_after_a_day_without_an_end(site: Site):
    done, late, fresh = await sent(site, FILE, 50), await begin(site), await begin(site)
    for made in (late, fresh):
        await put(site, made, 1, FILE)
    await complete(site, done)
    await work(site)
    site.clock.move_to(site.clock.now_ms() + 24 * HOUR - 1000)
    await put(site, fresh, 2, b"one more")
    await clear(site)
    assert {row["import_id"] for row in await site.rows("SELECT import_id FROM import_part")} == {2, 3}

    site.clock.move_to(site.clock.now_ms() + 2000)
    await clear(site)

    said = await shown(site, late)
    assert (said["status"], said["trouble"]) == ("failed", "not all parts came in time")
    assert {row["import_id"] for row in await site.rows("SELECT import_id FROM import_part")} == {3}
    assert (await shown(site, fresh))["status"] == "receiving"


async def test_a_silent_sender_of_parts_is_not_given_up_after_ten_minutes(site: Site):
    """That limit is for a body that is being received."""
    made = await begin(site)
    for _ in range(3):
        site.clock.move_to(site.clock.now_ms() + HOUR)
        await clear(site)

    assert (await shown(site, made))["status"] == "receiving"


async def test_parts_of_another_account_cannot_be_seen_sent_or_completed(site: Site):
    """I24."""
    other = await a_tenant(site.database, "Other")
    made = await sent(site, FILE, 50)

    assert (
        await put(site, made, 1, b"theirs", headers={"Authorization": f"Bearer {other.key}"})
    ).status == 404
    assert (await site.get(f"/v1/imports/{made['id']}/parts", key=other.key)).status == 404
    assert (await site.post(f"/v1/imports/{made['id']}/complete", {}, key=other.key)).status == 404
    assert await value(site, "SELECT data FROM import_part WHERE part = 1") == FILE[:50]
