"""No phone number in any log line (I25); ids and instants stay whole."""

from __future__ import annotations

import io
import json
import logging
import re
import warnings
from collections.abc import Callable, Iterator

import pytest
import structlog

from scheduler.logs import mask_phones, set_up_logs

CANARIES = [
    "+15555550142",
    "+1 555-555-0142",
    "+1 (555) 555-0142",
    "+1.555.555.0142",
    "(555) 555-0142",
    "(555)555-0142",
    "555-555-0142",
    "555.555.0142",
    "555 555 0142",
    "1-555-555-0142",
    "tel:+15555550142",
    "tel:15555550142",
    "sip:15555550142@carrier.example",
    "https://crm.example/leads/%2B15555550142?x=1",
    "Key (account_id, phone)=(7, +15555550142) already exists.",
    "+445555550142",
]
HARMLESS = [
    "1795299691123",
    "9223372036854775807",
    "1795299691",
    "2026-11-21T21:21:32.123456Z",
    "2026-11-21T21:21:32+00:00",
    "lane 12 slot 29921661",
    "8f14e45f-ceea-467f-a2d3-105401234567",
    "127.0.0.1:5432",
    "att_5555550142",
    "took 1234.5678 ms",
    "10000000 rows",
    "15555550142",
]


@pytest.fixture
def lines() -> Iterator[Callable[..., Callable[[], str]]]:
    """Start logging into memory; the answer reads what was written."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def start(**how: str) -> Callable[[], str]:
        stream = io.StringIO()
        set_up_logs(stream=stream, **{"form": "json", **how})  # type: ignore[arg-type]
        return stream.getvalue

    yield start
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


INSTANT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
"""Of a line: once in a while its digits are those of a canary."""


@pytest.mark.parametrize("canary", CANARIES)
def test_whatever_looks_like_a_phone_number_is_masked(canary: str) -> None:
    masked = mask_phones(f"before {canary} after")

    assert "0142" not in masked
    assert "…42" in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")


@pytest.mark.parametrize("text", HARMLESS)
def test_ids_and_instants_are_left_whole(text: str) -> None:
    assert mask_phones(text) == text


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("canary", CANARIES)
def test_no_canary_leaves_through_a_field_an_event_or_an_exception(
    lines: Callable[..., Callable[[], str]], form: str, canary: str
) -> None:
    """I25, for every way in which a value reaches a log line."""
    written = lines(form=form)
    log = structlog.get_logger()

    log.info(
        f"attempt_settled {canary}", detail=canary, nested={"deep": [{"note": canary}]}, value=(canary, 1)
    )
    log.info("lead_created", phone=canary, to=canary.replace("+", ""), lead={"phone": canary})
    try:
        raise ValueError(f"no place for {canary}")
    except ValueError:
        log.exception("lead_refused")
        logging.getLogger("aiohttp.server").exception("Error handling request for %s", canary)
    logging.getLogger("asyncio").warning("slow callback with %r", {"to": canary})
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"odd number {canary}", stacklevel=1)

    assert written().count("\n") >= 6
    assert "0142" not in INSTANT.sub("", written())
    assert "lead_refused" in written()
    assert "no place for" in written()


def test_fields_named_for_a_phone_lose_bare_digits_and_nothing_else_does(
    lines: Callable[..., Callable[[], str]],
) -> None:
    written = lines()

    structlog.get_logger().info(
        "attempt_armed",
        phone="5555550142",
        to=15555550142,
        from_=None,
        attempt_id=15555550142,
        due_at_ms=1795299691123,
    )

    line = json.loads(written())
    assert line["phone"] == "…42"
    assert line["to"] == "…42"
    assert line["from_"] is None
    assert line["attempt_id"] == 15555550142
    assert line["due_at_ms"] == 1795299691123
    assert line["event"] == "attempt_armed"
    assert line["level"] == "info"


def test_a_traceback_shows_no_local_variables(lines: Callable[..., Callable[[], str]]) -> None:
    written = lines(form="text")
    hidden = "-".join(("kept", "in", "a", "local"))
    try:
        raise ValueError("plain message" if hidden else "")
    except ValueError:
        structlog.get_logger().exception("part_failed")

    assert "plain message" in written()
    assert "kept-in-a-local" not in written()


def test_lines_below_the_level_are_not_written(lines: Callable[..., Callable[[], str]]) -> None:
    written = lines(level="warning")

    structlog.get_logger().info("attempt_settled")
    logging.getLogger("asyncio").info("Using selector")
    structlog.get_logger().warning("epoch_lost")

    assert [json.loads(line)["event"] for line in written().splitlines()] == ["epoch_lost"]


def test_lines_are_json_when_nobody_watches(lines: Callable[..., Callable[[], str]]) -> None:
    written = lines(form="auto")

    structlog.get_logger().info("claim_made", loops=[1, 2], odd=object)

    assert json.loads(written())["loops"] == [1, 2]
