"""Where webhooks may go: to public addresses only, whatever name or form they are given in.

The addresses that a name has are looked at by whoever connects, and it connects to those: a name that shows
one address when it is registered and another when it is used gains nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import TypeAlias

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

PORTS = (443, 8443)
LONGEST = 2048
RESOLVE_S = 5.0

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_HIDING = tuple(
    ipaddress.ip_network(network)
    for network in (
        "::/96",  # IPv4-compatible
        "::ffff:0:0/96",  # IPv4-mapped
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # NAT64 of a local prefix
        "2001::/23",  # Teredo, and what else is no network
        "2002::/16",  # 6to4
        "fec0::/10",  # site-local
        "192.88.99.0/24",  # relays of 6to4
        "192.0.0.0/24",  # what follows is younger than the lists of `ipaddress`
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
    )
)
"""Networks whose addresses stand for others, or are a site's own, and yet may pass for public."""


class NotPublic(OSError):
    """A name has an address that webhooks may not go to. The address itself is not told."""


def is_public(text: str) -> bool:
    """Whether an address is one of the open internet. Source: the special-purpose address registries of
    IANA (RFC 6890) as `ipaddress` has them, without what only stands for another address."""
    try:
        address: Address = ipaddress.ip_address(text)
    except ValueError:  # with a zone, or no address at all
        return False
    hiding = any(address.version == network.version and address in network for network in _HIDING)
    return address.is_global and not address.is_multicast and not hiding


def read_url(text: str, *, allow_private: bool = False, own_hosts: frozenset[str] = frozenset()) -> URL:
    """The address with its name in ASCII. Looks nothing up. Raises ValueError with what is wrong with it.

    `allow_private`: for tests and closed networks: http, any port and any address. `own_hosts`: our names.
    """
    if len(text) > LONGEST or not text.isprintable() or any(mark in text for mark in " \\"):
        raise ValueError("it has characters that no address has, or too many")
    try:
        url = URL(text)
        host, port = url.raw_host, url.port
    except ValueError:
        raise ValueError("it is no address") from None
    if url.scheme not in (("https", "http") if allow_private else ("https",)):
        raise ValueError("it must begin with https://")
    if not host or host.endswith(".") or "%" in host or len(host) > 253:
        raise ValueError("it needs a full host name")
    authority = text.partition("://")[2].partition("/")[0].partition("?")[0]
    if url.raw_user is not None or "@" in authority:  # also an empty one, which URL drops
        raise ValueError("user and password do not belong into an address: use the signature")
    if url.raw_fragment:
        raise ValueError("what follows a # is never sent")
    if not allow_private:
        if host.lower() in own_hosts:
            raise ValueError("this is our own address")
        _refuse_form(host, port)
    return url


def _refuse_form(host: str, port: int | None) -> None:
    if port not in PORTS:
        raise ValueError(f"the port must be {' or '.join(str(port) for port in PORTS)}")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        last = host.rpartition(".")[2].lower()
        if last.isdigit() or last.startswith("0x"):  # decimal, octal and hexadecimal spellings of addresses
            raise ValueError("it is no host name and no address as one writes them") from None
        if "." not in host:
            raise ValueError("it needs a full host name") from None
    else:
        if not is_public(host):
            raise ValueError("it leads to a private or special address")


async def refusal(
    text: str,
    names: AbstractResolver,
    *,
    allow_private: bool = False,
    own_hosts: frozenset[str] = frozenset(),
) -> str | None:
    """Why nothing may be sent to an address, looked up just now; None when it may."""
    try:
        url = read_url(text, allow_private=allow_private, own_hosts=own_hosts)
    except ValueError as error:
        return str(error)
    if allow_private:
        return None
    try:
        async with asyncio.timeout(RESOLVE_S):
            await PublicResolver(names).resolve(url.raw_host or "", url.port or 443)
    except NotPublic:
        return "it leads to a private or special address"
    except (OSError, TimeoutError, UnicodeError):
        return "its host is not known"
    return None


class PublicResolver(AbstractResolver):
    """Answers the addresses of a name when every one of them is public. `inner`: who looks them up."""

    def __init__(self, inner: AbstractResolver) -> None:
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises NotPublic; OSError for a name that is unknown."""
        found = await self._inner.resolve(host, port, family)
        if not found or not all(is_public(one["host"]) for one in found):
            raise NotPublic("not a public address")
        return found

    async def close(self) -> None:
        await self._inner.close()
