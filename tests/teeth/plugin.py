"""A pytest plugin that takes one guard out: `pytest -p tests.teeth.plugin --without GUARD tests/…`.

The text of a module, a script or a statement is replaced as it is read; nothing on disk changes. A text that
is not there exactly once means that the guard has moved: the run is refused, it proves nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import msgspec
import pytest

from tests.teeth.guards import GUARDS, Patch


class Fell(msgspec.Struct, frozen=True):
    """A test that failed: by what kind of exception, and whether in the test itself, not in what it needs."""

    test: str
    error: str
    phase: str


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("teeth")
    group.addoption("--without", metavar="GUARD", choices=sorted(GUARDS), help="the guard to take out")
    group.addoption("--fell", metavar="FILE", help="where to write which tests failed, a JSON line each")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Before a conftest imports what is to be changed."""
    name = early_config.known_args_namespace.without
    for patch in GUARDS[name].patches if name else ():
        _apply(patch)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Any:
    report = yield
    where = item.config.getoption("--fell")
    if where and report.failed and call.excinfo is not None:
        fell = Fell(item.nodeid, call.excinfo.typename, report.when)
        with Path(where).open("ab") as file:
            file.write(msgspec.json.encode(fell) + b"\n")
    return report


def _apply(patch: Patch) -> None:
    text = Path(patch.path).read_text(encoding="utf-8")
    found = text.count(patch.old)
    if found != 1:
        raise pytest.UsageError(f"{patch.path}: {found} times instead of once: {patch.old!r}")
    if patch.path.endswith(".py"):
        module = patch.path.removesuffix(".py").replace("/", ".")
        if module in sys.modules:
            raise pytest.UsageError(f"{module} was imported before its guard could be taken out")
        _modules().patches.setdefault(module, []).append(patch)
    else:
        _texts().setdefault(patch.path, []).append(patch)


class _Loader(SourceFileLoader):
    """Compiles a module with its text replaced, past every cache."""

    def __init__(self, name: str, path: str, patches: Sequence[Patch]) -> None:
        super().__init__(name, path)
        self._patches = patches

    def get_code(self, fullname: str) -> CodeType:
        text = Path(self.path).read_text(encoding="utf-8")
        code: CodeType = self.source_to_code(_replaced(text, self._patches).encode(), self.path)
        return code


class _Modules(MetaPathFinder):
    """Finds the modules to be replaced before anybody else does."""

    def __init__(self) -> None:
        self.patches: dict[str, list[Patch]] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self.patches:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(fullname, spec.origin, self.patches[fullname])
        return spec


def _modules() -> _Modules:
    for finder in sys.meta_path:
        if isinstance(finder, _Modules):
            return finder
    ours = _Modules()
    sys.meta_path.insert(0, ours)
    return ours


_read_text = Path.read_text
_TEXTS: dict[str, list[Patch]] = {}


def _texts() -> dict[str, list[Patch]]:
    """Lua and SQL are read as package data, through `Path.read_text`."""

    def read_text(self: Path, *args: Any, **options: Any) -> str:
        text = _read_text(self, *args, **options)
        for path, patches in _TEXTS.items():
            if self.as_posix().endswith(path):
                return _replaced(text, patches)
        return text

    Path.read_text = read_text  # type: ignore[method-assign]
    return _TEXTS


def _replaced(text: str, patches: Sequence[Patch]) -> str:
    for patch in patches:
        text = text.replace(patch.old, patch.new)
    return text
