"""Log lines: past-tense facts with ids, JSON for machines and text for a terminal, no phone number in either.

Masking happens twice. Fields that are meant for a phone lose it by their name; then the finished line, with
its exceptions and whatever a library wrote, is searched for anything that looks like one. Bare runs of digits
are left alone: ids and instants are such runs.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

PHONE_FIELDS = frozenset({"phone", "phones", "to", "from", "from_", "e164", "msisdn", "caller_id", "callee"})

PHONE = re.compile(
    r"""
    (?:\+|%2[Bb])[1-9]\d{6,14}(?!\d)                     # E.164, also inside an URL
    | \+[1-9](?:[\ .()\-]{0,2}\d){6,14}(?!\d)            # the same, written for people
    | (?<![\w.+-])(?:1[\ .-])?(?:\(\d{3}\)\ ?|\d{3}[\ .-])\d{3}[\ .-]\d{4}(?![\w-])  # (555) 555-0123
    | (?<=tel:)\d{7,15} | (?<=sip:)\d{7,15}
    """,
    re.VERBOSE,
)
DIGITS = re.compile(r"\+?\d(?:[ .()\-]{0,2}\d){6,}")


def set_up_logs(
    level: str = "info", form: Literal["auto", "json", "text"] = "auto", stream: TextIO | None = None
) -> None:
    """Send every log line of this process, the libraries' too, to `stream` (stderr), masked.

    `auto` is text on a terminal and JSON elsewhere.
    """
    stream = stream or sys.stderr
    terminal = stream.isatty()
    text = form == "text" or (form == "auto" and terminal)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        mask_fields,
    ]
    finish: list[Processor] = [*_renderers(text=text, colors=text and terminal)]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *finish],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(True)


def mask_phones(text: str) -> str:
    """`text` with everything that looks like a phone number cut to its last two digits."""
    return PHONE.sub(_last_two, text)


def mask_fields(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """A processor: fields named for a phone lose all but two digits, at any depth."""
    return _masked_mapping(event)


def _masked_mapping(values: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in values.items():
        if key in PHONE_FIELDS:
            values[key] = _masked_value(value)
        elif isinstance(value, dict):
            values[key] = _masked_mapping(dict(value))
        elif isinstance(value, list | tuple):
            values[key] = [_masked_mapping(dict(one)) if isinstance(one, dict) else one for one in value]
    return values


def _masked_value(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked_value(one) for one in value]
    return DIGITS.sub(_last_two, str(value))


def _last_two(found: re.Match[str]) -> str:
    return "…" + re.sub(r"\D", "", found[0])[-2:]


def _renderers(*, text: bool, colors: bool) -> list[Processor]:
    """The end of the chain. Tracebacks are plain: pretty ones print local variables."""
    if text:
        console = structlog.dev.ConsoleRenderer(
            colors=colors,
            timestamp_key="at",
            sort_keys=False,
            exception_formatter=structlog.dev.plain_traceback,
        )
        return [_masked(console)]
    return [
        structlog.processors.format_exc_info,
        _masked(structlog.processors.JSONRenderer(serializer=_to_json)),
    ]


def _masked(render: Any) -> Processor:
    def masked(logger: WrappedLogger, name: str, event: EventDict) -> str:
        return mask_phones(render(logger, name, event))

    return masked


def _to_json(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
