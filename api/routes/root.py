"""At the root, without a key: is it alive, is it ready, which version, what each problem means, and the
description of everything, to read and to try, with no network beyond this server."""

from __future__ import annotations

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from api.preconditions import names, tag_of
from api.problems import KINDS, RETRY_AFTER_S, Problem
from api.readiness import Readiness, checks_of, serves
from api.routing import Call, Reply, route
from scheduler.domain import rules
from scheduler.domain.zones import TZDATA_VERSION

OPENAPI = web.AppKey("openapi", bytes)
"""The description of the app's own routes, encoded once."""

ASSETS = {"swagger_bundle.js": "text/javascript", "swagger_style.css": "text/css"}
"""What the page needs; offapi brings it, and importing that would read all of its eight megabytes."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>dialwheel API</title>
<link rel="stylesheet" href="/docs/swagger_style.css"></head>
<body><div id="swagger-ui"></div>
<script src="/docs/swagger_bundle.js"></script><script src="/docs/start.js"></script></body></html>
"""
START = """window.ui = SwaggerUIBundle({url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true,
  validatorUrl: null, persistAuthorization: false, tagsSorter: "alpha"});
"""


class Status(msgspec.Struct):
    status: str


class ReadyQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`verbose`: with any value or none: part by part."""

    verbose: Annotated[str, Meta(max_length=10)] | None = None


class Version(msgspec.Struct):
    """This build, and the data it decides by."""

    name: str
    version: str
    rules_revision: str
    tzdata: str


@route("GET", "/livez", scope=None)
async def livez(call: Call) -> Reply[Status]:
    """The process answers."""
    return Reply(Status("ok"))


@route("GET", "/readyz", scope=None, answers=(200, 503))
async def readyz(call: Call, query: ReadyQuery) -> Reply[Readiness]:
    """Whether requests would be served and calls go out; `?verbose` says it part by part.

    `quarantined`: requests are served, and nobody is called: the ledger was put back to an earlier state.
    """
    checks = await checks_of(call.deps)
    failed = [check for check in checks if not serves(check)]
    status = "ok" if all(check.ok for check in checks) else "quarantined"
    if query.verbose is not None:
        told = Readiness("unready" if failed else status, checks)
        return Reply(told, 503, {"Retry-After": str(RETRY_AFTER_S)}) if failed else Reply(told)
    if failed:
        amiss = [check for check in failed if not check.starting]
        raise Problem("dependency-down" if amiss else "starting", (amiss or failed)[0].detail)
    return Reply(Readiness(status))


@route("GET", "/version", scope=None)
async def show_version(call: Call) -> Reply[Version]:
    """This build, and the data it decides by."""
    return Reply(Version("dialwheel", version("dialwheel"), rules.load().revision, TZDATA_VERSION))


@route("GET", "/problems/{code}", scope=None, gives=("text/plain",))
async def show_problem(call: Call) -> web.Response:
    """What a problem's `type` resolves to."""
    code = call.request.match_info["code"]
    kind = KINDS.get(code)
    if kind is None:
        raise Problem("not-found")
    return web.Response(text=f"{code} ({kind.status})\n{kind.title}.\n{kind.meaning}\n")


@route("GET", "/openapi.json", scope=None, gives=("application/json",))
async def show_openapi(call: Call) -> web.Response:
    """This document; it changes with the build, and its `ETag` with it."""
    body = call.request.app[OPENAPI]
    tag = tag_of(body)
    if names(call.request.headers.get("If-None-Match"), tag):
        return web.Response(status=304, headers={"ETag": tag})
    return web.Response(body=body, content_type="application/json", headers={"ETag": tag})


@route("GET", "/docs", scope=None, gives=("text/html",))
async def show_docs(call: Call) -> web.Response:
    """The description as a page, with every operation to try."""
    headers = {"Content-Security-Policy": POLICY}
    return web.Response(text=PAGE, content_type="text/html", headers=headers)


@route("GET", "/docs/{asset}", scope=None, gives=("text/javascript", "text/css"))
async def show_asset(call: Call) -> web.StreamResponse:
    """What the page is drawn with."""
    name = call.request.match_info["asset"]
    headers = {"Cache-Control": "public, max-age=3600"}
    if name == "start.js":
        return web.Response(text=START, content_type="text/javascript", headers=headers)
    spec = find_spec("offapi")
    if name not in ASSETS or spec is None or spec.origin is None:
        raise Problem("not-found")
    return web.FileResponse(
        Path(spec.origin).parent / name, headers={**headers, "Content-Type": ASSETS[name]}
    )


ROUTES = (livez, readyz, show_version, show_problem, show_openapi, show_docs, show_asset)
