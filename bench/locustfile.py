"""What the load is made of, for Locust. `python -m bench http` runs it headless, one kind of user at a time.

By hand: `DIALWHEEL_LOAD=load.json locust -f bench/locustfile.py -H URL Enrolment`, with a file that says
`{"key": "dw_test_…", "agent_id": "agt_…"}`.
Locust changes the standard library as it is imported: nothing else of dialwheel imports this.
"""

from __future__ import annotations

import json
import os
import random
import time
from datetime import UTC, datetime
from itertools import count, product
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gevent import socket
from geventhttpclient.response import HTTPParseError, HTTPSocketResponse
from locust import FastHttpUser, User, constant, events, task

from bench.fiction import area_codes
from dialer.signing import secrets_of, sign

LOAD: dict[str, Any] = json.loads(Path(os.environ["DIALWHEEL_LOAD"]).read_text())
AREAS = [code for code in area_codes() if code != "684"]  # Samoa: 555 is none of its exchanges
FIRST_LINE = 4000
"""Lines of the exchange 555 below it may be taken by what was there before: see `bench.import_rows`."""

numbers = count(LOAD.get("first", 0))


def a_lead() -> dict[str, Any]:
    """Of somebody new."""
    number = next(numbers)
    line = FIRST_LINE + number // len(AREAS)
    return {
        "phone": f"+1{AREAS[number % len(AREAS)]}555{line:04d}",
        "external_id": f"load-{number}",
        "name": "Robin Sample",
        "agent_id": LOAD["agent_id"],
        "consent": {"basis": "bench"},
        "variables": {"product": "solar"},
    }


class Caller(FastHttpUser):
    """With the key; `per_s` of all users together where that is said, else each as fast as it is answered."""

    abstract = True

    def on_start(self) -> None:
        time.sleep(self.wait_time())

    def wait_time(self) -> float:
        """Strangers come by chance. With pauses of one length all users end up asking in the same instant."""
        return random.expovariate(LOAD["per_s"] / LOAD["users"]) if LOAD.get("per_s") else 0.0

    def ask(self, method: str, path: str, name: str, **rest: Any) -> None:
        headers = {"Authorization": f"Bearer {LOAD['key']}", **rest.pop("headers", {})}
        with self.client.request(
            method, path, name=name, headers=headers, catch_response=True, **rest
        ) as reply:
            if not 200 <= reply.status_code < 300:
                reply.failure(f"{reply.status_code}")


class Enrolment(Caller):
    """A web form after the other."""

    @task
    def enrol(self) -> None:
        self.ask("POST", "/v1/leads", "POST /v1/leads", json=a_lead())


class Upsert(Caller):
    """A system that tells again and again how its leads are: most are known."""

    @task
    def upsert(self) -> None:
        external_id = f"crm-{random.randrange(2000)}"
        body = {
            "phone": f"+1{AREAS[0]}555{int(external_id[4:]) + 7000:04d}",
            "name": f"Robin {random.random():.2f}",
        }
        self.ask(
            "PUT", f"/v1/leads/external/{external_id}", "PUT /v1/leads/external/{external_id}", json=body
        )


class Bulk(Caller):
    """A thousand lines a request."""

    @task
    def send(self) -> None:
        lines = "".join(json.dumps(a_lead()) + "\n" for _ in range(LOAD["rows"]))
        headers = {"Content-Type": "application/x-ndjson"}
        self.ask("POST", "/v1/leads/bulk", "POST /v1/leads/bulk", data=lines, headers=headers)


class Reading(Caller):
    """People who look at leads."""

    @task(4)
    def page(self) -> None:
        with self.client.get(
            f"/v1/leads?limit=50&cursor={self.cursor}" if self.cursor else "/v1/leads?limit=50",
            name="GET /v1/leads",
            headers={"Authorization": f"Bearer {LOAD['key']}"},
        ) as reply:
            self.cursor = (reply.json() or {}).get("next_cursor")

    @task(2)
    def show(self) -> None:
        self.ask("GET", f"/v1/leads/{self.somebody()}", "GET /v1/leads/{id}")

    @task(2)
    def explain(self) -> None:
        self.ask("GET", f"/v1/leads/{self.somebody()}/explain", "GET /v1/leads/{id}/explain")

    @task(1)
    def timeline(self) -> None:
        self.ask("GET", f"/v1/leads/{self.somebody()}/timeline", "GET /v1/leads/{id}/timeline")

    @task(1)
    def search(self) -> None:
        body = {"filter": {"phone": random.choice(LOAD["phones"])}}
        self.ask("POST", "/v1/leads/search", "POST /v1/leads/search", json=body)

    cursor: str | None = None

    def somebody(self) -> str:
        return str(random.choice(LOAD["leads"]))


STATUSES = ("ringing", "answered", "completed")


def reports() -> list[bytes]:
    """Each call rings, is answered and ends. They are whole requests, signed before: what is measured is who
    reads them."""
    secrets, now = secrets_of(LOAD["secret"]), datetime.now(UTC)
    made = []
    for number, (path, status) in enumerate(product(LOAD["calls"], STATUSES)):
        call = {"provider_call_id": path[-32:], "event_id": f"event-{number}", "status": status}
        raw = json.dumps({**call, "at": now.isoformat()}).encode()
        headers = {
            "Host": urlsplit(LOAD["url"]).netloc,
            "User-Agent": "locust",
            "Content-Type": "application/json",
            "Content-Length": str(len(raw)),
            **sign(secrets, str(number), int(now.timestamp()), raw),
        }
        lines = [f"POST {path} HTTP/1.1", *(f"{name}: {said}" for name, said in headers.items()), "", ""]
        made.append("\r\n".join(lines).encode() + raw)
    return made


class Reporting(User):
    """A dialer of one's own, which keeps its connection. It writes its requests by itself: Locust's client
    would take as long as the API, on the cores that they share."""

    made = reports() if LOAD.get("user") == "Reporting" else []
    wait_time = constant(0)
    line: socket.socket | None = None

    @task
    def report(self) -> None:
        message = self.made[(next(numbers) - LOAD.get("first", 0)) % len(self.made)]
        began_s = time.perf_counter()
        wrong: Exception | None = None
        try:
            status = self.post(message)
            if not 200 <= status < 300:
                wrong = ValueError(f"{status}")
        except (OSError, HTTPParseError) as error:
            self.line, wrong = None, error
        self.environment.events.request.fire(
            request_type="POST",
            name="POST /v1/providers/webhook/callbacks/{token}",
            response_time=(time.perf_counter() - began_s) * 1000,
            response_length=0,
            exception=wrong,
            context={},
        )

    def post(self, message: bytes) -> int:
        """The status that it is answered with."""
        if self.line is None:
            at = urlsplit(LOAD["url"])
            self.line = socket.create_connection((at.hostname, at.port), timeout=30)
        self.line.sendall(message)
        reply = HTTPSocketResponse(self.line, method="POST")
        reply.read()
        return int(reply.status_code)


@events.test_start.add_listener
def begin(**_: Any) -> None:
    LOAD["began_cpu_s"] = time.process_time()


@events.test_stop.add_listener
def end(**_: Any) -> None:
    """What the load itself has cost, for who runs it."""
    if "spent" in LOAD:
        Path(LOAD["spent"]).write_text(str(time.process_time() - LOAD["began_cpu_s"]))
