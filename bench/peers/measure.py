"""One peer in one run: schedule far ahead, drain what is due at once, be late for a steady stream."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from bench.figures import quantiles_ms
from bench.peers.envs import Runner
from bench.peers.ground import Ground
from bench.peers.python.brief import Brief
from bench.peers.rivals import Rival

DAY_S = 86_400
STREAM_PER_S = 200
PATIENCE_S = 30.0
"""A worker that needs this much longer than its jobs should take is given up."""


class Failed(Exception):
    """A peer did not get through a phase; the text says which, and why."""


class Effort(msgspec.Struct, frozen=True):
    """`share` of each peer's jobs, seconds of the stream, and those that a worker has to start before it: the
    slowest is up in half of them."""

    share: float = 1.0
    stream_s: float = 15.0
    worker_start_s: float = 4.0


def measure(rival: Rival, runner: Runner, ground: Ground, scratch: Path, effort: Effort) -> dict[str, Any]:
    """All figures of the peer. Raises Failed."""
    peer = _Peer(rival, runner, ground, scratch)
    scheduled, drained = (max(50, int(jobs * effort.share)) for jobs in (rival.scheduled, rival.drained))
    streamed = int(STREAM_PER_S * effort.stream_s)

    peer.fresh()
    before = ground.size(rival.store)
    told = peer.schedule(_Jobs(scheduled, time.time() + DAY_S, DAY_S * 1000 / scheduled))
    bytes_per_job = (ground.size(rival.store) - before) / scheduled
    per_s = scheduled / told["seconds"]

    peer.fresh()
    at_once = _Jobs(drained, time.time() + _lead_s(drained, per_s), 0)
    peer.schedule(at_once)
    starts = [start for start, _ in peer.work(at_once)]

    peer.fresh()
    lead_s = _lead_s(streamed, per_s) + effort.worker_start_s
    stream = _Jobs(streamed, time.time() + lead_s, 1000 / STREAM_PER_S)
    peer.schedule(stream)
    late_s = [start - due for start, due in peer.work(stream)]
    return {
        "version": told["version"],
        "schedule_per_s": round(per_s),
        "bytes_per_job": round(bytes_per_job, 1),
        "drain_per_s": round((drained - 1) / (max(starts) - min(starts))),
        "due_to_start_ms": quantiles_ms(late_s),
        "early": sum(late < 0 for late in late_s),
    }


class _Jobs(msgspec.Struct, frozen=True):
    """So many, the first due at that instant, then one every `step_ms`."""

    count: int
    first_due_s: float
    step_ms: float


def _lead_s(jobs: int, per_s: float) -> float:
    """Long enough that nothing is due before all is scheduled."""
    return 2 + 1.5 * jobs / per_s


class _Peer:
    def __init__(self, rival: Rival, runner: Runner, ground: Ground, scratch: Path) -> None:
        self._rival = rival
        self._runner = runner
        self._ground = ground
        self._scratch = scratch

    def fresh(self) -> None:
        self._ground.empty(self._rival.store)
        if self._rival.store == "postgres":
            with self._process(self._brief("install", _Jobs(0, 0, 0))) as process:
                process.wait(PATIENCE_S)
                self._check(process, "install")

    def schedule(self, jobs: _Jobs) -> dict[str, Any]:
        with self._process(self._brief("schedule", jobs)) as process:
            answer = json.loads(self._answer(process, "schedule", time.time() + 2 * PATIENCE_S))
        if time.time() > jobs.first_due_s:
            raise Failed("schedule: the jobs were due before all of them were scheduled")
        return answer

    def work(self, jobs: _Jobs) -> list[tuple[float, float]]:
        """When each job started, and when it was due, in seconds."""
        brief = self._brief("work", jobs)
        last_due_s = jobs.first_due_s + jobs.count * jobs.step_ms / 1000
        starts = array("d")
        with self._process(brief) as process:
            starts.frombytes(self._answer(process, "work", last_due_s + PATIENCE_S))
        return [(start, due_ms / 1000) for start, (_, due_ms) in zip(starts, brief.dues(), strict=True)]

    def _brief(self, phase: str, jobs: _Jobs) -> Brief:
        return Brief(
            peer=self._rival.name,
            phase=phase,
            socket=self._ground.socket,
            postgres=self._ground.postgres,
            jobs=jobs.count,
            first_due_ms=int(jobs.first_due_s * 1000),
            step_ms=jobs.step_ms,
            out=self._scratch / "answer",
        )

    @contextmanager
    def _process(self, brief: Brief) -> Iterator[subprocess.Popen[bytes]]:
        """A process of the peer, ended with all that it started."""
        self._out.unlink(missing_ok=True)
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                self._runner.argv,
                cwd=self._runner.folder,
                env={**os.environ, **brief.environ()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield process
        except subprocess.TimeoutExpired as error:
            raise Failed(f"{brief.phase}: not done in {PATIENCE_S:.0f} s") from error
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _answer(self, process: subprocess.Popen[bytes], phase: str, until_s: float) -> bytes:
        while not self._out.exists():
            if process.poll() is not None and not self._out.exists():
                self._check(process, phase)
                raise Failed(f"{phase}: ended without an answer")
            if time.time() > until_s:
                raise Failed(
                    f"{phase}: not all jobs started in {PATIENCE_S:.0f} s. {self._last_words()}".strip()
                )
            time.sleep(0.05)
        return self._out.read_bytes()

    def _check(self, process: subprocess.Popen[bytes], phase: str) -> None:
        if process.returncode:
            raise Failed(f"{phase}: {self._last_words() or f'ended with {process.returncode}'}")

    def _last_words(self) -> str:
        """The last line of the process that tells of an error, else its last."""
        lines = [line.strip() for line in self._log.read_text(errors="replace").splitlines() if line.strip()]
        errors = [line for line in lines if "Error" in line]
        return (errors or lines or [""])[-1][:300]

    @property
    def _out(self) -> Path:
        return self._scratch / "answer"

    @property
    def _log(self) -> Path:
        return self._scratch / "log"
