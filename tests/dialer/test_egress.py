"""Where webhooks may go (RELIABILITY 5.1, 5.2): no form of a private address gets through."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from dialer.webhooks.egress import NotPublic, PublicResolver, is_public, refusal
from dialer.webhooks.names import SystemNames
from dialer.webhooks.sender import WebhookSender


class Names(AbstractResolver):
    """Answers each time the next of the addresses it was given; the last one for good."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(hostname=host, host=one, port=port, family=socket.AF_INET, proto=0, flags=0)
            for one in found
        ]

    async def close(self) -> None:
        return None


PUBLIC = "93.184.215.14"


@pytest.mark.parametrize(
    "url",
    ["http://example.com/", "ftp://example.com/", "https://u:p@example.com/", "https://@example.com/",
     "https://example.com:80/", "https://example.com:6379/", "https://example.com:0/", "https://2130706433/",
     "https://0x7f000001/", "https://0177.0.0.1/", "https://127.1/", "https://127.0.0.1/", "https://[::1]/",
     "https://[::ffff:127.0.0.1]/", "https://[::ffff:8.8.8.8]/", "https://[64:ff9b::7f00:1]/",
     "https://[2002:7f00:1::]/", "https://100.64.0.1/", "https://169.254.169.254/", "https://10.0.0.1/",
     "https://0.0.0.0/", "https://[fe80::1%25eth0]/", "https://224.0.0.1/", "https://localhost/",
     "https://example.com./", "https://example.com/#x", "https:///x", "https://example.com\\@127.0.0.1/",
     "https://example.com/\n", "https://self.example.com/", "https://１２７.0.0.1/", "nonsense", ""],
)  # fmt: skip
async def test_no_form_of_a_forbidden_address_is_taken(url: str) -> None:
    own = frozenset({"self.example.com"})
    assert await refusal(url, Names([PUBLIC]), own_hosts=own) is not None


async def test_a_name_is_refused_when_any_of_its_addresses_is_private() -> None:
    url = "https://hooks.example.com/x"
    assert await refusal(url, Names([PUBLIC])) is None
    assert await refusal(url, Names([PUBLIC, "10.0.0.1"])) is not None
    assert await refusal("https://b\u00fccher.example.com:8443/", Names([PUBLIC])) is None


async def test_a_name_that_turns_private_after_registration_is_refused_at_the_send() -> None:
    names: Any = Names([PUBLIC], ["127.0.0.1"])
    assert await refusal("https://hooks.example.com/", names) is None
    sender = WebhookSender(names=names)
    answer = await sender.send("https://hooks.example.com/", {}, b"{}")
    await sender.close()
    assert (answer.status, answer.error) == (None, "refused: a private or special address")


async def test_a_name_that_leads_here_is_looked_up_and_refused() -> None:
    names = SystemNames()
    assert {found["host"] for found in await names.resolve("localhost", 443)} <= {"127.0.0.1", "::1"}
    with pytest.raises(NotPublic):
        await PublicResolver(names).resolve("localhost", 443)
    await names.close()


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
     "192.0.0.1", "192.0.2.1", "192.88.99.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
     "::", "::1", "::8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1",
     "2001:db8::1", "2002:808:808::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1",
     "fe80::1%1", "fec0::1", "ff02::1", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "example.com", ""],
)  # fmt: skip
def test_an_address_that_is_not_of_the_open_internet_is_never_public(address: str) -> None:
    """RELIABILITY 5.1: private, loopback, link-local, shared, mapped, 6to4, NAT64, odd spellings."""
    assert not is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700::1111", "2a00:1450:4001::1"])
def test_addresses_of_the_open_internet_are_public(address: str) -> None:
    assert is_public(address)
