"""What providers report, posted by them: verified on the raw bytes, answered once it is on disk."""

from __future__ import annotations

from aiohttp import web

from api.decoding import decode_body
from api.instants import sensible
from api.problems import Problem, invalid
from api.provider_inbox import ProviderInbox
from api.routing import Call, read_body, route
from dialer.providers.webhook import NAME
from dialer.providers.webhook_wire import FINAL, Report
from dialer.signing import verify
from scheduler.flow.settle import STOPPED

INBOX = web.AppKey("provider_inbox", ProviderInbox)
MOST_BYTES = 262_144
"""A report is small; what is larger is no report."""


@route(
    "POST", "/v1/providers/{name}/callbacks/{token}", scope=None, streams=True, answers=(204,), body=Report
)
async def take_report(call: Call) -> web.Response:
    """A signed report on one attempt, posted to the `callback_url` that came with it.

    204 once it is on disk, and in force where it forbids calls; the same again changes nothing. Whatever is
    wrong with the address, the signature or its age, the answer is 401. `name` is `webhook`. The signature is
    that of Standard Webhooks: HMAC-SHA256 of `id.timestamp.body` with the bytes behind `whsec_` of the
    installation's `provider_secret`, in base64 behind `v1,`.
    """
    request, deps = call.request, call.deps
    if request.match_info["name"] != NAME:
        raise Problem("not-found")
    raw = await read_body(request, MOST_BYTES)
    attempt_id = deps.callback_tokens.read(request.match_info["token"])
    signed = verify(deps.provider_secrets, request.headers, raw, deps.clock.wall_ms() / 1000)
    if attempt_id is None or not signed:
        raise Problem("unauthenticated", "this report is not signed for this address")
    report = decode_body(raw, Report)
    _check(report)
    await request.app[INBOX].take(attempt_id, report)
    return web.Response(status=204)


def _check(report: Report) -> None:
    """Raises Problem 422. What the conversation meant is known when it is over; but "stop" counts at once."""
    for name, at in (("at", report.at), ("callback_at", report.callback_at)):
        if at is not None and not sensible(at):
            raise invalid(f"/{name}", "out-of-range", "an instant between the years 2000 and 2200")
    early = report.status not in FINAL
    if early and report.callback_at is not None:
        raise invalid("/callback_at", "too-early", "say it with the status that ends the call")
    if early and report.disposition is not None and report.disposition not in STOPPED:
        raise invalid("/disposition", "too-early", "say it with the status that ends the call")


ROUTES = (take_report,)
