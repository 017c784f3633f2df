"""What schemathesis is told about: a body of lines is sent as the bytes that were made for it."""

from __future__ import annotations

from typing import Any

import schemathesis
from schemathesis.transport.serialization import serialize_binary


@schemathesis.serializer("application/x-ndjson")
def send_lines(ctx: Any, value: Any) -> bytes:
    return serialize_binary(value)
