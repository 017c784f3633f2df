"""RELIABILITY 5.1: what is secret is in no log, no error, no metric and no file of a crash (I25)."""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz.server import PASSWORD, Fuzzed, fuzzed_server

PHONE = "+12125550142"
NAME = "Canary Q. Person"


def ask(server: Fuzzed, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
    sent = {
        "Authorization": f"Bearer {server.key}",
        "Content-Type": "application/json",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    sent = {name: value for name, value in sent.items() if value}
    request = urllib.request.Request(server.url + path, data, sent, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def limit_of(pid: int, name: str) -> list[str]:
    text = Path(f"/proc/{pid}/limits").read_text()
    return next(line for line in text.splitlines() if line.startswith(name))[len(name) :].split()


def test_no_secret_of_anybody_is_told_whatever_goes_wrong(tmp_path: Path) -> None:
    sealing, signing = secrets.token_hex(32), b64encode(secrets.token_bytes(32)).decode()
    key_file = tmp_path / "webhook_keys"
    key_file.write_text(f"{sealing}\n")
    settings = {
        "provider_url": "http://127.0.0.1:9",
        "provider_secret": f"whsec_{signing}",
        "webhook_key_file": str(key_file),
        "webhook_allow_private": "true",
        "log_level": "debug",
    }
    with fuzzed_server(**settings) as server:
        told: list[bytes] = []

        def say(method: str, path: str, body: Any = None, **headers: str) -> Any:
            status, text = ask(server, method, path, body, **headers)
            told.append(text if status >= 400 else b"")
            return json.loads(text) if text and status < 400 else {}

        agent = say("POST", "/v1/agents", {"name": "a"})["id"]
        lead = {"phone": PHONE, "name": NAME, "email": "canary@example.com", "agent_id": agent}
        hook = say("POST", "/v1/webhooks", {"url": "http://127.0.0.1:9/x"})
        rotated = say("POST", f"/v1/webhooks/{hook['id']}/rotate", {})
        made = say("POST", "/v1/api-keys", {"name": "n", "scopes": ["read"]})
        ticket = say("POST", "/v1/stream-tickets")["ticket"]
        assert say("POST", "/v1/leads", lead, Idempotency_Key="1")["id"]
        hidden = [
            server.key.rpartition("_")[2],
            made["secret"].rpartition("_")[2],
            hook["secret"].removeprefix("whsec_"),
            rotated["secret"].removeprefix("whsec_"),
            signing,
            sealing,
            PASSWORD,
            ticket,
            PHONE[1:],
            NAME,
            "canary@example.com",
        ]

        def go_wrong() -> None:
            say("POST", "/v1/leads", {**lead, "phone": PHONE + "9", "nmae": 1}, Idempotency_Key="1")
            say("POST", "/v1/leads", {**lead, "agent_id": made["secret"]})
            say("POST", "/v1/leads", json.dumps(lead).encode()[:-3])
            say("POST", "/v1/dnc/entries", {"phone": PHONE, "reason": NAME})
            say("POST", "/v1/dnc/check", {"phones": [PHONE]})
            say("GET", "/v1/account", Authorization=f"Bearer {server.key}x")
            say("GET", f"/v1/account?key={server.key}")
            say("GET", f"/v1/events/stream?ticket={ticket}x", Authorization="")
            say("POST", "/v1/providers/webhook/callbacks/pcb_x.y", {}, webhook_signature=f"v1,{signing}")
            say("POST", f"/v1/imports?agent_id={agent}&name=x", f"phone,name\n{PHONE}9,{NAME}\n".encode(),
                Content_Type="text/csv")  # fmt: skip

        go_wrong()
        with urllib.request.urlopen(server.metrics_url, timeout=60) as reply:
            told.append(reply.read())
        for store in (server.postgres, server.valkey):
            assert store.pid is not None
            os.kill(store.pid, signal.SIGKILL)
            go_wrong()
        log = server.log.read_text()

    for text in (*[one.decode() for one in told], log):
        for secret in hidden:
            assert secret not in text, text[-2000:]
    assert "request_refused" in log
    assert len(log.splitlines()) > 20, "there was something to look through"


@pytest.mark.skipif(
    sys.platform != "linux", reason="not Linux, no /proc: the limits of a process were NOT tested"
)
def test_a_crash_leaves_no_memory_behind_and_connections_have_files_enough() -> None:
    with fuzzed_server() as server:
        assert limit_of(server.pid, "Max core file size")[:2] == ["0", "0"]
        soft, hard = limit_of(server.pid, "Max open files")[:2]
    assert soft == hard or int(soft) >= 65_536
