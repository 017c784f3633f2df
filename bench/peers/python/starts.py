"""When each job's handler started. A handler calls `started` and does nothing else."""

from __future__ import annotations

import functools
import itertools
import time
from array import array

from bench.peers.python.brief import Brief, brief


class Starts:
    """Wall-clock seconds by job, written to the brief's file once every job has started."""

    def __init__(self, told: Brief) -> None:
        self._told = told
        self._at = array("d", bytes(8 * told.jobs))
        # counting by a C iterator is one step for the threads of a worker, += is not
        self._next = itertools.count(1).__next__

    def note(self, job: int) -> None:
        if self._at[job]:
            return  # delivered again: the first start counts
        self._at[job] = time.time()
        if self._next() == self._told.jobs:
            self._told.write(self._at.tobytes())


@functools.cache
def _starts() -> Starts:
    return Starts(brief())


def started(job: int) -> None:
    _starts().note(job)
