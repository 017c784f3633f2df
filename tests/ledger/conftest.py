"""Tests of the ledger on a server of their own."""

from __future__ import annotations

from tests.worlds import ledger_url, open_world, world

__all__ = ["ledger_url", "open_world", "world"]
