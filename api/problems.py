"""What can go wrong, as `application/problem+json`: every code, its status and what it means.

A problem never carries a stack trace, a statement or a setting; a 500 carries its request id and nothing
else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from aiohttp import web

from scheduler.errors import (
    DialwheelError,
    EpochNotReady,
    ImportRefused,
    LedgerRefused,
    NotFound,
    Overloaded,
    Refused,
    ServerUnavailable,
)

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
"""What a caller is asked to wait for a part that is away."""


class Kind(NamedTuple):
    status: int
    title: str
    meaning: str


KINDS: dict[str, Kind] = {
    "malformed-body": Kind(400, "The request cannot be read", "The body is no JSON in UTF-8, or broke off."),
    "invalid-cursor": Kind(400, "The cursor is not one of ours", "Begin again without a cursor."),
    "unauthenticated": Kind(
        401,
        "No valid key",
        "Send `Authorization: Bearer dw_…` with a key that is neither expired nor revoked.",
    ),
    "scope-missing": Kind(
        403,
        "The key may not do this",
        "The key lacks the scope that the detail names, or is a "
        "test key on an account that reaches real phones.",
    ),
    "account-suspended": Kind(
        403,
        "The account is suspended",
        "Its keys are refused until the operator of this installation lifts it.",
    ),
    "not-found": Kind(404, "No such thing", "There is no such path, or no such object in the key's account."),
    "method-not-allowed": Kind(405, "The path has no such method", "`Allow` lists the methods that it has."),
    "event-expired": Kind(
        410,
        "Those events are no longer kept",
        "Read the objects themselves once, then begin again without a cursor.",
    ),
    "idempotency-in-progress": Kind(
        409,
        "The first request is still under way",
        "Wait for `Retry-After`, then send the same request again to get its reply.",
    ),
    "dnc-blocked": Kind(
        409, "The person may not be called", "`POST /v1/dnc/check` tells which lists the phone is on."
    ),
    "loop-already-active": Kind(
        409, "The lead is followed up already", "A lead has one loop at a time; end that one first."
    ),
    "lead-busy": Kind(
        409, "A call to the lead is under way", "Wait for its end, then send the request again."
    ),
    "consent-missing": Kind(
        409, "The lead has not agreed to such calls", "State the lead's `consent`, or have a person call."
    ),
    "outside-statutory-hours": Kind(
        409,
        "The law forbids calls there now",
        "Wait, or `acknowledge_statutory` with a `reason` where that is lawful.",
    ),
    "frequency-cap": Kind(
        409,
        "The lead was called as often as is allowed",
        "The detail names the cap; manual calls count as well.",
    ),
    "dialing-paused": Kind(409, "Dialing is paused", "Resume the account, the agent or the batch first."),
    "state-conflict": Kind(409, "The present state forbids this", "Read the object again, then decide."),
    "cadence-not-active": Kind(
        409, "Nobody is enrolled in this cadence", "Publish it, or activate it again; or name another."
    ),
    "in-use": Kind(409, "Others need this", "Take it out of use first, then remove it."),
    "version-stale": Kind(
        412, "The object has changed", "Read it again; `If-Match` names what you have read before."
    ),
    "precondition-required": Kind(
        428, "Say what you have read", "Changing this needs `If-Match` with the ETag of the object."
    ),
    "body-too-large": Kind(
        413, "The body is too large", "JSON bodies may have 1 MiB; imports may have any size."
    ),
    "unsupported-media-type": Kind(
        415,
        "The body's type is not understood",
        "Send application/json in UTF-8, "
        "without Content-Encoding; imports take text/csv or application/x-ndjson.",
    ),
    "validation-failed": Kind(422, "The request says something impossible", "`errors` points at each place."),
    "cadence-invalid": Kind(
        422, "The cadence could not be run", "`errors` points at each place of the draft that has to change."
    ),
    "idempotency-key-reused": Kind(
        422,
        "The Idempotency-Key belongs to another request",
        "Choose a new key for a new request; keys are kept for 72 hours.",
    ),
    "rate-limited": Kind(
        429,
        "Too many requests",
        "The key or the address has used up its minute; `Retry-After` says when to go on.",
    ),
    "stop-condition-required": Kind(
        422,
        "Calling would never stop",
        "Set `max_attempts`, `max_retry_days` or both; a cadence ends with its steps.",
    ),
    "no-callable-time": Kind(
        422, "No time would be left to call", "Nobody could ever be called under these settings."
    ),
    "internal": Kind(500, "We failed", "The fault is ours; the request id is in our logs."),
    "backpressure": Kind(
        503,
        "More comes in than gets done",
        "Nothing of this request was kept that was not answered; wait for `Retry-After` and send it again.",
    ),
    "dependency-down": Kind(
        503,
        "A part that this needs is away",
        "Nothing was changed that was not answered; wait for `Retry-After` and send the request again.",
    ),
    "starting": Kind(503, "Not ready yet", "dialwheel is starting or rebuilding its wheel."),
}


class FieldError(msgspec.Struct, frozen=True, omit_defaults=True):
    """One place in the request: a JSON pointer into the body, a query parameter or a header. `hint`: what was
    meant, where that can be told."""

    code: str
    detail: str
    pointer: str = ""
    parameter: str = ""
    header: str = ""
    hint: str = ""


class Problem(Exception):
    """An answer that is not a success; `code` is one of `KINDS`."""

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        hint: str = "",
        errors: tuple[FieldError, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.hint = hint
        self.errors = errors
        self.headers = dict(headers or {})

    @property
    def status(self) -> int:
        return KINDS[self.code].status

    @property
    def retryable(self) -> bool:
        """Whether the same request may be answered otherwise later."""
        return self.code in ("idempotency-in-progress", "rate-limited") or self.status >= 500


class ProblemBody(msgspec.Struct, omit_defaults=True):
    type: str
    title: str
    status: int
    code: str
    request_id: str
    retryable: bool
    detail: str = ""
    instance: str = ""
    hint: str = ""
    errors: tuple[FieldError, ...] = ()


def invalid(pointer: str, code: str, detail: str, *, hint: str = "") -> Problem:
    """One field of the body that says something impossible."""
    return Problem(
        "validation-failed", detail, hint=hint, errors=(FieldError(code, detail, pointer=pointer),)
    )


def problem_of(error: DialwheelError) -> Problem | None:
    """An expected error of ours as a problem; None where it is a fault that nobody should read about."""
    if isinstance(error, NotFound):
        return Problem("not-found", error.what)
    if isinstance(error, Refused) and error.code in KINDS:
        detail = f"{error.what}: {error.why}" if error.why else error.what
        parameter = error.parameter if isinstance(error, ImportRefused) else ""
        errors = (FieldError("invalid", detail, parameter=parameter, hint=error.do),) if parameter else ()
        if error.pointer:
            errors = (FieldError("required", detail, pointer=error.pointer, hint=error.do),)
        return Problem(error.code, detail, hint=error.do, errors=errors)
    if isinstance(error, LedgerRefused):
        return Problem("validation-failed", error.what)
    if isinstance(error, EpochNotReady):
        return Problem("starting", error.what, headers=_retry_after())
    if isinstance(error, Overloaded):
        return Problem("backpressure", f"{error.what}: {error.why}", hint=error.do, headers=_retry_after())
    if isinstance(error, ServerUnavailable):
        return Problem("dependency-down", error.what, headers=_retry_after())
    return None


def problem_response(problem: Problem, request_id: str, instance: str) -> web.Response:
    """`instance`: the path of the request, without its query."""
    kind = KINDS[problem.code]
    body = ProblemBody(
        type=f"/problems/{problem.code}",
        title=kind.title,
        status=kind.status,
        code=problem.code,
        request_id=request_id,
        retryable=problem.retryable,
        detail=problem.detail or kind.meaning,
        instance=instance,
        hint=problem.hint or (kind.meaning if problem.detail and kind.status == 409 else ""),
        errors=problem.errors,
    )
    headers = dict(problem.headers)
    if kind.status == 503:
        headers.setdefault("Retry-After", str(RETRY_AFTER_S))
    return web.Response(
        status=kind.status, body=msgspec.json.encode(body), content_type=CONTENT_TYPE, headers=headers
    )


def _retry_after() -> dict[str, str]:
    return {"Retry-After": str(RETRY_AFTER_S)}
