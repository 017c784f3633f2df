"""A real cluster on loopback: three primaries with a replica each, put together without a tool."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

PRIMARIES = 3
SLOTS = 16384
NODE_TIMEOUT_MS = 1000
"""After this long without an answer a node counts as failed; its replica takes over within another second."""


class Node:
    """One server of the cluster, and a client that talks to it alone."""

    def __init__(self, binary: Path, data: Path, number: int) -> None:
        self.binary = binary
        self.data = data / f"n{number}"
        self.port, self.bus_port = free_ports()
        self.id = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._client: Redis | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def client(self) -> Redis:
        if self._client is None:
            self._client = Redis(
                port=self.port,
                socket_timeout=5,
                retry=Retry(NoBackoff(), 0),
                protocol=3,
                decode_responses=True,
            )
        return self._client

    @property
    def alive(self) -> bool:
        return self._process is not None

    def start(self, *, cluster: bool = True) -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        options = {
            "port": self.port, "cluster-enabled": "yes" if cluster else "no",
            "cluster-port": self.bus_port, "bind": "127.0.0.1",
            "cluster-config-file": "nodes.conf", "cluster-node-timeout": NODE_TIMEOUT_MS,
            "cluster-replica-validity-factor": 0, "cluster-require-full-coverage": "no",
            "cluster-allow-replica-migration": "no", "repl-diskless-sync": "yes",
            "repl-diskless-sync-delay": 0, "dir": str(self.data),
            "save": "", "appendonly": "no", "daemonize": "no",
            "zset-max-listpack-entries": 512,
        }  # fmt: skip
        words = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
        self._process = subprocess.Popen(
            [str(self.binary), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # a server that outlives its test must not hold the suite's pipe open
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    async def up(self, *, cluster: bool = True) -> None:
        """Return when it answers. A port that somebody else was quicker to take is given up for another."""

        async def answers() -> bool:
            if self._process is not None and self._process.poll() is not None:
                await self.close()
                self.port, self.bus_port = free_ports()
                self.start(cluster=cluster)
            return await self.answers()

        await until(answers)

    def kill(self) -> None:
        """As a machine that loses its power: nothing is written down, nobody is told."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None
        self.kill()

    async def answers(self) -> bool:
        """Whether it is up; another server on its port is not it."""
        with contextlib.suppress(RedisError, OSError):
            process_id = (await self.info("server"))["process_id"]
            return self._process is not None and int(process_id) == self._process.pid
        return False

    async def ask(self, *words: Any) -> Any:
        return await self.client.execute_command(*words)

    async def info(self, section: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.client.info(section)
        return found


class Cluster:
    """Six nodes; the slots lie evenly over the first three, the others follow them."""

    def __init__(self, binary: Path, data: Path) -> None:
        self.nodes = [Node(binary, data, number) for number in range(2 * PRIMARIES)]

    @property
    def url(self) -> str:
        """Every node as a start node: some may be down."""
        return f"redis://{','.join(node.address for node in self.nodes)}?cluster=true"

    async def start(self) -> None:
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            await node.up()
            node.id = await node.ask("CLUSTER", "MYID")
        width = SLOTS // PRIMARIES + 1
        for number, node in enumerate(self.nodes):
            await node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            if number < PRIMARIES:
                await node.ask(
                    "CLUSTER", "ADDSLOTSRANGE", number * width, min((number + 1) * width, SLOTS) - 1
                )
            if number:
                await node.ask("CLUSTER", "MEET", "127.0.0.1", self.nodes[0].port, self.nodes[0].bus_port)
        await until(lambda: self._agreed(len(self.nodes)))
        for primary, replica in zip(self.nodes[:PRIMARIES], self.nodes[PRIMARIES:], strict=True):
            await replica.ask("CLUSTER", "REPLICATE", primary.id)
        await self.whole()

    async def stop(self) -> None:
        for node in self.nodes:
            await node.close()

    async def owner(self, slot: int) -> Node:
        """The node that serves the slot, by what most living nodes say."""
        said: dict[str, int] = {}
        for node in self._living():
            for first, last, (_, _, node_id, *_), *_ in await node.ask("CLUSTER SLOTS"):
                if first <= slot <= last:
                    said[node_id] = said.get(node_id, 0) + 1
        best = max(said, key=lambda node_id: said[node_id])
        return next(node for node in self.nodes if node.id == best)

    async def primaries(self) -> list[Node]:
        return [node for node in self._living() if (await node.info("replication"))["role"] == "master"]

    async def replica_of(self, primary: Node) -> Node:
        """A living follower of `primary`."""
        for node in self._living():
            replication = await node.info("replication")
            if replication["role"] == "slave" and int(replication["master_port"]) == primary.port:
                return node
        raise AssertionError("nobody follows that node")

    async def taken_over(self, replica: Node) -> None:
        """Return when the replica has become a primary and every living node says so."""

        async def promoted() -> bool:
            if (await replica.info("replication"))["role"] != "master":
                return False
            return all([
                any(slots[2][2] == replica.id for slots in await node.ask("CLUSTER SLOTS"))
                for node in self._living()
            ])  # fmt: skip

        await until(promoted)

    async def cut_off(self, replica: Node, primary: Node) -> None:
        """The replica has all that was written, and never sees what is written from now on.

        A replica that was merely stopped would find it in its socket's buffer later.
        """

        async def in_step() -> bool:
            written = (await primary.info("replication"))["master_repl_offset"]
            return bool((await replica.info("replication"))["slave_repl_offset"] >= written)

        await until(in_step)
        await replica.ask("CONFIG", "SET", "masterauth", "not the password")
        await primary.ask("CLIENT", "KILL", "TYPE", "replica")

        async def alone() -> bool:
            return bool((await replica.info("replication"))["master_link_status"] == "down")

        await until(alone)

    async def migrate(self, slot: int, source: Node, target: Node) -> None:
        """Move a slot key by key, as the tools of every version do."""
        if await self.owner(slot) is target:
            return
        await target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        await source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
        while keys := await source.ask("CLUSTER", "GETKEYSINSLOT", slot, 5):
            await source.ask("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
            await asyncio.sleep(0.005)
        for node in (target, source):
            await node.ask("CLUSTER", "SETSLOT", slot, "NODE", target.id)
        await self.owned_by(slot, target)

    async def owned_by(self, slot: int, node: Node) -> None:
        """Return when most nodes say so."""

        async def said() -> bool:
            return await self.owner(slot) is node

        await until(said)

    async def whole(self) -> None:
        """Every node alive, every follower in step: what a test leaves behind and the next one finds."""
        for node in self.nodes:
            if not node.alive:
                node.start()
                await until(node.answers)  # on its own port: the others know it there
        await until(lambda: self._agreed(len(self.nodes)))
        for node in self.nodes:
            await node.ask("CONFIG", "SET", "masterauth", "")
        await until(self._in_step)

    async def as_new(self) -> Cluster:
        """Whole and empty."""
        await self.whole()
        for node in await self.primaries():
            await node.ask("FLUSHALL")
        return self

    async def _agreed(self, nodes: int) -> bool:
        for node in self._living():
            facts = dict(line.split(":") for line in (await node.ask("CLUSTER", "INFO")).split())
            if facts["cluster_state"] != "ok" or int(facts["cluster_known_nodes"]) != nodes:
                return False
        return True

    async def _in_step(self) -> bool:
        """Three primaries, each with a follower that is fed what is written, no longer in its first sync."""
        roles = [await node.info("replication") for node in self._living()]
        fed = [role for role in roles if role.get("slave0", {}).get("state") == "online"]
        return len(fed) == PRIMARIES and len(roles) == 2 * PRIMARIES

    def _living(self) -> list[Node]:
        return [node for node in self.nodes if node.alive]


@asynccontextmanager
async def a_cluster(binary: Path, data: Path) -> AsyncIterator[Cluster]:
    cluster = Cluster(binary, data)
    try:
        await cluster.start()
        yield cluster
    finally:
        await cluster.stop()


async def until(holds: Callable[[], Any], *, within_s: float = 60) -> None:
    """Ask again and again until it holds: other processes do the work meanwhile."""
    deadline = time.monotonic() + within_s
    while not await holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s: {holds}")
        await asyncio.sleep(0.02)


def free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        for probe in (one, other):
            probe.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1]), int(other.getsockname()[1])
