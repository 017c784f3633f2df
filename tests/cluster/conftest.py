"""Clusters for these tests, of the wheel's Valkey and of Debian's Redis 7.0."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from api.embedded.valkey import valkey_binary
from scheduler.wheel import TimingWheel
from tests.cluster.launcher import Cluster, a_cluster
from tests.conftest import DEBIAN_REDIS

SHARDS = 8


@pytest.fixture(scope="session", params=["valkey", "redis7"])
async def running(request: pytest.FixtureRequest, server_dir: Path) -> AsyncIterator[Cluster]:
    binary = valkey_binary() if request.param == "valkey" else DEBIAN_REDIS
    if not binary.exists():
        pytest.skip("redis-server is not installed: a cluster of Redis 7.0 was NOT tested")
    async with a_cluster(binary, server_dir / f"cluster-{request.param}") as cluster:
        yield cluster


@pytest.fixture
async def cluster(running: Cluster) -> Cluster:
    """The cluster, whole and empty."""
    await running.whole()
    await running.empty()
    return running


@pytest.fixture
async def wheel(cluster: Cluster) -> AsyncIterator[TimingWheel]:
    """A wheel of eight shards, open at epoch e1."""
    wheel = await TimingWheel.connect(cluster.url, shards=SHARDS)
    for shard in range(SHARDS):
        await wheel.open_epoch(shard, "e1")
    yield wheel
    await wheel.close()
