"""A TCP proxy between a process under test and one of its servers, which does to the line what networks do.

It knows no protocol: what it is told to do happens to bytes. What a swallowed reply answers has been executed
by the server: the fault that finds the most.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec

CHUNK = 65_536
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time: close sends RST


class Line(msgspec.Struct):
    """What happens to every connection from now on. Delays are real seconds.

    `swallow_reply`: the n-th reply (from 1, over all connections) is kept back and its connection cut.
    `cut_after`: a connection is cut once it has carried so many bytes of requests. `hole_up`, `hole_down`:
    bytes to the server, or from it, are dropped in silence. `refuse`: new connections are reset at once.
    `slice`: bytes pass in pieces of this size.
    """

    delay_s: float = 0.0
    jitter_s: float = 0.0
    swallow_reply: int | None = None
    cut_after: int | None = None
    hole_up: bool = False
    hole_down: bool = False
    refuse: bool = False
    slice: int | None = None


class Proxy:
    """One listening port before one server. `hits` counts how often a fault met a connection."""

    def __init__(self, target: tuple[str, int] | str, seed: int = 0) -> None:
        self.line = Line()
        self.hits = 0
        self.replies = 0
        self._target = target
        self._dice = random.Random(seed)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._carrying: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        while self._carrying:  # one that was just being opened is met by the next cut
            self.cut()
            await asyncio.wait(self._carrying, timeout=0.05)

    def heal(self) -> None:
        """From now on bytes just pass. Connections that were met by a fault stay as they are."""
        self.line = Line()

    def cut(self, *, reset: bool = False) -> int:
        """End every open connection; answers how many there were."""
        ended = len(self._open)
        for writer in list(self._open):
            _close(writer, reset=reset)
        self.hits += ended > 0
        return ended

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        try:
            if self.line.refuse:
                self.hits += 1
                _close(writer, reset=True)
                return
            with suppress(OSError):
                await self._join(reader, writer)
        finally:
            _close(writer)  # still open where the server itself could not be reached
            self._carrying.discard(task)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if isinstance(self._target, str):
            up_reader, up_writer = await asyncio.open_unix_connection(self._target)
        else:
            up_reader, up_writer = await asyncio.open_connection(*self._target)
        self._open |= {writer, up_writer}
        ways = [
            asyncio.create_task(self._up(reader, up_writer)),
            asyncio.create_task(self._down(up_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (writer, up_writer):
                self._open.discard(end)
                _close(end)

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        carried = 0
        while data := await reader.read(CHUNK):
            limit = self.line.cut_after
            if limit is not None and carried + len(data) > limit:
                self.hits += 1
                await self._pass(data[: max(0, limit - carried)], writer)
                return
            carried += len(data)
            if self.line.hole_up:
                self.hits += 1
                continue
            await self._pass(data, writer)

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            self.replies += 1
            if self.line.swallow_reply is not None:
                self.line.swallow_reply -= 1
                if self.line.swallow_reply <= 0:
                    self.line.swallow_reply = None
                    self.hits += 1
                    return
            if self.line.hole_down:
                self.hits += 1
                continue
            await self._pass(data, writer)

    async def _pass(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        if self.line.delay_s or self.line.jitter_s:
            self.hits += 1
            await asyncio.sleep(self.line.delay_s + self.line.jitter_s * self._dice.random())
        size = self.line.slice or len(data) or 1
        for start in range(0, len(data), size):
            writer.write(data[start : start + size])
            await writer.drain()


@asynccontextmanager
async def a_proxy(target: tuple[str, int] | str, seed: int = 0) -> AsyncIterator[Proxy]:
    """A proxy to a TCP address or a unix socket's path, for as long as the block runs."""
    proxy = Proxy(target, seed)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()


def _close(writer: asyncio.StreamWriter, *, reset: bool = False) -> None:
    with suppress(OSError, RuntimeError):
        sock = writer.get_extra_info("socket")
        if reset and sock is not None and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        writer.transport.abort() if reset else writer.close()
