"""A Redis or Valkey Cluster under the wheel: which node holds a shard, and the way there while it moves.

Every key of a shard has one hash tag: a command needs one slot and one node, and nobody looks for its keys.
A redirection means that nothing was executed: it is followed. All else is said at once: nothing is repeated
here that may have run, whoever asked tries again. After an error the map of slots is read anew from any node.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cache
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from redis.asyncio import Redis
from redis.crc import key_slot
from redis.exceptions import (
    AskError,
    ClusterDownError,
    ConnectionError,
    MovedError,
    RedisError,
    ResponseError,
    TimeoutError,
)

from scheduler.errors import StartError
from scheduler.wheel.client import OneServer, Servers, make_client, make_listener, node_urls, our_errors
from scheduler.wheel.keys import tag

REDIRECTIONS = 5
"""A command follows this many; nodes that still disagree then need a moment."""


async def open_servers(url: str, *, connections: int, answer_timeout_s: float) -> Servers:
    """The server or the cluster at `url`. Raises StartError when it is the other of the two, SettingsError,
    ServerUnavailable when nothing answers."""
    nodes = node_urls(url)
    servers: Servers
    if nodes is None:
        servers = OneServer(url, connections=connections, answer_timeout_s=answer_timeout_s)
    else:
        servers = ClusterServers(nodes, connections=connections, answer_timeout_s=answer_timeout_s)
    try:
        with our_errors():
            facts = await servers.command(0, "INFO", "cluster")
    except ResponseError as error:
        await servers.close()
        raise StartError(
            "that Redis is no cluster", str(error), "name it without cluster=true, or start it as a cluster"
        ) from error
    except BaseException:
        await servers.close()
        raise
    if nodes is None and facts.get("cluster_enabled"):
        await servers.close()
        raise StartError(
            "that Redis is a node of a cluster",
            "one node holds only a part of the wheel",
            "name it as a cluster: redis://host:port,host:port?cluster=true",
        )
    return servers


class ClusterServers:
    """The primaries of one cluster. `start_urls`: nodes that are asked first who the others are."""

    def __init__(self, start_urls: Sequence[str], *, connections: int, answer_timeout_s: float) -> None:
        self._start_urls = list(start_urls)
        self._connections = connections
        self._answer_timeout_s = answer_timeout_s
        self._clients: dict[str, Redis] = {}
        self._known: list[str] = list(start_urls)
        self._owners: dict[int, str] = {}
        self._read = 0
        self._stale = True
        self._reading = asyncio.Lock()

    async def command(self, shard: int, *words: Any) -> Any:
        """Raises the library's errors; AskError or MovedError when the nodes sent it on too often."""
        slot = _slot(shard)
        url = await self._owner(slot)
        for _ in range(REDIRECTIONS):
            try:
                return await self._client(url).execute_command(*words)
            except MovedError as moved:
                url = self._owners[slot] = self._address(moved.host, moved.port, url)
                self._stale = True
                error: AskError = moved
            except AskError as asked:
                return await self._asking(self._address(asked.host, asked.port, url), words)
            except (ClusterDownError, ConnectionError, TimeoutError, OSError):
                self._stale = True
                raise
        raise error

    async def whereabouts(self, shard: int) -> str:
        return await self._owner(_slot(shard))

    async def listener(self, shard: int) -> Redis:
        return make_listener(await self._owner(_slot(shard)))

    async def all(self) -> list[Redis]:
        await self._owner(0)
        return [self._client(url) for url in dict.fromkeys(self._owners.values())]

    async def close(self) -> None:
        clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            await client.aclose()

    async def _asking(self, url: str, words: tuple[Any, ...]) -> Any:
        """The slot is on its way to that node: the permission to ask holds for the very next command."""
        pipe = self._client(url).pipeline(transaction=False)
        pipe.execute_command("ASKING")
        pipe.execute_command(*words)
        return (await pipe.execute())[1]

    async def _owner(self, slot: int) -> str:
        if self._stale:
            await self._read_map()
        if slot not in self._owners:
            raise ClusterDownError(f"no node serves slot {slot}")
        return self._owners[slot]

    async def _read_map(self) -> None:
        """Ask one node after the other, another one first each time: one that was cut off from the others
        still answers, with the map of before."""
        read = self._read
        async with self._reading:
            if self._read != read:
                return  # somebody else has just read it
            failed: Exception = ClusterDownError("no node knows of any slot")
            first = read % len(self._known)
            for url in dict.fromkeys([*self._known[first:], *self._known[:first], *self._start_urls]):
                try:
                    ranges = await self._client(url).execute_command("CLUSTER SLOTS")
                except (RedisError, OSError) as error:
                    failed = error
                    continue
                if ranges:
                    await self._take(ranges, url)
                    return
            raise failed

    async def _take(self, ranges: list[Any], asked: str) -> None:
        """`ranges`: first slot, last slot, the primary and its replicas, each host, port, id, …"""
        owners: dict[int, str] = {}
        known: dict[str, None] = {}
        for first, last, primary, *replicas in ranges:
            url = self._address(primary[0], primary[1], asked)
            owners.update(dict.fromkeys(range(first, last + 1), url))
            known[url] = None
            for replica in replicas:
                known[self._address(replica[0], replica[1], asked)] = None
        self._owners, self._known = owners, list(known)
        self._read, self._stale = self._read + 1, False
        gone = [url for url in self._clients if url not in known and url not in self._start_urls]
        for url in gone:
            await self._clients.pop(url).aclose()

    def _client(self, url: str) -> Redis:
        if url not in self._clients:
            self._clients[url] = make_client(
                url, connections=self._connections, answer_timeout_s=self._answer_timeout_s
            )
        return self._clients[url]

    def _address(self, host: bytes | str | None, port: int, asked: str) -> str:
        """A node's address, with login and options of the asked one's; without a host it is on that host."""
        parts = urlsplit(asked)
        name = host.decode() if isinstance(host, bytes) else host
        if not name or name == "?":
            name = parts.hostname or ""
        login, at, _ = parts.netloc.rpartition("@")
        shown = f"[{name}]" if ":" in name else name
        return urlunsplit((parts.scheme, f"{login}{at}{shown}:{port}", parts.path, parts.query, ""))


@cache
def _slot(shard: int) -> int:
    return int(key_slot(tag(shard).encode()))
