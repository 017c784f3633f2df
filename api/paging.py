"""Lists in pages: a cursor is the last object's own number, made opaque like an id."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from aiohttp import web

from api.problems import Problem
from api.requests import ListQuery
from api.routing import Call, Reply
from api.schemas import Page
from scheduler.ledger.pages import Created, Slice, created
from scheduler.public_ids import PublicIds

T = TypeVar("T")


def read_cursor(ids: PublicIds, cursor: str | None) -> int | None:
    """The number after which a page begins. Raises Problem 400."""
    if cursor is None:
        return None
    number = ids.read("cur", cursor)
    if number is None:
        raise Problem("invalid-cursor")
    return number


def created_in(query: ListQuery) -> Created:
    return created(query.created_from, query.created_until)


def slice_of(call: Call, query: ListQuery) -> Slice:
    """What the query asks for, and one more: whether there is another page. Raises Problem 400."""
    after = read_cursor(call.ids, query.cursor)
    return Slice(query.limit + 1, after, query.order == "desc", created_in(query))


async def listed(
    call: Call,
    query: ListQuery,
    objects: Sequence[T],
    numbers: Sequence[int],
    count: Callable[[Created], Awaitable[int]],
) -> Reply[Page[T]]:
    """The reply of a list whose rows were read with `slice_of(call, query)`.

    `numbers`: those of the objects, in the same order. `count`: counts exactly what was created in that time,
    asked only where the query wants it; `partial(count_owned, …)` for a whole table of the account.
    """
    found = page(call.ids, objects, numbers, query.limit)
    if query.count is not None:
        found.count, found.count_exact = await count(created_in(query)), True
    return Reply(found, headers=link_to_next(call.request, found.next_cursor))


def page(ids: PublicIds, objects: Sequence[T], numbers: Sequence[int], limit: int) -> Page[T]:
    """`objects`, one more of which was asked for than `limit`, with their numbers in the same order."""
    if len(objects) <= limit:
        return Page(list(objects))
    return Page(list(objects[:limit]), True, ids.write("cur", numbers[limit - 1]))


def link_to_next(request: web.Request, cursor: str | None) -> dict[str, str]:
    """The `Link` header of a page that has another after it."""
    if cursor is None:
        return {}
    return {"Link": f'<{request.rel_url.update_query(cursor=cursor)}>; rel="next"'}
