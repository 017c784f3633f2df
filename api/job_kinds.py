"""Which jobs there are, and what does each."""

from __future__ import annotations

from scheduler.services.jobs import Handler

KINDS: dict[str, Handler] = {}
"""kind → handler. A kind that this process does not know is left to others."""
