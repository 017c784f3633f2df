"""The README's table of peers, from the committed result of `python -m bench peers`."""

from __future__ import annotations

from typing import Any

WORDS = {
    "schedule_per_s": "scheduled a second",
    "bytes_per_job": "bytes a job",
    "drain_per_s": "drained a second",
    "due_to_start_ms.p50": "due → start p50",
    "due_to_start_ms.p99": "due → start p99",
}
STORES = {"valkey": "Valkey", "postgres": "Postgres"}


def peers_table(result: dict[str, Any]) -> list[str]:
    """Lines of the table: those measured first, in the order of the file, then those skipped, and why."""
    peers, machine, servers = result["peers"], result["machine"], result["servers"]
    measured = {name: peer for name, peer in peers.items() if "skipped" not in peer}
    return [
        f"dialwheel's wheel and its peers, one worker process each, on the same servers in the same run: "
        f"`{result['command']}`, {_runs(result['runs'])}. Valkey {servers['valkey']} "
        f"with its append-only file, Postgres {servers['postgres']} with fsync, {machine['cores']} shared "
        f"cores ({machine['cpu']}), {machine['memory_gib']} GiB, {machine['system']}, Python "
        f"{machine['python']}, {machine['date']}.",
        "",
        "| | store | scheduled/s | bytes a job | drained/s | due → start, ms, p50 | p99 | started early |",
        "|---|---|---|---|---|---|---|---|",
        *(_row(name, peer) for name, peer in measured.items()),
        *(f"| {name} | skipped: {peer['skipped']} |" for name, peer in peers.items() if "skipped" in peer),
        "",
        f"{_verdict(result['best_peer'])} {result['note']} Started early: jobs of the stream whose handler "
        f"ran before they were due. Each peer is set as its documentation says it is fastest: the settings "
        f"are in `bench/results/peers.json`, the code in `bench/peers/`; the first run installs the peers "
        f"into `.tools/peers`.",
    ]


def _runs(count: int) -> str:
    return "one run" if count == 1 else f"median (least to most) of {count} runs"


def _row(name: str, peer: dict[str, Any]) -> str:
    late = peer["due_to_start_ms"]
    cells = [
        f"{name} {peer['version']}",
        STORES[peer["store"]],
        _of(peer["schedule_per_s"]),
        _of(peer["bytes_per_job"]),
        _of(peer["drain_per_s"]),
        _of(late["p50"]),
        _of(late["p99"]),
        _of(peer["early"]),
    ]
    return f"| {' | '.join(cells)} |"


def _of(figure: dict[str, float]) -> str:
    least, most = figure["min"], figure["max"]
    around = "" if least == most else f" ({_number(least)} to {_number(most)})"
    return f"{_number(figure['median'])}{around}"


def _number(figure: float) -> str:
    return f"{figure:,}" if isinstance(figure, int) else f"{figure:g}"


def _verdict(best: dict[str, dict[str, Any]]) -> str:
    """Where dialwheel stands against the best peer of each column, said either way."""
    if not best:
        return "Nothing to compare."
    parts = [f"{WORDS[figure]}: {one['times']:g} × ({one['peer']})" for figure, one in best.items()]
    behind = [WORDS[figure] for figure, one in best.items() if one["times"] < 1]
    told = (
        f"dialwheel is behind in: {', '.join(behind)}." if behind else "dialwheel is ahead in every column."
    )
    return f"Against the best peer of each column: {'; '.join(parts)}. {told}"
