"""One request to an integrator (RELIABILITY 5.1): bounded in time and in what is read of the answer, by no
proxy, over a connection whose certificate is right; and how long a failure waits."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from dialer.webhooks.retries import BREATH_MOST_MS, WAITS_MS, next_breath_ms, next_try_ms
from dialer.webhooks.sealing import Sealer, make_sealer
from dialer.webhooks.sender import ANSWER_BYTES, WebhookSender
from scheduler.domain.time import DAY, HOUR, SECOND
from scheduler.errors import SettingsError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def endpoint(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


@pytest.fixture
async def sender() -> AsyncIterator[WebhookSender]:
    sender = WebhookSender(allow_private=True)
    yield sender
    await sender.close()


async def test_of_a_long_answer_no_more_than_64_kb_are_read(sender: WebhookSender) -> None:
    written = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65_536)
            written += 65_536

    async with endpoint(endless) as url:
        answer = await sender.send(url, {}, b"{}")
    assert (answer.status, answer.error) == (200, None)
    assert written < 400 * ANSWER_BYTES, "but for what the sockets hold, nobody took it"


async def test_an_answer_that_does_not_come_in_time_is_a_failure() -> None:
    """API 7: 15 s; here less."""
    sender = WebhookSender(allow_private=True, total_s=0.3)

    async def silent(_request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        raise AssertionError("it was cut before")

    async with endpoint(silent) as url:
        answer = await sender.send(url, {}, b"{}")
    await sender.close()
    assert (answer.status, answer.error) == (None, "timeout")


async def test_no_proxy_of_the_environment_is_used_and_no_cookie_is_kept(
    sender: WebhookSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    cookies = []

    async def baker(request: web.Request) -> web.StreamResponse:
        cookies.append(request.headers.get("Cookie"))
        return web.Response(headers={"Set-Cookie": "a=b"})

    async with endpoint(baker) as url:
        answers = [await sender.send(url, {}, b"{}") for _ in range(2)]
    assert [answer.error for answer in answers] == [None, None]
    assert cookies == [None, None]


async def test_nobody_who_cannot_be_reached_is_named_in_the_error(sender: WebhookSender) -> None:
    async def never(_request: web.Request) -> web.StreamResponse:
        raise AssertionError("it is closed")

    async with endpoint(never) as url:
        pass
    answer = await sender.send(url, {}, b"{}")
    assert answer.status is None
    assert answer.error is not None
    assert "127.0.0.1" not in answer.error


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    sender: WebhookSender, tmp_path: Path
) -> None:
    async def taken(_request: web.Request) -> web.StreamResponse:
        raise AssertionError("nothing may be sent")

    async with endpoint(taken, _own_certificate(tmp_path)) as url:
        answer = await sender.send(url, {}, b"{}")
    assert (answer.status, answer.error) == (None, "SSLCertVerificationError")


@pytest.mark.parametrize("url", ["http://example.com/", "https://10.0.0.1/", "https://example.com:22/", "x"])
async def test_an_address_that_would_not_be_registered_is_not_sent_to_either(url: str) -> None:
    sender = WebhookSender()
    answer = await sender.send(url, {}, b"{}")
    await sender.close()
    assert answer.status is None
    assert answer.error is not None
    assert answer.error.startswith("refused")


def test_waits_grow_to_a_day_with_a_tenth_of_jitter_and_end() -> None:
    """API 7, retry."""
    for tries, wait_ms in enumerate(WAITS_MS, 1):
        assert next_try_ms(0, tries, None, 0.0) == pytest.approx(0.9 * wait_ms)
        assert next_try_ms(0, tries, None, 0.5) == wait_ms
        assert next_try_ms(0, tries, None, 1.0) == pytest.approx(1.1 * wait_ms)
    assert next_try_ms(0, len(WAITS_MS) + 1, None, 0.5) is None
    assert next_try_ms(0, 1, 7200, 0.5) == 2 * HOUR
    assert next_try_ms(0, 1, 10**9, 0.5) == DAY, "nobody puts us off for longer"


def test_an_endpoint_that_fails_is_left_alone_longer_each_time_up_to_a_bound() -> None:
    breaths = [next_breath_ms(0, failures, None) for failures in range(1, 40)]
    assert breaths[0] == 5 * SECOND
    assert breaths == sorted(breaths)
    assert breaths[-1] == BREATH_MOST_MS


def test_a_sealed_secret_opens_only_where_it_was_sealed() -> None:
    """RELIABILITY 5.1: AES-GCM with key id, and the account as associated data."""
    sealer = Sealer([b"i" * 32])
    sealed = sealer.seal(b"secret", 1, 2, b"n" * 12)
    assert sealer.open(sealed, 1, 2) == b"secret"
    assert b"secret" not in sealed
    changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for other, text, account_id, webhook_id in (
        (sealer, sealed, 2, 2),
        (sealer, sealed, 1, 3),
        (sealer, changed, 1, 2),
        (sealer, b"\x02" + sealed[1:], 1, 2),
        (sealer, b"", 1, 2),
        (sealer, sealed[:4], 1, 2),
        (Sealer([b"j" * 32]), sealed, 1, 2),
    ):
        with pytest.raises(ValueError):
            other.open(text, account_id, webhook_id)


def test_keys_come_from_a_file_and_are_changed_without_losing_what_was_sealed(tmp_path: Path) -> None:
    """RELIABILITY 5.1: keys are in files; the newest seals, those before it open."""
    file, installation = tmp_path / "keys", b"i" * 32
    before = make_sealer(installation, "").seal(b"secret", 1, 2, b"n" * 12)
    file.write_text("a" * 64 + "\n")
    first = make_sealer(installation, str(file)).seal(b"secret", 1, 2, b"n" * 12)
    file.write_text("b" * 64 + "\n" + "a" * 64 + "\n")
    both = make_sealer(installation, str(file))
    second = both.seal(b"secret", 1, 2, b"n" * 12)
    assert len({before, first, second}) == 3
    assert [both.open(sealed, 1, 2) for sealed in (before, first, second)] == [b"secret"] * 3
    with pytest.raises(ValueError):
        make_sealer(installation, "").open(first, 1, 2)


@pytest.mark.parametrize("content", [None, "", "short", "a" * 64 + "\nshort\n"])
def test_a_file_without_proper_keys_is_refused_at_the_start(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "keys"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError):
        make_sealer(b"i" * 32, str(file))


def _own_certificate(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    began = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(began + datetime.timedelta(days=36_500))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = folder / "own.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
