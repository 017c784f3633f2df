"""Folders under the data directory that belong to one process at a time; work on them off the event loop."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

T = TypeVar("T")


async def in_thread(work: Callable[..., T], *arguments: Any) -> T:
    """Not left before it is done: whoever comes next finds the files at rest."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


def lock_folder(place: Path) -> int | None:
    """The lock of a folder, made if it is new; None while another process has it."""
    place.mkdir(exist_ok=True, mode=0o700)
    descriptor = os.open(place / ".lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def folder_name(lock: int, new_id: Callable[[], UUID]) -> str:
    """What the folder is called elsewhere: written into its lock once."""
    name = os.pread(lock, 64, 0).decode()
    if not name:
        name = new_id().hex
        os.pwrite(lock, name.encode(), 0)
    return name
