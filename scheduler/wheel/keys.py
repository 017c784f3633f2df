"""The keys that Python touches itself; all others are built in lua/fragments/keys.lua."""

from __future__ import annotations

import re

_GATE = re.compile(r"[a-z]{1,3}:[0-9]{1,19}")
_WORD = re.compile(r"[A-Za-z0-9_.:@-]{1,200}")


def tag(shard: int) -> str:
    """The hash tag of a shard, under which every one of its keys lies."""
    return f"{{dw:{shard}}}"


def absent_key(shard: int) -> str:
    """A key of the shard that nobody ever writes."""
    return f"{tag(shard)}:-"


def epoch_key(shard: int) -> str:
    return f"{tag(shard)}:epoch"


def bell_key(shard: int) -> str:
    return f"{tag(shard)}:bell"


def spools_key(shard: int) -> str:
    return f"{tag(shard)}:spools"


def reach_key(shard: int) -> str:
    return f"{tag(shard)}:reach"


def witness_key(shard: int) -> str:
    return f"{tag(shard)}:witness"


def checked_gate(gate: str) -> str:
    """The name, if it is a short kind and a number: no user's text may shape a key."""
    if not _GATE.fullmatch(gate):
        raise ValueError(f"not the name of a gate: {gate!r}")
    return gate


def checked_word(word: str) -> str:
    """A worker, claim id or epoch: no space, as answers are separated by spaces."""
    if not _WORD.fullmatch(word):
        raise ValueError(f"not a plain word of at most 200 characters: {word!r}")
    return word
