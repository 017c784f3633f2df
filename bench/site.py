"""Private servers in a temporary folder, as every benchmark begins."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from api.cli.service import spare_collector
from api.embedded import EmbeddedStack
from scheduler.settings import Settings


class Site(NamedTuple):
    """Settings that name the servers, and the servers' process ids by name."""

    settings: Settings
    servers: dict[str, int | None]


@contextmanager
def private_site(**changes: Any) -> Iterator[Site]:
    """Fresh servers; `changes` are settings. This process collects garbage as the services do."""
    spare_collector()
    with tempfile.TemporaryDirectory(prefix="dwb-") as folder, EmbeddedStack(Path(folder)) as private:
        assert private.postgres is not None
        assert private.valkey is not None
        settings = Settings(
            data_dir=folder, postgres_url=private.postgres.url, redis_url=private.valkey.url, **changes
        )
        yield Site(settings, {"postgres": private.postgres.pid, "valkey": private.valkey.pid})
