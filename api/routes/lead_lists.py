"""Leads in pages: by parameters, or by a body where phones and names are asked for."""

from __future__ import annotations

from api import views
from api.lead_filters import Order, filter_of_body, filter_of_query, order_of, read_cursor, write_cursor
from api.paging import link_to_next
from api.requests_leads import LeadsQuery, SearchIn
from api.routing import Call, Reply, route
from api.schemas import Page
from api.schemas_leads import Lead
from scheduler.ledger.leads import LeadFilter, count_leads, count_leads_about, leads_by_id, page_of_leads


@route("GET", "/v1/leads", scope="read")
async def list_leads(call: Call, query: LeadsQuery) -> Reply[Page[Lead]]:
    """The account's leads, newest first unless `order=asc`. A page costs the same wherever it is."""
    order = Order("created_at", query.order == "desc")
    page = await _page(call, filter_of_query(call.ids, query), order, query)
    return Reply(page, headers=link_to_next(call.request, page.next_cursor))


@route("POST", "/v1/leads/search", scope="read", answers=(200,))
async def search_leads(call: Call, body: SearchIn) -> Reply[Page[Lead]]:
    """Leads that match every part of the filter, newest first. Phones travel in the body, never in an URL.

    Sorted by anything but `created_at`, each page is a walk over all that the filter finds.
    """
    return Reply(await _page(call, filter_of_body(call.ids, body.filter), order_of(body.sort), body))


async def _page(
    call: Call, narrow: LeadFilter | None, order: Order, asked: LeadsQuery | SearchIn
) -> Page[Lead]:
    """One page with its cursor, and the count where it is asked for."""
    after = read_cursor(call.ids, order, asked.cursor)
    page: Page[Lead] = Page([])
    database = call.deps.flow.database
    if narrow is not None:
        found = await page_of_leads(
            database,
            call.account_id,
            narrow,
            sort=order.sort,
            descending=order.descending,
            after=after,
            limit=asked.limit + 1,
        )
        kept = found[: asked.limit]
        rows = await leads_by_id(database, call.account_id, [place.lead_id for place in kept])
        page.data = [views.lead(row, call.ids) for row in rows]
        if len(found) > asked.limit:
            page.has_more, page.next_cursor = True, write_cursor(call.ids, order, kept[-1])
    if asked.count is not None:
        page.count, page.count_exact = 0, True
        if narrow is not None and asked.count == "exact":
            page.count = await count_leads(database, call.account_id, narrow)
        elif narrow is not None:
            about, page.count_exact = await count_leads_about(database, call.account_id, narrow)
            page.count = max(about, len(page.data) + page.has_more)  # statistics may not know of new leads
    return page


ROUTES = (list_leads, search_leads)
