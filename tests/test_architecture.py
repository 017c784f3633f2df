"""The shape of the code: imports go one way, one library has one home, the domain is pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("bench", "api", "dialer", "scheduler", "lua")
MAY_IMPORT = {
    "bench": {"bench", "api", "dialer", "scheduler", "lua"},
    "api": {"api", "dialer", "scheduler"},
    "dialer": {"dialer", "scheduler"},
    "scheduler": {"scheduler", "lua"},
    "scheduler.domain": {"scheduler.domain", "scheduler.errors"},
    "lua": {"lua"},
}
HOMES = {
    "redis": ("scheduler.wheel",),
    "hiredis": ("scheduler.wheel",),
    "asyncpg": ("scheduler.ledger",),
    "aiohttp": ("dialer.http", "dialer.webhooks", "api"),
    "yarl": ("dialer.webhooks",),
    "cryptography": ("dialer.webhooks",),
    "http.client": ("api.cli.client", "api.cli.answers"),
    "cyclopts": ("api.cli",),
    "structlog": ("scheduler", "dialer", "api"),
    "prometheus_client": ("scheduler.metrics", "api"),
    "phonenumbers": ("scheduler.domain",),
}
FORBIDDEN_EVERYWHERE = {"requests", "httpx", "urllib.request", "datetime.now", "pytz", "dateutil"}
IMPURE_MODULES = {
    "asyncio",
    "time",
    "random",
    "secrets",
    "socket",
    "subprocess",
    "os",
    "logging",
    "threading",
}
CLOCK_CALLS = {
    "time.time",
    "time.time_ns",
    "time.monotonic",
    "time.monotonic_ns",
    "time.perf_counter",
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "Instant.now",
    "uuid4",
    "uuid.uuid4",
    "uuid1",
    "uuid.uuid1",
}
LIMIT = 500
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
NAMES = [str(path.relative_to(ROOT)) for path in MODULES]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every imported module, and `module.name` for what is imported from it, at any depth of the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute, so that their direction can be read"
            yield node.module or "", node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def within(name: str, packages: set[str] | tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def wrong_directions(name: str, tree: ast.AST) -> list[str]:
    layer = "scheduler.domain" if within(name, {"scheduler.domain"}) else name.split(".")[0]
    return [
        f"{name}:{line} imports {imported}"
        for imported, line in imports(tree)
        if within(imported, PACKAGES) and not within(imported, MAY_IMPORT[layer])
    ]


def strangers(name: str, tree: ast.AST) -> list[str]:
    """Imports of a library outside of its home, or of one that has no home here.

    Benchmarks are free: they stand outside, as a user or a peer does, with a client of their own.
    """
    found: list[str] = []
    if within(name, {"bench"}):
        return found
    for imported, line in imports(tree):
        for library, homes in HOMES.items():
            if within(imported, {library}) and not within(name, homes):
                found.append(f"{name}:{line} imports {imported}, whose home is {', '.join(homes)}")
        if within(imported, FORBIDDEN_EVERYWHERE):
            found.append(f"{name}:{line} imports {imported}")
    return found


def clock_readings(name: str, tree: ast.AST) -> list[str]:
    """Calls that ask what time it is, or for a random value: arguments in these parts."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if any(called == clock or called.endswith("." + clock) for clock in CLOCK_CALLS):
                found.append(f"{name}:{node.lineno} calls {called}")
            if called.startswith(("random.", "secrets.")):
                found.append(f"{name}:{node.lineno} calls {called}")
    return found


def impurities(name: str, tree: ast.AST) -> list[str]:
    """What a domain module may not do: wait, read, write, look at the clock."""
    found = [
        f"{name}:{line} imports {imported}"
        for imported, line in imports(tree)
        if within(imported, IMPURE_MODULES)
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await):
            found.append(f"{name}:{node.lineno} awaits")
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("open", "print", "input"):
            found.append(f"{name}:{node.lineno} calls {ast.unparse(node.func)}")
    return found + clock_readings(name, tree)


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_imports_go_one_way_and_every_library_stays_at_home(path: Path) -> None:
    """DESIGN 2: bench → api → dialer → scheduler → scheduler.domain; one library, one home."""
    name, tree = module_name(path), ast.parse(path.read_text())

    assert wrong_directions(name, tree) + strangers(name, tree) == []


@pytest.mark.parametrize("path", [p for p in MODULES if "scheduler/domain/" in str(p)], ids=str)
def test_a_domain_module_only_calculates(path: Path) -> None:
    """DESIGN 1: no await, no I/O, no clock."""
    assert impurities(module_name(path), ast.parse(path.read_text())) == []


@pytest.mark.parametrize(
    "path",
    [p for p in MODULES if within(module_name(p), ("scheduler.flow", "scheduler.wheel", "dialer"))],
    ids=str,
)
def test_time_and_randomness_are_arguments(path: Path) -> None:
    """DESIGN 1: one Clock asks what time it is, and ids are handed in."""
    assert clock_readings(module_name(path), ast.parse(path.read_text())) == []


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_a_module_stays_below_five_hundred_lines_and_says_what_it_is(path: Path) -> None:
    text = path.read_text()

    assert text.count("\n") <= LIMIT
    assert path.name == "__init__.py" or ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("path", sorted((ROOT / "api").glob("referee*.py")), ids=lambda path: path.name)
def test_the_referee_shares_nothing_with_what_it_judges(path: Path) -> None:
    """I7, I11: hours and caps are judged by code of its own."""
    tree = ast.parse(path.read_text())
    shared = [name for name, _ in imports(tree) if within(name, PACKAGES)]

    assert all(within(name, {f"api.{p.stem}" for p in (ROOT / "api").glob("referee*.py")}) for name in shared)


@pytest.mark.parametrize(
    ("name", "source", "complaints"),
    [
        ("scheduler.flow.arm", "from dialer.worker import Worker", 2),
        ("scheduler.domain.planner", "import scheduler.ledger", 1),
        ("scheduler.domain.planner", "from scheduler.errors import UnknownZone", 0),
        ("dialer.worker", "def f():\n    from api import app", 2),
        ("api.app", "import redis.asyncio", 1),
        ("scheduler.services.feeder", "import asyncpg", 1),
        ("dialer.providers.simulated", "from aiohttp import web", 2),
        ("dialer.http", "import aiohttp", 0),
        ("api.routes.leads", "from aiohttp import web", 0),
        ("api.routes.leads", "import httpx", 1),
        ("bench.live_client", "import aiohttp", 0),
    ],
)
def test_the_judge_of_imports_sees_what_is_wrong(name: str, source: str, complaints: int) -> None:
    """A test of the tests above: planted faults are found."""
    tree = ast.parse(source)

    assert len(wrong_directions(name, tree) + strangers(name, tree)) == complaints


@pytest.mark.parametrize(
    "source",
    [
        "import asyncio",
        "import time\nnow = time.time()",
        "from datetime import datetime\nnow = datetime.now()",
        "async def f(): ...",
        "text = open('x').read()",
        "from whenever import Instant\nnow = Instant.now()",
        "import random\nx = random.random()",
    ],
)
def test_the_judge_of_purity_sees_what_is_wrong(source: str) -> None:
    assert impurities("scheduler.domain.planner", ast.parse(source))
