"""The calling rules that this build knows."""

from __future__ import annotations

from api.problems import FieldError, Problem
from api.regions import meant_regions
from api.requests_windows import RulesQuery
from api.routing import Call, Reply, route
from api.schemas_effective import Rule, Rulebook, RuleCap, RuleHours
from scheduler.domain import rules
from scheduler.domain.rules import Clause, RuleRow, Rules, Span


@route("GET", "/v1/compliance/rules", scope="read")
async def show_rules(call: Call, query: RulesQuery) -> Reply[Rulebook]:
    """Hours, caps and sources by country and state; `region` may be repeated. Research, not legal advice."""
    book = rules.load()
    if not query.region:
        return Reply(Rulebook(book.revision, [_rule(book, row) for row in book.rows.values()]))
    regions = dict.fromkeys(region for text in query.region for region in _regions(text))
    return Reply(Rulebook(book.revision, [_rule(book, book.rows[region]) for region in regions]))


def _regions(text: str) -> list[str]:
    regions = [region for region in meant_regions(text) if rules.load().knows(region)]
    if not regions:
        detail = "no rule is known for this region: nobody there is called"
        raise Problem(
            "validation-failed", detail, errors=(FieldError("not-found", detail, parameter="region"),)
        )
    return regions


def _rule(book: Rules, row: RuleRow) -> Rule:
    caps = {(cap, ref) for voice in ("ai", "human") for cap, ref in book.caps_for([row.region], voice)}
    return Rule(
        object="rule",
        region=row.region,
        name=row.name,
        hours=_hours(row),
        automated_hours=None if row.automated is None else _hours(row.automated),
        strict_hours=None if row.strict is None else _hours(row.strict),
        holidays_forbidden=row.holidays_forbidden,
        frequency_caps=[
            RuleCap(cap.max_calls, cap.window_s, ref)
            for cap, ref in sorted(caps, key=lambda found: (found[0].window_s, found[0].max_calls))
        ],
        timezones=list(row.time_zones),
        source=row.source,
        confidence=row.confidence,
        effective_from=row.effective_from,
        notes=row.notes,
    )


def _hours(clause: Clause) -> RuleHours:
    return RuleHours(_span(clause.weekday), _span(clause.saturday), _span(clause.sunday))


def _span(span: Span | None) -> list[str] | None:
    return None if span is None else [span.start, span.end]


ROUTES = (show_rules,)
