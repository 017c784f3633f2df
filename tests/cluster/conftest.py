"""Clusters for these tests, of the wheel's Valkey and of Debian's Redis 7.0."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from api.embedded.valkey import valkey_binary
from scheduler.wheel import TimingWheel
from tests.cluster.launcher import Cluster, a_cluster
from tests.conftest import DEBIAN_REDIS
from tests.worlds import ledger_url

__all__ = ["ledger_url"]

SHARDS = 8


@pytest.fixture(scope="session")
async def valkey_cluster(server_dir: Path) -> AsyncIterator[Cluster]:
    async with a_cluster(valkey_binary(), server_dir / "cluster-valkey") as cluster:
        yield cluster


@pytest.fixture(scope="session")
async def redis7_cluster(server_dir: Path) -> AsyncIterator[Cluster]:
    if not DEBIAN_REDIS.exists():
        pytest.skip("redis-server is not installed: a cluster of Redis 7.0 was NOT tested")
    async with a_cluster(DEBIAN_REDIS, server_dir / "cluster-redis7") as cluster:
        yield cluster


@pytest.fixture(params=["valkey_cluster", "redis7_cluster"])
def running(request: pytest.FixtureRequest) -> Cluster:
    cluster: Cluster = request.getfixturevalue(request.param)
    return cluster


@pytest.fixture
async def cluster(running: Cluster) -> Cluster:
    """The cluster, whole and empty."""
    return await running.as_new()


@pytest.fixture
async def wheel(cluster: Cluster) -> AsyncIterator[TimingWheel]:
    """A wheel of eight shards, open at epoch e1."""
    wheel = await TimingWheel.connect(cluster.url, shards=SHARDS)
    for shard in range(SHARDS):
        await wheel.open_epoch(shard, "e1")
    yield wheel
    await wheel.close()
