"""The Lua scripts: assembled from lua/, called by hash, loaded again when the server has forgotten them."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import Any

from redis.exceptions import NoScriptError

from scheduler.wheel.client import Servers
from scheduler.wheel.keys import absent_key, tag

_USES = re.compile(r"^-- Uses +(.+)$", re.MULTILINE)


class Script:
    """One script: its whole text, and the hash the server knows it by."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.text = script_text(name)
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


@cache
def script(name: str) -> Script:
    """The script lua/<name>.lua."""
    return Script(name)


def script_text(name: str) -> str:
    """Header `#!lua`, then the fragments that the script's "Uses" line names, in order, then the script."""
    folder = files("lua")
    header, _, body = folder.joinpath(f"{name}.lua").read_text("utf-8").partition("\n")
    if not header.startswith("#!lua"):
        raise ValueError(f"lua/{name}.lua does not begin with #!lua")
    uses = _USES.search(body)
    names = uses.group(1).split() if uses else []
    fragments = [folder.joinpath("fragments", f"{each}.lua").read_text("utf-8") for each in names]
    return "\n".join([header, *fragments, body])


async def run(servers: Servers, name: str, shard: int, args: list[Any]) -> Any:
    """Run a script on a shard. NOSCRIPT means that nothing was executed: load, call again.

    Of the two keys that are named one is never there. So nodes between which the shard's slot is on its way,
    key by key, refuse the script (TRYAGAIN) until all keys are in one place: it would run on half of them.
    """
    each = script(name)
    words = ("EVALSHA", each.sha, 2, tag(shard), absent_key(shard), *args)
    try:
        return await servers.command(shard, *words)
    except NoScriptError:
        await servers.command(shard, "SCRIPT LOAD", each.text)
        return await servers.command(shard, *words)
