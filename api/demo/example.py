"""The example leads, cut for the demo's two agents."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from scheduler.errors import DialwheelError, UsageError


def example_path() -> Path:
    """`examples/leads_10k.csv`, beside the packages of a checkout or in the working directory."""
    candidates = (
        Path(__file__).resolve().parents[2] / "examples" / "leads_10k.csv",
        Path("examples") / "leads_10k.csv",
    )
    for path in candidates:
        if path.exists():
            return path
    raise DialwheelError(
        "the example leads are not here",
        "examples/leads_10k.csv belongs to the source checkout",
        "run the demo from a checkout",
    )


def cut_example(path: Path, leads: int) -> tuple[bytes, bytes]:
    """The first `leads` rows as two CSV files of about the same size, alternating rows.

    The rows of the example hold no line breaks, so that lines are rows. Raises UsageError if it has fewer.
    """
    header, *rows = path.read_bytes().splitlines(keepends=True)
    if leads > len(rows):
        raise UsageError(
            f"the example file has {len(rows)} leads", f"--leads was {leads}", f"--leads {len(rows)} or fewer"
        )
    rows = rows[:leads]
    return header + b"".join(rows[0::2]), header + b"".join(rows[1::2])


async def chunks_of(data: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]
