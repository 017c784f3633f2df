"""Conditions of steps: a small language over a lead's variables and tags and the last result.

    score >= 10 and not tags has "vip"
    plan in ["pro", "team"] or outcome == "busy"

Words are and, or, not, has, in, true, false, null; comparisons == != < <= > >=; texts stand in quotes. A
name is one of tags, outcome, disposition, attempts, step and run, or else a variable of the lead (`lead.NAME`
where the two would clash). What a lead does not have is null: it equals null alone, and no order holds for
it, nor between a text and a number. A text that reads as a number compares as one with numbers: files know
only text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TypeAlias

from scheduler.errors import DialwheelError

Value: TypeAlias = str | float | bool | tuple[str, ...] | None
Facts: TypeAlias = Mapping[str, Value]
Condition: TypeAlias = Callable[[Facts], bool]
Term: TypeAlias = Callable[[Facts], Value]

OWN_NAMES = ("tags", "outcome", "disposition", "attempts", "step", "run")
LONGEST = 1_000
DEEPEST = 20

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>-?\d+(?:\.\d+)?)(?![\w.])|(?P<text>"[^"]*"|'[^']*')"""
    r"""|(?P<word>[A-Za-z_][\w.-]*)|(?P<sign>==|!=|<=|>=|<|>|\(|\)|\[|\]|,))"""
)
_WORDS = frozenset({"and", "or", "not", "has", "in", "true", "false", "null"})
_SIGNS = ("==", "!=", "<=", ">=", "<", ">")
_CONSTANTS: dict[str, Value] = {"true": True, "false": False, "null": None}


class BadCondition(DialwheelError):
    """A condition that cannot be read; `what` says where."""


def holds(text: str, facts: Facts) -> bool:
    """Whether the condition is true; an empty one always is. Raises BadCondition."""
    return parse(text)(facts)


@lru_cache(maxsize=2_000)
def parse(text: str) -> Condition:
    """The condition as a function of the facts. Raises BadCondition."""
    if not text.strip():
        return _always
    if len(text) > LONGEST:
        raise _bad("a condition of more than 1000 characters", "split it over several steps")
    reader = _Reader(_tokens(text))
    found = reader.alternatives(0)
    if reader.kind:
        raise reader.unexpected("and, or, or the end")
    return found


def _always(_facts: Facts) -> bool:
    return True


def _tokens(text: str) -> list[tuple[str, str, int]]:
    """Kind, text and place of each token."""
    found, at, text = [], 0, text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _bad(
                f"nothing readable at character {at + 1}", "quote texts, and compare with == != < <= > >="
            )
        kind = str(match.lastgroup)
        token, place = match.group(kind), match.start(kind) + 1
        if kind == "word" and token.lower() in _WORDS:
            kind, token = "key", token.lower()
        found.append((kind, token, place))
        at = match.end()
    return found


class _Reader:
    """Recursive descent over the tokens: or, and, not, comparison."""

    def __init__(self, tokens: list[tuple[str, str, int]]) -> None:
        self._tokens = [*tokens, ("", "", 0)]
        self._next = 0

    @property
    def kind(self) -> str:
        return self._tokens[self._next][0]

    def alternatives(self, depth: int) -> Condition:
        if depth > DEEPEST:
            raise _bad("a condition nested too deeply", "split it over several steps")
        parts = [self._conjunction(depth)]
        while self._take("key", "or"):
            parts.append(self._conjunction(depth))
        return parts[0] if len(parts) == 1 else lambda facts: any(part(facts) for part in parts)

    def _conjunction(self, depth: int) -> Condition:
        parts = [self._negation(depth)]
        while self._take("key", "and"):
            parts.append(self._negation(depth))
        return parts[0] if len(parts) == 1 else lambda facts: all(part(facts) for part in parts)

    def _negation(self, depth: int) -> Condition:
        if self._take("key", "not"):
            if depth > DEEPEST:
                raise _bad("a condition nested too deeply", "split it over several steps")
            part = self._negation(depth + 1)
            return lambda facts: not part(facts)
        if self._take("sign", "("):
            part = self.alternatives(depth + 1)
            self._expect(")")
            return part
        return self._comparison()

    def _comparison(self) -> Condition:
        left = self._term()
        if self._take("key", "has"):
            right = self._term()
            return lambda facts: _has(left(facts), right(facts))
        if self._take("key", "in"):
            among = self._list()
            return lambda facts: any(_same(left(facts), term(facts)) for term in among)
        for sign in _SIGNS:
            if self._take("sign", sign):
                right = self._term()
                compare = _COMPARE[sign]
                return lambda facts: compare(left(facts), right(facts))
        return lambda facts: bool(left(facts))

    def _list(self) -> list[Term]:
        self._expect("[")
        terms = [self._term()]
        while self._take("sign", ","):
            terms.append(self._term())
        self._expect("]")
        return terms

    def _term(self) -> Term:
        kind, token, _ = self._tokens[self._next]
        value: Value
        if kind == "number":
            value = float(token)
        elif kind == "text":
            value = token[1:-1]
        elif kind == "key" and token in _CONSTANTS:
            value = _CONSTANTS[token]
        elif kind == "word":
            self._next += 1
            return lambda facts: facts.get(token)
        else:
            raise self.unexpected("a name, a number or a text in quotes")
        self._next += 1
        return lambda _facts: value

    def _take(self, kind: str, token: str) -> bool:
        found = self._tokens[self._next][:2] == (kind, token)
        self._next += found
        return found

    def _expect(self, sign: str) -> None:
        if not self._take("sign", sign):
            raise self.unexpected(sign)

    def unexpected(self, wanted: str) -> BadCondition:
        _, token, at = self._tokens[self._next]
        where = f"{token} at character {at}" if token else "the end"
        return _bad(f"unexpected {where}", f"expected {wanted}")


def _bad(what: str, do: str) -> BadCondition:
    return BadCondition(what, "a condition compares variables, tags and the last result", do)


def _same(left: Value, right: Value) -> bool:
    left, right = _as_numbers(left, right)
    return type(left) is type(right) and left == right


def _less(left: Value, right: Value) -> bool:
    left, right = _as_numbers(left, right)
    if isinstance(left, float) and isinstance(right, float):
        return left < right
    return isinstance(left, str) and isinstance(right, str) and left < right


def _has(left: Value, right: Value) -> bool:
    if isinstance(left, tuple):
        return any(_same(item, right) for item in left)
    return isinstance(left, str) and isinstance(right, str) and right in left


def _as_numbers(left: Value, right: Value) -> tuple[Value, Value]:
    """Both as numbers where one is a number and the other reads as one."""
    left, right = _plain(left), _plain(right)
    if isinstance(left, float) and isinstance(right, str):
        return left, _number(right)
    if isinstance(left, str) and isinstance(right, float):
        return _number(left), right
    return left, right


def _plain(value: Value) -> Value:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _number(text: str) -> Value:
    return float(text) if re.fullmatch(r"\s*-?\d+(\.\d+)?\s*", text, re.ASCII) else text


_COMPARE: dict[str, Callable[[Value, Value], bool]] = {
    "==": _same,
    "!=": lambda left, right: not _same(left, right),
    "<": _less,
    ">": lambda left, right: _less(right, left),
    "<=": lambda left, right: _less(left, right) or _ordered_same(left, right),
    ">=": lambda left, right: _less(right, left) or _ordered_same(left, right),
}


def _ordered_same(left: Value, right: Value) -> bool:
    return _same(left, right) and isinstance(_plain(left), float | str)
