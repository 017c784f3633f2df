"""`wheel`: what waits on it and why, what is due when, how dialing goes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from api.cli.client import find_dialwheel
from api.cli.exits import OK, TRY_LATER
from api.cli.import_words import grouped
from api.cli.session import Session, styled

HOURS = 4
BAR = 20
REASONS = {
    "hours": "outside hours",
    "pause": "paused",
    "concurrency": "no call free",
    "pace": "pace",
    "budget": "caller ids spent",
    "unshaped": "no rule yet",
}
"""What holds back what is due, in words."""

COLUMNS = ("ready", *REASONS, "not_due", "later")


def show_wheel(session: Session, lanes: int) -> int:
    """The exit code says whether every shard is ready."""
    client = find_dialwheel(session)
    wheel = client.get("/v1/wheel", lanes=lanes)
    hour = _hour_of(wheel["at"])
    slots = client.get(
        "/v1/wheel/slots", **{"from": _iso(hour), "to": _iso(hour + timedelta(hours=HOURS)), "bucket_s": 3600}
    )
    session.answer({"wheel": wheel, "slots": slots}, _lines(wheel, slots), plain=plain_rows(wheel))
    return OK if all(shard["ready"] for shard in wheel["shards"]) else TRY_LATER


def summary_lines(wheel: dict[str, Any]) -> list[str]:
    """The wheel in four lines."""
    due, lag, why = wheel["due"], wheel["dispatch_lag_ms"], wheel["why"]
    late = f"oldest {_seconds(wheel['lag_ms'])}" if wheel["lag_ms"] else "none late"
    held = [f"{grouped(why[name])} {word}" for name, word in REASONS.items() if why[name]]
    held += [f"next opens {_clock(wheel['opens_at'])}"] if wheel["opens_at"] else []
    now, per_min = _clock(wheel["at"], seconds=True), wheel["dials_per_s"]["last_minute"] * 60
    return [
        f"  now {now}   {_clock_words(wheel['clock_speed'])}   {_ticking(wheel)}",
        f"  due now {grouped(due['now'])} ({late}) · next minute {grouped(due['next_minute'])}"
        f" · next hour {grouped(due['next_hour'])} · later {grouped(due['later'])}",
        f"  in call {grouped(wheel['in_flight'])}{_of_most(wheel)}   {grouped(round(per_min))} dials/min"
        f"   lag p50 {_seconds(lag['p50'])}  p99 {_seconds(lag['p99'])}",
        f"  ready {grouped(why['ready'])}   held {' · '.join(held) or 'nothing'}",
    ]


def plain_rows(wheel: dict[str, Any]) -> list[tuple[Any, ...]]:
    """What --plain prints: a name and a number a line, then a line for each lane."""
    names = ("at", "total", "depth", "overdue", "held", "in_flight", "lag_ms", "lanes_count")
    rows: list[tuple[Any, ...]] = [(name, wheel[name]) for name in names]
    rows += [(f"why.{name}", count) for name, count in wheel["why"].items()]
    rows += [(f"due.{name}", count) for name, count in wheel["due"].items()]
    for lane in wheel["lanes"]:
        who = (lane["class"], lane["agent_name"], lane["batch_name"], " ".join(lane["regions"]))
        rows.append(("lane", *who, lane["total"], *(lane["why"][name] for name in COLUMNS), lane["until_at"]))
    return rows


def _lines(wheel: dict[str, Any], slots: dict[str, Any]) -> list[str]:
    lines = summary_lines(wheel)
    most = max(slot["total"] for slot in slots["data"]) or 1
    bars = [
        f"{_clock(slot['at'])} {'▇' * round(BAR * slot['total'] / most)} {grouped(slot['total'])}"
        for slot in slots["data"]
    ]
    lines.insert(3, "  " + "   ".join(bars))
    if wheel["lanes"]:
        lines += ["", *_table([_heads(), *map(_cells, wheel["lanes"])])]
    hidden = wheel["lanes_count"] - len(wheel["lanes"])
    if hidden:
        lines.append(f"  and {grouped(hidden)} more lanes; show more with: dialwheel wheel --lanes 200")
    return lines


def _heads() -> list[str]:
    return [
        "class",
        "agent",
        "batch",
        "place",
        "total",
        *(name.replace("_", " ") for name in COLUMNS),
        "until",
    ]


def _cells(lane: dict[str, Any]) -> list[str]:
    places = lane["regions"] or lane["timezones"]
    place = " ".join(places[:2]) + (f" +{len(places) - 2}" if len(places) > 2 else "")
    counts = [grouped(lane["why"][name]) if lane["why"][name] else "–" for name in COLUMNS]
    until = _clock(lane["until_at"]) if lane["until_at"] else "–"
    return [
        lane["class"],
        lane["agent_name"],
        lane["batch_name"] or "–",
        place,
        grouped(lane["total"]),
        *counts,
        until,
    ]


def _table(rows: list[list[str]]) -> list[str]:
    """Columns of equal width, words to the left and numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  "
        + "  ".join(
            cell.ljust(width) if number < 4 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _ticking(wheel: dict[str, Any]) -> str:
    shards = wheel["shards"]
    count = f"{len(shards)} shard" + ("s" if len(shards) != 1 else "")
    away = [str(shard["shard"]) for shard in shards if not shard["ready"]]
    if away:
        return f"{count}, {styled('being rebuilt: ' + ', '.join(away), '31')}"
    ages = [shard["ticker_age_ms"] for shard in shards]
    if None in ages:
        return f"{count}, {styled('no dialer was there yet', '33')}"
    return f"{count}, all ticking (max age {_seconds(max(ages))})"


def _of_most(wheel: dict[str, Any]) -> str:
    most = [gate["max_concurrent"] for gate in wheel["gates"] if gate["kind"] == "account"]
    return f"/{grouped(most[0])}" if most and most[0] is not None else ""


def _clock_words(speed: float) -> str:
    return {1.0: "real clock", 0.0: "stepped clock"}.get(speed, f"clock ×{speed:g}")


def _hour_of(at: str) -> datetime:
    return datetime.fromisoformat(at).replace(minute=0, second=0, microsecond=0)


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _clock(at: str, *, seconds: bool = False) -> str:
    """The time of day where this command runs, with its offset where seconds are shown."""
    here = datetime.fromisoformat(at).astimezone()
    if not seconds:
        return f"{here:%H:%M}"
    offset = f"{here:%z}"
    return f"{here:%H:%M:%S} UTC{'' if offset == '+0000' else f'{offset[:3]}:{offset[3:]}'}"


def _seconds(ms: int | None) -> str:
    if ms is None:
        return "–"
    return f"{ms} ms" if ms < 1000 else f"{ms / 1000:.3g} s" if ms < 100_000 else f"{ms // 60_000} min"
