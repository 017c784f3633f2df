"""A whole dialwheel on real stores, once for each test."""

from __future__ import annotations

from tests.worlds import ledger_url, open_world, world

__all__ = ["ledger_url", "open_world", "world"]
