"""Reading what dialwheel answers: JSON, or a problem that becomes one of our errors."""

from __future__ import annotations

import http.client
import json
from typing import Any

from scheduler.errors import NotFound, Refused, ServerUnavailable


def decoded(body: bytes) -> Any:
    """Raises ServerUnavailable where something else than dialwheel answers."""
    try:
        return json.loads(body)
    except ValueError as error:
        raise ServerUnavailable(
            "what answers there is not dialwheel",
            "its answer is not JSON",
            "check the address given with --url",
        ) from error


def raise_problem(response: http.client.HTTPResponse) -> None:
    """A problem of the API becomes NotFound or Refused with its code; what is no problem passes."""
    if response.status < 400:
        return
    try:
        problem = json.loads(response.read())
        code = problem["code"]
    except (ValueError, KeyError, TypeError) as error:
        raise ServerUnavailable(
            f"an unexpected answer: {response.status} {response.reason}",
            "it is not one of dialwheel's problems",
            "check the address given with --url",
        ) from error
    why = "; ".join(part for part in (problem.get("detail"), *_details(problem)) if part)
    do = problem.get("hint") or _remedy(code, problem.get("request_id"))
    kind = NotFound(problem.get("title") or code, why, do) if code == "not-found" else None
    raise kind or Refused(code, problem.get("title") or code, why, do)


def _details(problem: dict[str, Any]) -> list[str]:
    """Where each of the first three errors is, and what it is."""
    places = ("pointer", "parameter", "header", "column")
    return [
        " ".join(
            [*(str(error[place]) for place in places if error.get(place)), str(error.get("detail") or "")]
        )
        for error in (problem.get("errors") or [])[:3]
    ]


def _remedy(code: str, request_id: str | None) -> str:
    known = {
        "not-found": "check the id, and that the key belongs to its account",
        "unauthenticated": "set DIALWHEEL_API_KEY to a key of this dialwheel",
        "scope-missing": "use a key with that scope: dialwheel keys create --scopes …",
        "dependency-down": "try again shortly; see: dialwheel doctor",
        "starting": "try again in a moment",
        "internal": f"report the request id {request_id}",
    }
    return known.get(code, "change the request and try again")
