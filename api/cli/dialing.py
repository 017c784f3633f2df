"""`status`, `pause` and `resume`: the state of a running dialwheel, and its big switch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from api.cli.client import ApiClient, find_dialwheel
from api.cli.exits import OK, TRY_LATER
from api.cli.session import Session, styled
from api.cli.wheel import plain_rows, summary_lines
from scheduler.errors import UsageError

MARKS = {True: ("ok", "32"), False: ("DOWN", "31")}


def show_status(session: Session) -> int:
    """Parts and counts. The exit code says whether all parts are ready."""
    client = find_dialwheel(session)
    ready, parts = client.readiness()
    wheel = client.get("/v1/wheel", lanes=0)
    checks = parts.get("checks", [])
    lines = [f"  {client.url}  {styled('ready', '32') if ready else styled('not ready', '31')}"]
    for check in checks:
        word, code = MARKS[check["ok"]]
        lines.append(f"  {styled(f'{word:<4}', code)}  {check['name']:<10}  {check['detail']}")
    lines += summary_lines(wheel)
    session.answer(
        {"url": client.url, "ready": ready, "checks": checks, "wheel": wheel},
        lines,
        plain=[*((check["name"], check["ok"], check["detail"]) for check in checks), *plain_rows(wheel)],
    )
    return OK if ready and all(check["ok"] for check in checks) else TRY_LATER


def pause_dialing(session: Session, reason: str) -> int:
    """After this has answered, nothing is dialled."""
    if not reason.strip():
        raise UsageError(
            "pause needs a reason; it is shown to everyone.", do='dialwheel pause "carrier outage"'
        )
    account = find_dialwheel(session).post("/v1/account/pause", {"reason": reason})
    session.answer(account, [f"  Paused: {reason}", "  Nothing is dialled now. Go on with: dialwheel resume"])
    return OK


def resume_dialing(session: Session, spread_over_s: int | None) -> int:
    """Calls that became due meanwhile are spread out, live ones first."""
    seconds = session.settings.spread_over_s if spread_over_s is None else spread_over_s
    account = find_dialwheel(session).post("/v1/account/resume", {"spread_over_s": seconds})
    session.answer(account, [f"  Dialing goes on; what was held back is spread over {seconds} s."])
    return OK


def agent_id(client: ApiClient, wanted: str | None) -> str:
    """The id of the agent with that name or id; of the only agent when none is named."""
    from scheduler.errors import NotFound

    agents = list(all_of(client, "/v1/agents"))
    names = ", ".join(f'"{agent["name"]}"' for agent in agents) or "none"
    if wanted is None:
        if len(agents) == 1:
            return agents[0]["id"]
        why = f"there are several: {names}" if agents else "there is none yet"
        raise UsageError("import needs an agent", why, 'name one with --agent "NAME"')
    for agent in agents:
        if wanted in (agent["id"], agent["name"]) or agent["name"].casefold() == wanted.casefold():
            return agent["id"]
    raise NotFound(f'no agent "{wanted}"', f"there are: {names}", 'name one of them with --agent "NAME"')


def all_of(client: ApiClient, path: str) -> Iterator[dict[str, Any]]:
    """Every object of a list, page by page."""
    cursor = None
    while True:
        page = client.get(path, limit=200, cursor=cursor)
        yield from page["data"]
        cursor = page.get("next_cursor")
        if not cursor:
            return
