"""A ledger that one part alone loses sight of, behind a proxy that cuts it off; all others see it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from scheduler.ledger.database import Database
from tests.faults.proxy import Line, Proxy, a_proxy


@dataclass
class Remote:
    """The ledger as that part sees it. Cut off, it is refused at once: its patience is for busy machines."""

    database: Database
    proxy: Proxy

    def cut_off(self) -> None:
        self.proxy.line = Line(refuse=True)
        self.proxy.cut(reset=True)

    def heal(self) -> None:
        self.proxy.heal()


@asynccontextmanager
async def a_remote(ledger_url: str) -> AsyncIterator[Remote]:
    socket = ledger_url.partition("host=")[2] + "/.s.PGSQL.5432"
    name = ledger_url.partition("@/")[2].partition("?")[0]
    async with a_proxy(socket) as proxy:
        database = await Database.connect(
            f"postgresql://dialwheel@127.0.0.1:{proxy.port}/{name}",
            max_connections=3, connect_s=5.0, wait_s=5.0, statement_s=5.0,
        )  # fmt: skip
        try:
            yield Remote(database, proxy)
        finally:
            proxy.heal()
            await database.close()
