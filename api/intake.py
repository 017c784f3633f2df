"""How much comes in at once. What a process cannot write down soon it refuses (503 `backpressure`): it must
not pile up in memory, and dialing must not wait behind it in the ledger.

Only what brings leads counts here: an opt-out or a pause is never refused because files are coming in.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from scheduler.errors import Overloaded
from scheduler.settings import Settings

SCOPE = "leads:write"
"""Requests under this scope are counted."""

GB = 1_000_000_000


class Intake:
    """Of one app: requests and files under way, these also by account."""

    def __init__(self, settings: Settings) -> None:
        self._most_requests = settings.intake_queue
        self._most_files = settings.imports_at_once
        self._most_of_one = settings.imports_per_account
        self._requests = 0
        self._files: Counter[int] = Counter()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Raises Overloaded when as many are under way as may be."""
        if self._requests >= self._most_requests:
            raise Overloaded(
                "too many leads come in at once",
                f"{self._requests} requests wait for the ledger",
                "send them again a little later, or as one file",
            )
        self._requests += 1
        try:
            yield
        finally:
            self._requests -= 1

    @contextmanager
    def file(self, account_id: int) -> Iterator[None]:
        """Raises Overloaded when as many are under way as may be, in all or of this account."""
        under_way, own = self._files.total(), self._files[account_id]
        if under_way >= self._most_files or own >= self._most_of_one:
            why = f"{under_way} are under way, {own} of them of this account"
            raise Overloaded("too many files come in at once", why, "send it when one is done")
        self._files[account_id] += 1
        try:
            yield
        finally:
            self._files[account_id] -= 1
            if not self._files[account_id]:
                del self._files[account_id]


def refuse_full_disk(settings: Settings) -> None:
    """Raises Overloaded while the ledger's disk, where this machine sees it, is so full that a file could use
    up the rest: a Postgres without disk stops, and all dialing with it."""
    if not settings.ledger_disk:
        return
    disk = os.statvfs(settings.ledger_disk)
    free = disk.f_bavail * disk.f_frsize
    used = 1 - disk.f_bavail / max(1, disk.f_blocks - disk.f_bfree + disk.f_bavail)
    if used >= settings.import_disk_share and free < settings.import_disk_gb * GB:
        raise Overloaded(
            "the ledger's disk is nearly full",
            f"{used:.0%} of it is used, {free / GB:.1f} GB are free",
            "free space there, or raise import_disk_share; dialing goes on meanwhile",
        )
