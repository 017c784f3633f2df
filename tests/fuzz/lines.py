"""What schemathesis is told about: a body of lines is sent as the bytes that were made for it, and its
threads read source code one after the other."""

from __future__ import annotations

import ast
from threading import RLock
from typing import Any

import schemathesis
from schemathesis.transport.serialization import serialize_binary


@schemathesis.serializer("application/x-ndjson")
def send_lines(ctx: Any, value: Any) -> bytes:
    return serialize_binary(value)


_reading = RLock()
_parse = ast.parse


def parse(*args: Any, **how: Any) -> Any:
    """CPython counts how deep it is for all threads together (gh-106905): where two of them
    are at it, as Hypothesis is to describe its lambdas, one fails with a SystemError."""
    with _reading:
        return _parse(*args, **how)


ast.parse = parse
