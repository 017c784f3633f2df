"""What every command is given: the options that work everywhere, the settings, and a place to write."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from api.cli.exits import colour
from scheduler.errors import UsageError
from scheduler.settings import Settings, load_settings

SWITCHES = {
    "--json": "json",
    "--plain": "plain",
    "--quiet": "quiet",
    "-q": "quiet",
    "--yes": "yes",
    "-y": "yes",
    "--no-input": "no_input",
}
VALUES = {"--data-dir": "data_dir", "--url": "url"}

EVERYWHERE = """\
Everywhere:
  --json           one JSON object on stdout (one a line for lists)
  --plain          values separated by tabs
  --quiet, -q      results and errors only
  --yes, -y        answer yes to every question
  --no-input       never ask: what needs an answer fails
  --data-dir DIR   where private servers, key and run file are (.dialwheel)
  --url URL        the dialwheel to speak to (DIALWHEEL_API_URL; its key in DIALWHEEL_API_KEY)

Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 refused, 5 not allowed, 6 unreachable,
            7 done with rejected rows, 75 try later, 130 interrupted"""


class Options(msgspec.Struct, kw_only=True):
    """The options that every command understands, before or after its name."""

    json: bool = False
    plain: bool = False
    quiet: bool = False
    yes: bool = False
    no_input: bool = False
    data_dir: str | None = None
    url: str | None = None


def split_options(argv: Sequence[str]) -> tuple[Options, list[str]]:
    """The common options, taken from anywhere before a `--`, and what is left for the command.

    `demo` has a `--json` of its own that names a file.
    """
    options = Options()
    rest: list[str] = []
    words = iter(argv)
    for word in words:
        name, equals, value = word.partition("=")
        if word == "--":
            rest += [word, *words]
        elif word in SWITCHES and not (word == "--json" and rest[:1] == ["demo"]):
            setattr(options, SWITCHES[word], True)
        elif name in VALUES:
            given = value if equals else next(words, "")
            if not given:
                raise UsageError(f"{name} needs a value", do=f"dialwheel … {name} VALUE")
            setattr(options, VALUES[name], given)
        else:
            rest.append(word)
    return options, rest


class Session:
    """One run of the command line. Settings are read when a command first asks for them."""

    def __init__(self, options: Options) -> None:
        self.options = options

    @cached_property
    def loaded(self) -> tuple[Settings, dict[str, str]]:
        return load_settings({"data_dir": self.options.data_dir}, os.environ, Path.cwd(), Path.home())

    @property
    def settings(self) -> Settings:
        return self.loaded[0]

    def origin(self, name: str) -> str:
        """Where the setting's value came from; `default` when nobody set it."""
        return self.loaded[1][name]

    def say(self, text: str = "") -> None:
        """Talk, on stderr."""
        if not self.options.quiet:
            print(text, file=sys.stderr, flush=True)

    def answer(self, value: Any, lines: Iterable[str], *, plain: Iterable[Sequence[Any]] = ()) -> None:
        """The result: `value` with --json, `plain` rows with --plain, else `lines`."""
        if self.options.json:
            print(to_json(value), flush=True)
        elif self.options.plain:
            for row in plain or [[line.strip()] for line in lines]:
                print("\t".join("" if cell is None else str(cell) for cell in row), flush=True)
        else:
            for line in lines:
                print(line, flush=True)

    def answer_list(
        self, values: Iterable[Any], lines: Iterable[str], *, plain: Iterable[Sequence[Any]]
    ) -> None:
        """The same for a list: --json prints one object a line."""
        if self.options.json:
            for value in values:
                print(to_json(value), flush=True)
        else:
            self.answer(None, lines, plain=plain)

    def ask(self, question: str, expected: str = "y") -> bool:
        """Whether the person typed `expected`. --yes answers; with nobody to ask it is a UsageError."""
        if self.options.yes:
            return True
        if self.options.no_input or not sys.stdin.isatty():
            raise UsageError(
                question.rstrip(" ?:"), "nobody can be asked here", "add --yes if that is what you want"
            )
        print(question, end=" ", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip().lower() == expected.lower()


class Progress:
    """A line that is renewed on a terminal, or one line every ten seconds elsewhere."""

    EVERY_S = 10.0
    RENEW_S = 0.1

    def __init__(self, session: Session) -> None:
        self._quiet = session.options.quiet
        self._terminal = sys.stderr.isatty()
        self._next_s = 0.0 if self._terminal else time.monotonic() + self.EVERY_S
        self._drawn = False

    def show(self, text: str) -> None:
        now_s = time.monotonic()
        if self._quiet or now_s < self._next_s:
            return
        self._next_s = now_s + (self.RENEW_S if self._terminal else self.EVERY_S)
        if self._terminal:
            self._drawn = True
            print(f"\r\x1b[2K{text}", end="", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._drawn:
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)
            self._drawn = False


def to_json(value: Any) -> str:
    """One line for a pipe, indented for a person."""
    indent = 2 if sys.stdout.isatty() else None
    return json.dumps(msgspec.to_builtins(value), ensure_ascii=False, indent=indent)


def styled(text: str, code: str) -> str:
    """`text` in a colour (an SGR number), where stdout is a terminal that wants it."""
    return f"\x1b[{code}m{text}\x1b[0m" if colour(sys.stdout) else text
