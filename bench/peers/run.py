"""`python -m bench peers`: dialwheel's wheel and its peers, one after another, on the same two servers.

A job carries an id and does nothing but note when it started, in each of them and in dialwheel. One worker
process beside the server. Valkey with its append-only file and Postgres with fsync, as dialwheel starts them.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.figures import spread
from bench.peers.envs import NotInstalled, Runner, runner
from bench.peers.ground import Ground
from bench.peers.measure import Effort, Failed, measure
from bench.peers.rivals import OURS, RIVALS, Rival
from bench.site import private_site

NOTE = (
    "A job is an id and a handler that only notes its start. dialwheel's row is its wheel with the "
    "dialer's own claimer: a loop is claimed, handed to such a handler and settled; nothing is armed or "
    "sent. The peers keep more with a job (a payload, its state); the wheel keeps the id alone, and what "
    "it stands for is a row in Postgres that is not in these figures: the whole path, with a durable "
    "permit and outcome for each attempt, has a figure of its own. Those on Postgres commit durably; "
    "those on Valkey may lose their last second."
)
FIGURES = {
    "schedule_per_s": True,
    "bytes_per_job": False,
    "drain_per_s": True,
    "due_to_start_ms.p50": False,
    "due_to_start_ms.p99": False,
}
"""The lines of the comparison, and whether more is better."""

QUICK = Effort(share=0.01, stream_s=1, worker_start_s=1)


def run(
    only: Sequence[str] = (), *, runs: int = 3, quick: bool = False, install: bool = True
) -> dict[str, Any]:
    """Figures by peer, each the median, least and most of `runs`; {"skipped": why} for one that has none.

    `only` names peers, dialwheel runs in any case; `install`: make the environments that are missing.
    """
    unknown = set(only) - {rival.name for rival in RIVALS}
    if unknown:
        raise SystemExit(f"no such peer: {', '.join(sorted(unknown))}; there are {', '.join(_names())}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended, too
    board = _Board([rival for rival in RIVALS if rival == OURS or not only or rival.name in only])
    board.prepare(install)
    for turn in range(1, runs + 1):
        board.play(f"run {turn} of {runs}", QUICK if quick else Effort())
    peers = board.peers()
    return {
        "bench": "peers",
        "runs": runs,
        "quick": quick,
        "servers": board.servers,
        "peers": peers,
        "best_peer": best_peers(peers),
        "note": NOTE,
    }


class _Board:
    """What each peer has got so far. One that failed is tried again in the next run; why it did is told."""

    def __init__(self, rivals: list[Rival]) -> None:
        self._rivals = rivals
        self._runners: dict[str, Runner] = {}
        self._failed: dict[str, str] = {}
        self._got: dict[str, list[dict[str, Any]]] = {rival.name: [] for rival in rivals}
        self.servers: dict[str, str] = {}

    def prepare(self, install: bool) -> None:
        for rival in self._rivals:
            try:
                self._runners[rival.name] = runner(rival, install=install)
            except NotInstalled as error:
                self._tell(rival, "SKIPPED", str(error))

    def play(self, turn: str, effort: Effort) -> None:
        """One run: each peer in turn on the same servers."""
        with private_site() as site, tempfile.TemporaryDirectory(prefix="dwp-") as scratch:
            ground = Ground(site)
            self.servers = ground.versions()
            for rival in self._rivals:
                if rival.name not in self._runners:
                    continue
                began_s = time.monotonic()
                sys.stderr.write(f"{turn}: {rival.name} … ")
                sys.stderr.flush()
                try:
                    figures = measure(rival, self._runners[rival.name], ground, Path(scratch), effort)
                except Failed as error:
                    self._tell(rival, "FAILED", str(error))
                    continue
                self._got[rival.name].append(figures)
                sys.stderr.write(f"{_line(figures)}; {time.monotonic() - began_s:.0f} s\n")
            ground.close()

    def peers(self) -> dict[str, dict[str, Any]]:
        return {rival.name: self._peer(rival) for rival in self._rivals}

    def _peer(self, rival: Rival) -> dict[str, Any]:
        """Figures of the runs that it got through, with why it did not where it failed in some."""
        why, got = self._failed.get(rival.name), self._got[rival.name]
        if not got:
            return {"skipped": why}
        told = {"store": rival.store, "settings": rival.settings, **_together(got)}
        return {**told, "failed": f"{len(got)} runs got through; {why}"} if why else told

    def _tell(self, rival: Rival, what: str, why: str) -> None:
        self._failed[rival.name] = why
        sys.stderr.write(f"{what} {rival.name}: {why}\n")


def best_peers(peers: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """For each figure the best peer, its median, ours, and how many times better ours is."""
    best = {}
    for figure, more_is_better in FIGURES.items():
        medians = {name: _median(peer, figure) for name, peer in peers.items() if "skipped" not in peer}
        ours = medians.pop(OURS.name, None)
        if ours is None or not medians:
            continue
        name = (max if more_is_better else min)(medians, key=lambda peer: medians[peer])
        theirs = medians[name]
        times = ours / theirs if more_is_better else theirs / ours
        best[figure] = {"peer": name, "theirs": theirs, "ours": ours, "times": round(times, 2)}
    return best


def _median(peer: dict[str, Any], figure: str) -> float:
    for part in figure.split("."):
        peer = peer[part]
    return peer["median"]


def _together(results: list[dict[str, Any]]) -> dict[str, Any]:
    numbers = [{name: value for name, value in one.items() if name != "version"} for one in results]
    return {"version": results[0]["version"], **spread(numbers)}


def _line(figures: dict[str, Any]) -> str:
    late = figures["due_to_start_ms"]
    return (
        f"{figures['schedule_per_s']:,} scheduled/s, {figures['bytes_per_job']:,.0f} B, "
        f"{figures['drain_per_s']:,} drained/s, late {late['p50']} / {late['p99']} ms"
    )


def _names() -> list[str]:
    return [rival.name for rival in RIVALS]
