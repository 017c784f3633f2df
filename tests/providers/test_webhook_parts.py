"""A dialer of its own is told where its provider is, or does not start."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from api.cli import parts
from scheduler.errors import SettingsError
from scheduler.settings import Settings

STORES = {"postgres_url": "postgresql://x", "redis_url": "redis://x"}


def test_a_dialer_without_a_provider_is_pointed_at_the_simulator():
    """Nothing goes out by default: the way that is named rings no phone."""
    session: Any = SimpleNamespace(settings=Settings(**STORES))
    with pytest.raises(SettingsError) as refused:
        parts.run_part(session, "dialer")
    assert "DIALWHEEL_SIM_URL" in refused.value.do


@pytest.mark.parametrize("where", ["sim_url", "provider_url"])
def test_a_dialer_needs_one_of_two_addresses(where: str, monkeypatch: pytest.MonkeyPatch):
    chosen = Settings(**STORES, **{where: "http://127.0.0.1:9"})
    session: Any = SimpleNamespace(settings=chosen, say=print)
    monkeypatch.setattr(parts, "choose_ports", lambda _, settings, *names: settings)
    monkeypatch.setattr("scheduler.logs.set_up_logs", lambda *_: None)
    monkeypatch.setattr(parts, "interrupt_on_sigterm", lambda: None)
    monkeypatch.setattr(parts, "serve", lambda part, settings, on_ready: 41 + (settings is chosen))

    assert parts.run_part(session, "dialer") == 42
