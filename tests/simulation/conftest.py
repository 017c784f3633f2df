"""An empty database for each test."""

from __future__ import annotations

from tests.worlds import ledger_url

__all__ = ["ledger_url"]
