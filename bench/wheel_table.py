"""The README's table of the wheel alone, from the committed result of `python -m bench wheel`."""

from __future__ import annotations

from typing import Any


def wheel_table(wheel: dict[str, Any]) -> list[str]:
    """Lines of the table, with what it was measured on."""
    cycle, sizes = wheel["settings"]["cycle"], wheel["settings"]["sizes"]
    held, claim, live = wheel["claim_ms_10k_lanes"], wheel["claim_ms"], wheel["live_claim_ms"]
    size, idle = wheel["bytes_per_attempt"], wheel["idle_requests_per_s"]
    cv, most = wheel["bulk_cv"], wheel["bulk_sliding_max"]
    kinds = {"hours": "hours", "pace": "pace", "gates": "full gates", "account": "a full account"}
    rows = [
        ("placed a second, next hour on 10 lanes", _of(wheel["place_per_s"]), "150,000"),
        ("placed a second, next day on 100 lanes", _of(wheel["place_sparse_per_s"]), "–"),
        (
            f"claimed, settled and placed again, a second ({cycle['batch']} at once, "
            f"{cycle['in_flight']} in flight)",
            _of(wheel["cycle_per_s"]),
            "100,000",
        ),
        (
            "the same as a share of what a script moves between two zsets of that server",
            _of(wheel["cycle_of_raw_move"]),
            "≥ 0.25",
        ),
        ("that server alone: moved by a script, a second", _of(wheel["raw_move_per_s"]), ""),
        ("that server alone: pipelined ZADD, a second", _of(wheel["raw_zadd_per_s"]), ""),
        ("one claim of 100, ms, p50", _of(claim["p50"]), "–"),
        ("one claim of 100, ms, p99", _of(claim["p99"]), "–"),
        *(
            (
                f"the slowest claim past {sizes['lanes']:,} lanes held by {name}, ms",
                _of(held[kind]["max"]),
                "< 5",
            )
            for kind, name in kinds.items()
        ),
        ("bytes a waiting attempt, dense (an hour, 10 lanes)", _of(size["dense"]), "≤ 12"),
        ("bytes a waiting attempt, sparse (a day, 100 lanes)", _of(size["sparse"]), "≤ 40"),
        ("the same in one plain zset", _of(size["plain_zset"]), ""),
        (f"live lead beside {sizes['waiting']:,} of bulk: due → claimed, ms, p50", _of(live["p50"]), "≤ 1"),
        (f"live lead beside {sizes['waiting']:,} of bulk: due → claimed, ms, p99", _of(live["p99"]), "≤ 3"),
        *(
            row
            for pace in cv
            for row in (
                (f"bulk at {int(pace):,}/s: variation from second to second", _of(cv[pace]), "≤ 0.03"),
                (f"bulk at {int(pace):,}/s: most in any second, of the rate", _of(most[pace]), "≤ 1.1"),
            )
        ),
        ("a lost wheel built anew, seconds a million due", _of(wheel["rebuild_s_per_million"]), "≤ 10"),
        ("requests a second of a dialer at rest, empty wheel", _of(idle["empty"]), "< 2"),
        ("the same, next work in an hour", _of(idle["work_in_an_hour"]), "< 2"),
    ]
    return [
        f"The wheel alone, {sizes['waiting']:,} waiting where nothing else is said: `{wheel['command']}`, "
        f"median (least to most) of {wheel['runs']} runs, {wheel['server']}, {wheel['machine']['cores']} "
        f"shared cores ({wheel['machine']['cpu']}), {wheel['machine']['date']}.",
        "",
        "| what | figure | goal |",
        "|---|---|---|",
        *(f"| {what} | {figure} | {goal} |" for what, figure, goal in rows),
    ]


def _of(figure: dict[str, float]) -> str:
    """Median (least to most)."""
    return f"{figure['median']:,} ({figure['min']:,} to {figure['max']:,})"
