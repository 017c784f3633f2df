"""Which provider a process has: an integrator's own where its address is set, else the simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from api.callback_tokens import CallbackTokens
from api.parts.stores import Stores
from dialer.http import CONNECTIONS, HttpClient
from dialer.providers.base import Provider
from dialer.providers.rings import RingLedger
from dialer.providers.simulated import SimulatedProvider
from dialer.providers.simulated_http import SimulatedHttpProvider
from dialer.providers.simulated_state import load_state, save_state
from dialer.providers.webhook import NAME, WebhookProvider
from dialer.signing import secrets_of
from scheduler.domain.time import SECOND
from scheduler.errors import StartError
from scheduler.settings import Settings


@asynccontextmanager
async def provider_of(stores: Stores, *, inside: bool = False) -> AsyncIterator[Provider | None]:
    """`inside`: without an address the simulator runs in this process; else the one at `sim_url`, if any.

    Raises StartError for an address without a secret to sign with.
    """
    settings = stores.settings
    if settings.provider_url:
        provider: WebhookProvider | SimulatedHttpProvider = _webhook(stores)
    elif inside:
        async with simulator(settings) as simulated:
            yield simulated
        return
    elif settings.sim_url:
        provider = SimulatedHttpProvider(settings.sim_url, _http(settings, settings.sim_url))
    else:
        yield None
        return
    try:
        yield provider
    finally:
        await provider.close()


def provider_name(settings: Settings) -> str:
    """Who reported, where a process has no provider of its own."""
    return NAME if settings.provider_url else SimulatedHttpProvider.name


def described(settings: Settings) -> str:
    """For the lines of a start, and for `doctor`. The address may hold a password: it stays out."""
    if settings.provider_url:
        return "webhook: calls of live accounts go to provider_url, those of others wait"
    return "simulated: no phone rings"


@asynccontextmanager
async def simulator(settings: Settings, *, folder: Path | None = None) -> AsyncIterator[SimulatedProvider]:
    """The simulated provider with its own ledger of rings under the data directory; calls under way are kept
    over a stop."""
    folder = folder or settings.data_path / "simulator"
    rings = RingLedger(folder / "rings.ndjson")
    provider = SimulatedProvider(settings.seed, rings=rings)
    state = load_state(folder / "calls.json")
    if state is not None:
        provider.restore(state)
    try:
        yield provider
    finally:
        save_state(provider.state(), folder / "calls.json")
        rings.close()


def provider_secrets(settings: Settings) -> list[bytes]:
    """What signs requests to the provider and its reports, the newest first; none where none is set.

    Raises StartError for what is no secret, and for an address without one.
    """
    do = "set DIALWHEEL_PROVIDER_SECRET to whsec_ and the base64 of 32 random bytes"
    try:
        secrets = secrets_of(settings.provider_secret)
    except ValueError as error:
        raise StartError("provider_secret cannot be used", str(error), do) from error
    if settings.provider_url and not secrets:
        why = "requests and reports between us and your dialer are signed with it"
        raise StartError("provider_url is set without provider_secret", why, do)
    return secrets


def _webhook(stores: Stores) -> WebhookProvider:
    settings = stores.settings
    base = settings.public_url.rstrip("/") or f"http://{settings.http_host}:{settings.http_port}"
    tokens = CallbackTokens(stores.installation.id_key)
    return WebhookProvider(
        _http(settings, settings.provider_url, connections=settings.provider_connections),
        provider_secrets(settings),
        lambda attempt_id: f"{base}/v1/providers/{NAME}/callbacks/{tokens.write(attempt_id)}",
        lambda: stores.clock.wall_ms() / SECOND,
    )


def _http(settings: Settings, url: str, *, connections: int = CONNECTIONS) -> HttpClient:
    return HttpClient(
        url,
        connect_s=settings.provider_connect_s,
        total_s=settings.provider_total_s,
        connections=connections,
    )
