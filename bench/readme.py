"""The README's table of figures, made from committed result files: `python -m bench readme` prints it.

A test holds the README to it, so that no figure is shown that no run gave.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from bench.http_table import http_table
from bench.peers.table import peers_table
from bench.wheel_table import wheel_table

RESULTS = Path(__file__).parent / "results"
BEGIN, END = "<!-- figures: python -m bench readme -->", "<!-- end of figures -->"


def result(name: str) -> dict[str, Any]:
    return msgspec.json.decode((RESULTS / f"{name}.json").read_bytes())


def figures() -> str:
    """The table between the two marks of the README, marks included."""
    demo, path, rows, live, rush = map(result, ("demo", "path", "import", "live", "live_unpaced"))
    late, planner, change, called = map(result, ("lateness", "planner", "recalculate", "recalculate_called"))
    claimed, dialled, gap = late["due_to_claimed_ms"], late["due_to_dial_ms"], late["gate_to_send_us"]
    plans = planner["us_per_plan"].values()
    memory = rows["rss_mib"]
    lines = [
        BEGIN,
        "",
        "| what | figure | goal | command |",
        "|---|---|---|---|",
        f"| whole path: waiting → claimed → armed → sent → settled, durable | "
        f"{path['attempts_per_s']:,} attempts/s | 20,000 | `{path['command']}` |",
        f"| import of a CSV file: checked, zoned, deduplicated, planned | {rows['rows']:,} rows in "
        f"{rows['seconds']:.1f} s ({rows['rows_per_s']:,.0f}/s) | ≤ 60 s | `{rows['command']}` |",
        f"| memory during that import, MiB at start / at most / at end | API {_memory(memory['api'])}, "
        f"worker {_memory(memory['workers'])} | flat | |",
        f"| live lead, POST answered → dial, beside {live['backlog']:,} bulk leads at "
        f"{live['bulk_dials_per_s']:.0f}/s | p50 {live['answered_to_dial_ms']['p50']} ms, p99 "
        f"{live['answered_to_dial_ms']['p99']} ms | p99 ≤ 50 ms | `{live['command']}` |",
        f"| the same with bulk as fast as it goes ({rush['bulk_dials_per_s']:,.0f}/s) | p50 "
        f"{rush['answered_to_dial_ms']['p50']} ms, p99 {rush['answered_to_dial_ms']['p99']} ms | – | "
        f"`{rush['command']}` |",
        f"| due → claimed, {late['per_s']:.0f}/s beside {late['waiting']:,} that wait | p50 "
        f"{claimed['p50']} ms, p99 {claimed['p99']} ms | p50 ≤ 1 ms, p99 ≤ 3 ms | `{late['command']}` |",
        f"| due → dial, the same run | p50 {dialled['p50']} ms, p99 {dialled['p99']} ms | p50 ≤ 4 ms, "
        f"p99 ≤ 15 ms | |",
        f"| last look at the gate → the request leaves | p50 {gap['p50']} µs, p99.9 {gap['p999']} µs | – | |",
        f"| a plan, warm, over {planner['leads']:,} leads in {planner['regions']} regions, each preset | "
        f"{min(plans)} to {max(plans)} µs | ≤ 30 µs | `{planner['command']}` |",
        f"| {planner['replanned']:,} loops planned anew, one core | {planner['replan_s']} s, "
        f"{planner['memory_mib']} MiB with the loops themselves | ≤ 30 s | |",
        f"| a change of settings for {change['loops']:,} loops: in force, shown everywhere | "
        f"{change['moving']['in_force_ms']} ms, {change['moving']['seconds']:.0f} s | ≤ 30 s a million | "
        f"`{change['command']}` |",
        f"| the same for {called['loops']:,} loops that were called before: shown everywhere | "
        f"{called['moving']['s_per_million']:.0f} s a million | ≤ 30 s a million | `{called['command']}` |",
        f"| demo, stepped clock, {demo['leads']:,} leads to the end | {demo['attempts']:,} attempts over "
        f"{demo['simulated_s'] / 86_400:.0f} days in {demo['elapsed_s']:.0f} s | ≤ 5 min | "
        f"`{demo['command']}` |",
        f"| of its {demo['rings']['total']:,} rings: doubled, outside the hours, above a cap | "
        f"{demo['rings']['doubled']}, {demo['rings']['outside_hours']}, {demo['rings']['over_cap']} | "
        f"0, 0, 0 | |",
        "",
        f"Machine: {path['machine']['cores']} shared cores ({path['machine']['cpu']}), "
        f"{path['machine']['memory_gib']} GiB, {path['machine']['system']}, Python "
        f"{path['machine']['python']}; servers, clients and dialers all on it. "
        f"{_dates(demo, path, rows, live, rush, late, planner, change, called)} "
        f"Result files: `bench/results/`.",
        "",
        *http_table(result("http")),
        "",
        *wheel_table(result("wheel")),
        "",
        *peers_table(result("peers")),
        "",
        END,
    ]
    return "\n".join(lines)


def _memory(figures: dict[str, int]) -> str:
    return f"{figures['start']} / {figures['peak']} / {figures['end']}"


def _dates(*results: dict[str, Any]) -> str:
    dates = sorted({one["machine"]["date"] for one in results})
    return f"Taken on {' and '.join(dates)}."
