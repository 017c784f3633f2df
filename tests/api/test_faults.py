"""API 2: an answer of 422 names every field that is wrong, not the first only; `errors` points at each."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

from api.app import ROUTES
from api.decoding import decode_body, decode_query
from api.faults import INSTANT, MOST_FAULTS
from api.preview.spec import Spec
from api.problems import FieldError, Problem
from api.requests_leads import LeadIn, LeadsQuery
from tests.api.builders import OTHER_PHONE, PHONE, Site, a_lead

BODIES = sorted(
    {one.body for one in ROUTES if one.body is not None} | {Spec}, key=lambda type_: type_.__name__
)
QUERIES = sorted({one.query for one in ROUTES}, key=lambda type_: type_.__name__)

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**70) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def fields_of(type_: type) -> tuple[inspect.Field, ...]:
    at = inspect.type_info(type_)
    assert isinstance(at, inspect.StructType)
    return at.fields


def values_of(at: inspect.Type, depth: int = 0) -> st.SearchStrategy[Any]:
    """What fits a type more or less, with anything else in between."""
    if isinstance(at, inspect.UnionType):
        return st.one_of([values_of(one, depth) for one in at.types])
    if isinstance(at, inspect.StructType) and depth < 4:
        members = {field.encode_name: values_of(field.type, depth + 1) for field in at.fields}
        known = st.fixed_dictionaries({}, optional=members)
        return known | st.builds(lambda some, more: {**more, **some}, known, junk_members(at)) | JUNK
    if isinstance(at, inspect.ListType):
        return st.lists(values_of(at.item_type, depth + 1), max_size=3) | JUNK
    if isinstance(at, inspect.LiteralType):
        return st.sampled_from(at.values) | JUNK
    return st.sampled_from(["", "a", "2026-07-01T10:00:00Z", "08:00", 1, 60, 0.5, True, None]) | JUNK


def junk_members(at: inspect.StructType) -> st.SearchStrategy[dict[str, Any]]:
    names = st.sampled_from([f"{field.encode_name}s" for field in at.fields] or ["x"]) | st.text(max_size=4)
    return st.dictionaries(names, JUNK, max_size=2)


def refusal(raw: bytes, type_: type) -> tuple[FieldError, ...]:
    with pytest.raises(Problem) as caught:
        decode_body(raw, type_)
    assert caught.value.code == "validation-failed"
    return caught.value.errors


def names_a_place(document: Any, error: FieldError) -> bool:
    """Whether the pointer leads to a value, or to a member that an object lacks."""
    steps = [step.replace("~1", "/").replace("~0", "~") for step in error.pointer.split("/")[1:]]
    for place, step in enumerate(steps):
        if isinstance(document, list):
            document = document[int(step)]
        elif step in document:
            document = document[step]
        else:
            return error.code == "required" and place == len(steps) - 1
    return error.code != "required"


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_whatever_the_decoder_refuses_is_named_at_places_of_the_document_and_nothing_else_is(data: Any):
    """RELIABILITY 5.2."""
    type_ = data.draw(st.sampled_from(BODIES))
    document = data.draw(values_of(inspect.type_info(type_)))
    raw = msgspec.json.encode(document)
    try:
        value = msgspec.json.decode(raw, type=type_)
    except msgspec.ValidationError:
        errors = refusal(raw, type_)
        assert 0 < len(errors) <= MOST_FAULTS
        assert len({error.pointer for error in errors}) == len(errors)
        assert all(names_a_place(document, error) for error in errors), errors
    else:
        if b"\\u00" not in raw:
            assert decode_body(raw, type_) == value


@pytest.mark.parametrize("type_", BODIES, ids=lambda type_: type_.__name__)
@pytest.mark.parametrize("junk", [{"": {}}, [[]], 1e300, "\x7f"], ids=["object", "list", "number", "text"])
def test_every_field_that_is_wrong_by_itself_is_named(type_: Any, junk: Any):
    raw = msgspec.json.encode(junk)
    wrong = []
    for field in msgspec.structs.fields(type_):
        try:
            msgspec.json.decode(raw, type=field.type)
        except msgspec.ValidationError:
            wrong.append(field.encode_name)
    if not wrong:
        return

    body = msgspec.json.encode({field.encode_name: junk for field in msgspec.structs.fields(type_)})
    named = list(dict.fromkeys(error.pointer.split("/")[1] for error in refusal(body, type_)))

    assert named == wrong[: len(named)]
    assert named == wrong or len(refusal(body, type_)) == MOST_FAULTS


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_is_refused_of_a_query_is_named_by_its_parameters(data: Any):
    type_ = data.draw(st.sampled_from(QUERIES))
    names = [field.encode_name for field in msgspec.structs.fields(type_)]
    said = st.sampled_from(["", "1", "null", "asc", "2026-07-01T10:00:00Z", "1e9", "x" * 5000])
    texts = said | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
    known = st.sampled_from([*names, "lmit"])
    values = data.draw(st.dictionaries(known, st.lists(texts, min_size=1, max_size=2), max_size=6))
    try:
        decode_query(values, type_)
    except Problem as problem:
        if problem.code == "invalid-cursor":
            assert set(values) >= {"cursor"}
            return
        parameters = [error.parameter for error in problem.errors]
        assert 0 < len(parameters) == len(set(parameters))
        required = {field.encode_name for field in msgspec.structs.fields(type_) if field.required}
        assert set(parameters) <= set(values) | required


@pytest.mark.parametrize("type_", QUERIES, ids=lambda type_: type_.__name__)
@pytest.mark.parametrize("word", ["null", "NULL"])
def test_the_word_null_in_an_address_is_never_read_as_left_out(type_: Any, word: str):
    """RELIABILITY 5.2: it is that very text, or refused as any other wrong value is."""
    for field in msgspec.structs.fields(type_):
        try:
            said = getattr(decode_query({field.encode_name: [word]}, type_), field.name)
        except Problem as problem:
            said = problem.code
        assert said in (word, [word], "validation-failed"), field.encode_name


async def test_the_word_null_finds_what_is_called_so_and_is_no_number_no_choice_and_no_cursor(site: Site):
    """API 1: lists; API 2: what else could have been said is in the hint."""
    for tag, phone in (("null", PHONE), ("other", OTHER_PHONE)):
        await site.post("/v1/leads", a_lead(phone=phone, agent_id=site.agent, tags=[tag]))
    found = await (await site.get("/v1/leads?tag=null")).json()
    refused = await (await site.get("/v1/leads?count=null&limit=null&status=null")).json()
    cursor = await site.get("/v1/leads?cursor=null")

    assert [lead["tags"] for lead in found["data"]] == [["null"]]
    assert {error["parameter"] for error in refused["errors"]} == {"count", "limit", "status"}
    assert (refused["status"], refused["hint"]) == (422, "known: estimate, exact")
    assert (cursor.status, (await cursor.json())["code"]) == (400, "invalid-cursor")


def test_unknown_fields_come_first_with_what_was_meant_then_the_others_in_the_order_of_the_type():
    raw = b'{"tags":["a",5,6],"consent":{"sauce":"x"},"name":1,"nmae":"x","phnoe":"y"}'

    errors = refusal(raw, LeadIn)

    assert [(error.pointer, error.code, error.hint) for error in errors] == [
        ("/nmae", "unknown-field", "did you mean `name`?"),
        ("/phnoe", "unknown-field", "did you mean `phone`?"),
        ("/phone", "required", ""),
        ("/name", "invalid", ""),
        ("/consent/sauce", "unknown-field", "did you mean `source`?"),
        ("/consent/basis", "required", ""),
        ("/tags/1", "invalid", ""),
        ("/tags/2", "invalid", ""),
    ]


async def test_what_can_only_be_read_is_told_so_and_not_taken_for_a_misspelt_name(site: Site):
    """API 4: what is marked R; API 1: an unknown field has the nearest known name as its hint."""
    agent = await (await site.get(f"/v1/agents/{site.agent}")).json()
    body = {"paused": True, "created_at": agent["created_at"], "nmae": "x"}
    reply = await site.send("PATCH", f"/v1/agents/{site.agent}", json=body, headers={"If-Match": "*"})

    assert reply.status == 422
    assert [(one["pointer"], one["code"], one["hint"]) for one in (await reply.json())["errors"]] == [
        ("/paused", "read-only", "leave it out"),
        ("/created_at", "read-only", "leave it out"),
        ("/nmae", "unknown-field", "did you mean `name`?"),
    ]


@pytest.mark.parametrize(
    ("body", "pointer", "detail", "hint"),
    [({"windows": {"mon": {"ranges": [{"start": "9:00", "end": "18:00"}]}}},
      "/windows/mon/ranges/0/start", "Expected `str` matching regex", "write it like 09:00"),
     ({"name": "  "}, "/name", "it may not be blank", None)],
)  # fmt: skip
async def test_a_text_of_another_form_is_told_the_form(
    site: Site, body: dict[str, Any], pointer: str, detail: str, hint: str | None
):
    """API 2: nobody has to read a pattern."""
    reply = await site.send("PATCH", "/v1/account", json=body, headers={"If-Match": "*"})
    [error] = (await reply.json())["errors"]

    assert (error["pointer"], error.get("hint")) == (pointer, hint)
    assert error["detail"].startswith(detail)


async def test_an_instant_without_its_zone_is_told_the_form(site: Site):
    """API 1: instants are RFC 3339 in UTC; in a body and in an address alike."""
    at = "2026-07-01T10:00:00"
    replies = [
        await site.get(f"/v1/leads?created_at.gte={at}"),
        await site.post("/v1/leads", {"phone": "+12125550123", "appointment_at": at}),
    ]
    assert [(await reply.json())["hint"] for reply in replies] == [INSTANT, INSTANT]


async def test_an_unknown_choice_lists_the_known_ones_also_where_several_may_be_given(site: Site):
    reply = await site.post("/v1/leads/search", {"filter": {"status": "foo"}})

    assert (await reply.json())["hint"].startswith("known: active, closed,")


def test_a_name_given_twice_is_refused_for_its_first_value_as_the_decoder_does():
    errors = refusal(b'{"phone":"+12125550123","name":5,"name":"x"}', LeadIn)

    assert [(error.pointer, error.code) for error in errors] == [("/name", "invalid")]


def test_what_breaks_off_behind_a_fault_is_no_json():
    with pytest.raises(Problem) as caught:
        decode_body(b'{"phone":5,"name":', LeadIn)

    assert caught.value.code == "malformed-body"


def test_every_text_with_a_nul_and_every_instant_that_cannot_be_kept_is_named():
    raw = b'{"phone":"\\u0000","name":"\\u0000","appointment_at":"9999-12-31T23:59:59-12:00"}'

    errors = refusal(raw, LeadIn)

    assert [(error.pointer, error.code) for error in errors] == [
        ("/phone", "nul"), ("/name", "nul"), ("/appointment_at", "out-of-range"),
    ]  # fmt: skip


def test_an_answer_names_so_many_places_and_no_more():
    assert len(refusal(msgspec.json.encode({f"x{n}": n for n in range(50_000)}), LeadIn)) == MOST_FAULTS
    assert len(refusal(msgspec.json.encode({"tags": [5] * 50_000}), LeadIn)) == MOST_FAULTS
    with pytest.raises(Problem) as caught:
        decode_query({f"x{n}": [""] for n in range(500)}, LeadsQuery)
    assert len(caught.value.errors) == MOST_FAULTS


async def test_a_body_with_three_wrong_fields_is_answered_with_all_three(site: Site):
    body = {"phone": 5, "name": ["x"], "priority": "urgent"}
    reply = await site.post("/v1/leads", body)

    problem = await reply.json()
    assert (reply.status, problem["code"]) == (422, "validation-failed")
    assert problem["errors"] == [
        {"code": "invalid", "detail": "Expected `str`, got `int`", "pointer": "/phone"},
        {"code": "invalid", "detail": "Expected `str`, got `array`", "pointer": "/name"},
        {
            "code": "invalid", "detail": "not one of the known values", "pointer": "/priority",
            "hint": "known: bulk, live",
        },
    ]  # fmt: skip
    assert problem["detail"] == "/phone: Expected `str`, got `int`"


async def test_a_query_with_several_wrong_parameters_is_answered_with_each(site: Site):
    reply = await site.get("/v1/leads?lmit=1&order=up&limit=0&tag=&created_at.gte=5&cursor=" + "x" * 5000)

    problem = await reply.json()
    assert (reply.status, problem["hint"]) == (422, "did you mean `limit`?")
    named = [error["parameter"] for error in problem["errors"]]
    order = [field.encode_name for field in msgspec.structs.fields(LeadsQuery)]
    assert named[0] == "lmit"
    assert named[1:] == sorted(["limit", "cursor", "order", "tag", "created_at.gte"], key=order.index)
