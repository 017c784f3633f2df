"""What a person may choose about the demo."""

from __future__ import annotations

import msgspec


class DemoOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`until_done`: step the clock and end when every loop has ended; else it runs `speed` times as fast.

    `json`: where the summary goes, `-` is stdout. `rings`: a file for every ring, one JSON object a line.
    `start_at`: RFC 3339 instant at which the demo's clock starts; None is its own choice.
    """

    leads: int = 10_000
    speed: float = 600.0
    seed: int = 1
    until_done: bool = False
    json: str | None = None
    rings: str | None = None
    no_browser: bool = False
    quiet: bool = False
    data_dir: str = ".dialwheel"
    start_at: str | None = None
