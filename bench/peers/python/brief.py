"""What the bench tells a process that it starts, by the environment variable PEER_BRIEF."""

from __future__ import annotations

import functools
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

STRIDE = 514_229
"""A prime: no number of jobs here is a multiple of it."""


@dataclass(frozen=True)
class Brief:
    """`phase` is one of install, schedule, work. Job number i of `jobs` is due at `due_ms(i)`.

    `socket` is the Valkey's, `postgres` a database of the peer's own; the figures go to the file `out`.
    """

    peer: str
    phase: str
    socket: str
    postgres: str
    jobs: int
    first_due_ms: int
    step_ms: float
    out: Path

    def due_ms(self, job: int) -> int:
        """Jobs are not made in the order in which they are due: a stride scatters them."""
        return self.first_due_ms + int(job * STRIDE % self.jobs * self.step_ms)

    def environ(self) -> dict[str, str]:
        """What hands this brief to a process."""
        return {"PEER_BRIEF": json.dumps({**asdict(self), "out": str(self.out)})}

    def dues(self) -> list[tuple[int, int]]:
        """(job, due at ms) of all jobs, in that order."""
        return [(job, self.due_ms(job)) for job in range(self.jobs)]

    def write(self, content: bytes) -> None:
        """The file appears whole or not at all: whoever waits for it may read it at once."""
        partial = self.out.with_suffix(".part")
        partial.write_bytes(content)
        partial.rename(self.out)


@functools.cache
def brief() -> Brief:
    told = json.loads(os.environ["PEER_BRIEF"])
    return Brief(**{**told, "out": Path(told["out"])})
