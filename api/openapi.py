"""The OpenAPI 3.1 description, made of the routes that serve the requests and their msgspec types.

Nothing is written twice: a path, a bound or a text is here because a request is decoded by it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from api.decoding import without_null
from api.preconditions import TAGS_MAX
from api.problems import CONTENT_TYPE, KINDS, ProblemBody
from api.routing import NoQuery, Route, showing, tagged
from api.schemas_events import Event, EventBatch, WebhookPing

_OUTGOING: dict[str, type] = {"event": Event, "events.batch": EventBatch, "webhook.ping": WebhookPing}
"""What is sent to webhooks, by mode, and after a ping."""

REF = "#/components/schemas/{name}"

INTRODUCTION = """\
Leads in, calls out, at the right moment and within the law. Every answer that is not a success is
`application/problem+json` (RFC 9457) whose `type` opens in a browser. Instants are RFC 3339 in UTC.
An `Idempotency-Key` makes any POST safe to repeat for 72 hours.

| problem | status | means |
|---|---|---|
"""

_SAID = re.compile(r"(?:^|(?<=\. ))`([\w.]+)`: (.+?)\.(?= `[\w.]+`: |$)")
"""A sentence of a docstring about a parameter."""

_PARAMETER = re.compile(r"\{(\w+)(?::[^}]*)?\}")
_KEY_HEADER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key again gets the stored reply; kept for 72 hours.",
    "schema": {
        "type": "string",
        "minLength": 1,
        "maxLength": 255,
        "pattern": "^[\\x21-\\x7e]([\\x20-\\x7e]*[\\x21-\\x7e])?$",
    },
}
_MATCH_HEADER = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The `ETag` of the object as you have read it: 428 without, 412 when it has changed.",
    "schema": {"type": "string", "maxLength": TAGS_MAX},
}
_MAY_MATCH = {
    **_MATCH_HEADER,
    "required": False,
    "description": "Where it is sent, nothing is changed unless the object still has this `ETag`: 412.",
}

_IN_PATH = {
    "id": "As it was answered; its prefix tells what it is of.",
    "step_id": "The step's, as the cadence shows it.",
    "external_id": "The lead's id of yours, percent-encoded.",
    "version": "Of the cadence: 1 is the first that was published.",
    "part": "Of the file: 1 is the first.",
    "name": "Of the provider.",
    "token": "As it stands in the address that each call was sent with.",
    "code": "Of the problem, as its `type` ends.",
    "asset": "What the page loads.",
}

_SIGNED = [
    {"name": name, "in": "header", "required": True, "description": text, "schema": {"type": "string"}}
    for name, text in {
        "webhook-id": "Names what is sent: the same sent again has the same.",
        "webhook-timestamp": "When it is sent, in seconds since 1970; refused when it is five minutes off.",
        "webhook-signature": "`v1,` and the signature in base64; several with a blank between them.",
    }.items()
]
_LAST_EVENT = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "description": "The `id` of the event that was heard last, as browsers send it by themselves.",
    "schema": {"type": "string", "maxLength": 32},
}


def describe(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """The document, ready to be encoded. Raises ValueError when two operations have one name."""
    types = [type_ for one in routes for type_ in (one.body, one.reply) if type_ is not None]
    types += _OUTGOING.values()
    schemas, components = msgspec.json.schema_components([*types, ProblemBody], ref_template=REF)
    of_type = dict(zip(map(_key, [*types, ProblemBody]), schemas, strict=True))
    twice = [name for name, times in Counter(one.name for one in routes).items() if times > 1]
    if twice:
        raise ValueError(f"two operations are called {twice}")
    paths: dict[str, dict[str, Any]] = {}
    heeding, with_tags = showing(routes), tagged(routes)
    for one in routes:
        path = _PARAMETER.sub(r"{\1}", one.path)
        paths.setdefault(path, {})[one.method.lower()] = _operation(one, of_type, components)
        for status, answer in paths[path][one.method.lower()]["responses"].items():
            if status.isdigit():
                answer["headers"] = {
                    name: {"$ref": f"#/components/headers/{name}"}
                    for name in _headers_of(one, int(status), one.name in with_tags)
                }
        if one.name in heeding or one.compares:
            paths[path][one.method.lower()]["parameters"].append(_MAY_MATCH)
    problems = "".join(f"| `{code}` | {kind.status} | {kind.meaning} |\n" for code, kind in KINDS.items())
    webhooks = {name: {"post": _outgoing(name, of_type[_key(type_)])} for name, type_ in _OUTGOING.items()}
    text = msgspec.json.encode((paths, webhooks)).decode()
    used = set(re.findall(r"#/components/schemas/([^\"]+)", text))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "dialwheel",
            "version": version,
            "description": INTRODUCTION + problems,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in sorted({_tag(one) for one in routes})],
        "paths": paths,
        "webhooks": webhooks,
        "components": {
            "schemas": {name: components[name] for name in sorted(_reached(used, components))},
            "responses": {"Problem": _problem_response(of_type)},
            "headers": {name: _header(text) for name, text in _HEADERS.items()},
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "`dw_live_…` or `dw_test_…`"}
            },
        },
    }


def _operation(one: Route, of_type: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    summary, _, rest = _text(one).partition("\n")
    said = " ".join(line.strip() for line in rest.splitlines()).strip()
    scope = f"Scope: `{one.scope}`." if one.scope else "Needs no key."
    operation: dict[str, Any] = {
        "operationId": one.name,
        "tags": [_tag(one)],
        "summary": summary.strip().rstrip("."),
        "description": f"{said}\n\n{scope}".strip(),
        "parameters": _parameters(one, components),
        "responses": _responses(one, of_type),
        "security": [{"key": []}] if one.scope else [],
    }
    if one.takes:
        content = {type_: {"schema": {"type": "string", "format": "binary"}} for type_ in one.takes}
        operation["requestBody"] = {"required": True, "content": content}
    elif one.body is not None:
        needed = bool(_resolved(of_type[_key(one.body)], components).get("required"))
        content = {"application/json": {"schema": of_type[_key(one.body)]}}
        operation["requestBody"] = {"required": needed, "content": content}
    return operation


def _outgoing(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """What an address of `/v1/webhooks` is sent."""
    return {
        "operationId": f"sent_{name}",
        "tags": ["webhooks"],
        "summary": f"Sent to a webhook: {name}",
        "description": "Signed as Standard Webhooks has it, and sent again until any 2xx is answered.",
        "parameters": _SIGNED,
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {"2XX": {"description": "It has arrived"}},
    }


def _parameters(one: Route, components: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _IN_PATH[name],
            "schema": {"type": "string", "maxLength": 255},
        }
        for name in _PARAMETER.findall(one.path)
    ]
    if one.query is not NoQuery:
        (schema,), own = msgspec.json.schema_components([without_null(one.query)], ref_template=REF)
        struct = _resolved(schema, own)
        components.update({name: own[name] for name in own if name not in components})
        texts = _texts(one.query)
        for name, of in struct["properties"].items():
            sent = {key: value for key, value in of.items() if (key, value) != ("default", None)}
            found.append(
                {
                    "name": name,
                    "in": "query",
                    "required": name in struct.get("required", ()),
                    "description": texts[name] + (" May be repeated." if sent.get("type") == "array" else ""),
                    "schema": sent,
                }
            )
    if one.method == "POST" and one.scope:
        found.append(_KEY_HEADER)
    if one.if_match:
        found.append(_MATCH_HEADER)
    if one.body is not None and one.scope is None:
        found += _SIGNED
    if one.tickets:
        found.append(_LAST_EVENT)
    return found


def _texts(query: type) -> dict[str, str]:
    """What the docstrings of a query's type say of each parameter, those of its bases included."""
    texts: dict[str, str] = {}
    for type_ in reversed(query.__mro__):
        said = " ".join((vars(type_).get("__doc__") or "").split())
        texts |= {name: f"{text[0].upper()}{text[1:]}." for name, text in _SAID.findall(said)}
    return texts


