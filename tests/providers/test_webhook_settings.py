"""Which provider a process has, by its settings: the simulator unless somebody says so (MISSION 16)."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import msgspec
import pytest

from api.callback_tokens import CallbackTokens
from api.doctor import _provider
from api.provider_of import described, provider_name, provider_of, provider_secrets
from dialer.providers.base import Accepted
from scheduler.clock import RealClock
from scheduler.errors import SettingsError, StartError
from scheduler.settings import Settings, check_settings, redacted
from tests.providers.builders import TUESDAY_2PM, an_action
from tests.providers.test_http import a_peer, says

SECRET = "whsec_" + "c2Vj" * 8
KEY = b"i" * 32


def stores(tmp_path: Path, **settings: Any) -> Any:
    """As much of a process as a provider is made from."""
    installation = SimpleNamespace(id_key=KEY, installation_id=UUID(int=1))
    chosen = Settings(data_dir=str(tmp_path), **settings)
    return SimpleNamespace(settings=chosen, clock=RealClock(), installation=installation)


async def test_without_an_address_nothing_can_ring_a_phone(tmp_path: Path):
    async with provider_of(stores(tmp_path)) as nobody, provider_of(stores(tmp_path), inside=True) as inside:
        assert nobody is None
        assert (inside and inside.live, inside and inside.name) == (False, "simulated")
    async with provider_of(stores(tmp_path, sim_url="http://127.0.0.1:9")) as apart:
        assert apart is not None
        assert (apart.live, apart.name) == (False, "simulated")
    assert (provider_name(Settings()), described(Settings())) == ("simulated", "simulated: no phone rings")


@pytest.mark.parametrize("inside", [True, False])
async def test_with_one_attempts_go_there_and_reports_come_to_the_public_address(
    tmp_path: Path, inside: bool
):
    async with a_peer(says("202 Accepted", b'{"ref": "r"}')) as peer:
        public = {"public_url": "https://calls.example.com/", "sim_url": "http://127.0.0.1:9"}
        chosen = stores(tmp_path, provider_url=peer.url, provider_secret=SECRET, **public)
        async with provider_of(chosen, inside=inside) as provider:
            assert provider is not None
            assert await provider.place([an_action(7)], TUESDAY_2PM) == [Accepted("r")]
        [request] = peer.requests

    asked = msgspec.json.decode(request.partition(b"\r\n\r\n")[2])
    where, _, token = asked["callback_url"].rpartition("/")
    assert where == "https://calls.example.com/v1/providers/webhook/callbacks"
    assert CallbackTokens(KEY).read(token) == 7
    assert CallbackTokens(b"j" * 32).read(token) is None
    assert provider_name(chosen.settings) == "webhook"


@pytest.mark.parametrize("secret", ["", "hunter2hunter2hunter2hunter2", "whsec_c2hvcnQ="])
async def test_an_address_without_a_good_secret_is_refused_at_the_start(tmp_path: Path, secret: str):
    """RELIABILITY 5.1: an empty secret would sign for everybody; and it is told nowhere."""
    chosen = stores(tmp_path, provider_url="http://127.0.0.1:9", provider_secret=secret)
    with pytest.raises(StartError) as refused:
        async with provider_of(chosen):
            pass
    assert not secret or secret not in f"{refused.value.what} {refused.value.why} {refused.value.do}"
    [finding] = _provider(chosen.settings)
    assert finding.state == "FAIL"


def test_a_secret_without_an_address_is_read_as_well():
    assert provider_secrets(Settings(provider_secret=SECRET)) == [b"sec" * 8]
    with pytest.raises(StartError):
        provider_secrets(Settings(provider_secret="whsec_!"))


@pytest.mark.parametrize(
    ("settings", "state"),
    [
        ({}, "ok"),
        ({"provider_url": "https://d.example.com", "public_url": "https://p.example.com"}, "ok"),
        ({"provider_url": "http://127.0.0.1:9", "public_url": "https://p.example.com"}, "ok"),
        ({"provider_url": "http://d.example.com", "public_url": "https://p.example.com"}, "WARN"),
        ({"provider_url": "https://d.example.com"}, "WARN"),
    ],
)
def test_the_doctor_says_where_calls_go_and_what_is_missing(settings: dict[str, str], state: str):
    [finding] = _provider(Settings(provider_secret=SECRET, **settings))
    assert finding.state == state
    assert SECRET not in str(finding)
    if not settings:
        assert "docs/webhook_provider.md" in finding.said


@pytest.mark.parametrize("name", ["provider_url", "public_url"])
def test_an_address_that_is_none_is_refused(name: str):
    with pytest.raises(SettingsError):
        check_settings(Settings(**{name: "ftp://example.com"}))


def test_the_secret_is_shown_nowhere():
    """I25."""
    assert redacted(SECRET, "provider_secret") == "***"
    assert redacted("", "provider_secret") == ""
