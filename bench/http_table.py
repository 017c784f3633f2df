"""The README's table of the HTTP API under load, made from `bench/results/http.json`."""

from __future__ import annotations

from typing import Any

GOALS = {
    ("enrolment, as fast as it goes", "POST /v1/leads"): "≥ 1,500/s",
    ("enrolment at 500/s", "POST /v1/leads"): "p99 ≤ 30 ms",
    ("bulk, as fast as it goes", "POST /v1/leads/bulk"): "≥ 20,000 rows/s",
    ("provider callbacks, as fast as they go", "POST /v1/providers/webhook/callbacks/{token}"): "≥ 4,000/s",
    ("reading at 100/s", "GET /v1/leads"): "p99 ≤ 20 ms",
    ("reading at 100/s", "GET /v1/leads/{id}/explain"): "≤ 10 ms",
}


def http_table(result: dict[str, Any]) -> list[str]:
    """Its lines, the sentence above it among them."""
    machine = result["machine"]
    lines = [
        f"The HTTP API of one `dialwheel up` under load, {result['leads']:,} leads in the account: "
        f"`{result['command']}`, {result['seconds_each']} s each, Locust and all servers on the same "
        f"{machine['cores']} shared cores ({machine['cpu']}), {machine['date']}.",
        "",
        "| load | request | a second | p50, ms | p99, ms | goal |",
        "|---|---|---|---|---|---|",
    ]
    for name, kind in result["kinds"].items():
        for endpoint, seen in kind["endpoints"].items():
            rate = f"{seen['per_s']:,.0f}"
            if "rows_per_s" in seen:
                rate = f"{seen['rows_per_s']:,} rows"
            lines.append(
                f"| {name} | {endpoint} | {rate} | {seen['p50_ms']:.0f} | {seen['p99_ms']:.0f} | "
                f"{GOALS.get((name, endpoint), '–')} |"
            )
    return lines