def _responses(one: Route, of_type: dict[str, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status in one.answers:
        answer: dict[str, Any] = {"description": _STATUS[status]}
        content: dict[str, Any] = {}
        if one.reply is not None and status != 204:
            content["application/json"] = {"schema": of_type[_key(one.reply)]}
        if status != 204:
            content |= {
                type_: {"schema": {} if "json" in type_ else {"type": "string"}} for type_ in one.gives
            }
        if status >= 400:
            content[CONTENT_TYPE] = {"schema": of_type[_key(ProblemBody)]}
        if content:
            answer["content"] = content
        responses[str(status)] = answer
    return {**responses, "4XX": {"$ref": _PROBLEM}, "5XX": {"$ref": _PROBLEM}}


_PROBLEM = "#/components/responses/Problem"
_STATUS = {
    200: "As asked",
    201: "Made",
    202: "Taken on; a job shows how far it is",
    204: "Done",
    503: "Not ready; `Retry-After` says when to ask again",
}


_HEADERS = {
    "X-Request-Id": "Names this request in problems and in our logs; yours, where you sent one.",
    "ETag": "Names what was answered: for `If-None-Match`, and for `If-Match` of a change.",
    "Location": "Where to read what was made, or how far it is.",
    "Link": 'The next page, `rel="next"`; none with the last one.',
    "Idempotency-Replayed": "`true`: the answer that is stored for this `Idempotency-Key`.",
    "RateLimit-Policy": 'Whose allowance, how many requests, in how many seconds: `"key";q=6000;w=60`.',
    "RateLimit": 'What is left of it, and in how many seconds all of it is back: `"key";r=5990;t=12`.',
    "Retry-After": "Seconds until the same request may be answered otherwise.",
}


def _header(text: str) -> dict[str, Any]:
    return {"description": text, "required": False, "schema": {"type": "string"}}


def _headers_of(one: Route, status: int, has_tag: bool) -> list[str]:
    """Which of them an answer may have."""
    may = {
        "ETag": has_tag and status != 204,
        "Location": status in (201, 202) and one.reply is not None,
        "Link": "cursor" in getattr(one.query, "__struct_fields__", ()),
        "Idempotency-Replayed": one.method == "POST" and one.scope is not None,
        "RateLimit-Policy": one.scope is not None,
        "RateLimit": one.scope is not None,
        "Retry-After": status >= 400,
    }
    return ["X-Request-Id", *(name for name, yes in may.items() if yes)]


def _problem_response(of_type: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": "What went wrong, where, and what to do; 429 and 503 carry `Retry-After`",
        "content": {CONTENT_TYPE: {"schema": of_type[_key(ProblemBody)]}},
        "headers": {
            name: {"$ref": f"#/components/headers/{name}"}
            for name in ("X-Request-Id", "Retry-After", "RateLimit-Policy", "RateLimit")
        },
    }


def _text(one: Route) -> str:
    return (one.handler.__doc__ or "").strip()


def _tag(one: Route) -> str:
    parts = [part for part in one.path.split("/") if part and part != "v1"]
    return parts[0] if one.path.startswith("/v1/") else "root"


def _key(type_: Any) -> str:
    return repr(type_)


def _resolved(schema: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return components[schema["$ref"].rpartition("/")[2]]
    return schema


def _reached(names: set[str], components: dict[str, Any]) -> set[str]:
    """The components that `names` need, themselves among them."""
    reached, todo = set(), [*names, "ProblemBody"]
    while todo:
        name = todo.pop()
        if name not in reached and name in components:
            reached.add(name)
            todo += re.findall(REF.format(name=r"([^\"]+)"), msgspec.json.encode(components[name]).decode())
    return reached
