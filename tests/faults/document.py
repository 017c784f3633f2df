"""The figures of docs/reliability.md, made from committed result files: `python -m tests.faults document`.

A test holds the page to the files, so that nothing is published that no run gave.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from bench.readme import result
from tests.faults.results import read, report

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
RACES = ROOT / "tests" / "races" / "results"
TEETH = ROOT / "tests" / "teeth" / "results.json"
SIMULATED = ROOT / "tests" / "simulation" / "results.json"
BEGIN, END = "<!-- figures: python -m tests.faults document -->", "<!-- end of figures -->"

RACED = {
    "opt-out": "opt-outs answered while a dial was due within 50 ms",
    "pause": "pauses",
    "settings": "changes of settings",
    "cancel": "cancels of a batch",
    "window-end": "closing times",
}


def renewed(page: str) -> str:
    """The page with the figures of the files as they are now."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{figures()}{after}"


def figures() -> str:
    """The tables between the two marks, marks included."""
    parts = (_faults(), _races(), _measured(), _simulation(), _teeth())
    return "\n".join([BEGIN, "", *(line for part in parts for line in (*part, "")), END])


def _faults() -> list[str]:
    lines = read()
    if not lines:
        return ["The long tier of the fault suite has not been run yet."]
    told = report(lines)
    hours = told["elapsed_s"] / 3600
    recovery = told["recovery_s"]
    rows = [
        f"**Faults.** {told['trials_in_all']:,} trials that met their window, {told['dials']:,} dials, "
        f"{hours:.1f} hours of trials (several side by side): **{len(told['violations'])} violations**"
        + (
            f", so below {told['bound_95']:.2%} of trials with 95 % confidence. "
            if told["bound_95"]
            else ". "
        )
        + f"From the end of the faults until everything was at rest: {recovery['p50']} s in the median, "
        f"{recovery['p99']} s in 99 of 100, {recovery['max']} s at most, with leases of 0.8 s.",
        "",
        "| fault | trials |",
        "|---|---|",
    ]
    rows += [f"| {kind} | {count:,} |" for kind, count in told["by_kind"].items()]
    machines, dates, commits = (", ".join(told[name]) for name in ("machines", "dates", "commits"))
    rows += ["", f"Machine: {machines}. Dates: {dates}. Commits: {commits}."]
    rows += ['Command: `make faults ARGS="--tier long"`.']
    return rows


def _races() -> list[str]:
    rows = [
        "**Races.** Dials after the answer, in so many races of which so many overlapped; how long it took.",
        "",
        "| race | races | overlapped | dialled after the answer | below, 95 % | answer p50 / p99, ms |",
        "|---|---|---|---|---|---|",
    ]
    first: dict[str, Any] = {}
    for kind, name in RACED.items():
        told = msgspec.json.decode((RACES / f"{kind}.json").read_bytes())
        first = first or told
        ack = told["ack_ms"]
        answer = f"{ack['p50']} / {ack['p99']}" if ack else "–"
        rows.append(
            f"| {name} | {told['races']:,} | {told['overlapped']:,} | {len(told['violations'])} | "
            f"{told['bound_95']:.3%} | {answer} |"
        )
    where = f"{first['cpu']}, {first['cores']} cores, {first['date']}"
    return [*rows, "", f"Permits of {first['permit_s']} s; {where}. Command: `make races`."]


def _measured() -> list[str]:
    late, wheel, live = result("lateness"), result("wheel"), result("live")
    gap, due, answered = late["gate_to_send_us"], late["due_to_dial_ms"], live["answered_to_dial_ms"]
    rows = [
        ("last look at the gate → the request leaves", f"p50 {gap['p50']} µs, p99.9 {gap['p999']} µs", late),
        (
            f"due → dial, {late['per_s']:.0f}/s beside {late['waiting']:,} that wait",
            f"p50 {due['p50']} ms, p99 {due['p99']} ms, {due['max']} ms at most; dialled twice: "
            f"{late['dialled_twice']}, early: {late['early']}",
            late,
        ),
        (
            f"live lead, answered → dial, beside {live['backlog']:,} of bulk",
            f"p50 {answered['p50']} ms, p99 {answered['p99']} ms",
            live,
        ),
        (
            "a million that wait, placed anew from the ledger after the wheel is lost",
            f"{wheel['rebuild_s_per_million']['median']} s",
            wheel,
        ),
        (
            "bulk at 200 and at 2,000 a second: the most in any second over the rate",
            " and ".join(str(wheel["bulk_sliding_max"][per_s]["median"]) for per_s in ("200", "2000")),
            wheel,
        ),
    ]
    return [
        "**Measured** by the benches, on the same two shared cores as all else here.",
        "",
        "| what | figure | taken | command |",
        "|---|---|---|---|",
        *(
            f"| {what} | {figure} | {of['machine']['date']} | `{of['command']}` |"
            for what, figure, of in rows
        ),
    ]


def _simulation() -> list[str]:
    told = msgspec.json.decode(SIMULATED.read_bytes())
    seeds = told["seeds"]
    return [
        "**Simulation.** Whole processes in virtual time, over models of the stores that are compared with "
        f"real ones; each seed is a world with its own faults. {seeds:,} seeds, {told['dials']:,} dials, "
        f"{told['simulated_hours']:,.0f} simulated hours: {len(told['violations'])} violations"
        + ("" if told["violations"] else f", so below {3 / seeds:.3%} of seeds with 95 % confidence")
        + f", and each of {len(told['sometimes'])} things that must happen sometimes did. "
        f"{told['cpu']}, {told['cores']} cores, {told['date']}, commit {told['commit']}. "
        f"Command: `python -m tests.simulation --seeds {seeds}`."
    ]


def _teeth() -> list[str]:
    told = msgspec.json.decode(TEETH.read_bytes())
    return [
        f"**Teeth.** {told['guards']} guards were taken out, each in its turn; the tests noticed "
        f"{told['caught']}. Command: `make teeth`."
    ]
