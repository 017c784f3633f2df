"""The key's own account: its settings and its open hours."""

from __future__ import annotations

from typing import Any

import msgspec

from api import views_settings as views
from api.editing import Edit, given
from api.preconditions import require_match, tagged
from api.problems import invalid
from api.reaching import Changed, Reached, extended, reach
from api.routing import Call, Reply, route
from api.schemas_account import Account, AccountChange, AccountChanged
from api.schemas_impact import ChangeQuery
from api.schemas_windows import Windows, WindowsChanged
from api.weeks import read_week
from scheduler.domain.zones import find_zone
from scheduler.errors import UnknownZone
from scheduler.ledger import dialing_settings, reads

MOVING = {"timezone", "windows", "live_after_hours", "strict", "frequency_caps", "jitter_max_s"}
"""Settings that decide when calls are."""

LIMITS = {"max_concurrent", "max_dials_per_s"}
"""Settings that the wheel's gate of the account holds."""


@route("GET", "/v1/account", scope="read")
async def show_account(call: Call) -> Reply[Account]:
    """The account of the key."""
    return Reply(views.account(await reads.account(call.deps.flow.database, call.account_id), call.ids))


@route("PATCH", "/v1/account", scope="admin", if_match=True)
async def change_account(call: Call, query: ChangeQuery, body: AccountChange) -> Reply[AccountChanged]:
    """Change settings; what is left out stays. In force once this is answered, some two seconds later."""
    said = given(body)
    if "timezone" in said:
        said["timezone"] = read_zone(said["timezone"], "/timezone")
    if "windows" in said:
        said["windows"] = read_week(said["windows"], "/windows")
    if "frequency_caps" in said:
        said["frequency_caps"] = msgspec.to_builtins(said["frequency_caps"])
    reached = await _change(call, said, dry_run=query.dry_run)
    shown = extended(AccountChanged, reached)
    return Reply(shown, headers=tagged(reached.shown))


@route("GET", "/v1/account/windows", scope="read")
async def show_windows(call: Call) -> Reply[Windows]:
    """The open hours of all agents that have none of their own."""
    row = await reads.account(call.deps.flow.database, call.account_id)
    return Reply(views.account(row, call.ids).windows)


@route("PUT", "/v1/account/windows", scope="calls:write", if_match=True)
async def set_windows(call: Call, query: ChangeQuery, body: Windows) -> Reply[WindowsChanged]:
    """The whole week anew, for all agents that have none of their own. In force once this is answered, some
    two seconds later."""
    week = read_week(body, "")
    reached = await _change(call, {"windows": week}, dry_run=query.dry_run, match_windows=True)
    windows = Reached(reached.shown.windows, reached.impact, reached.job)
    return Reply(extended(WindowsChanged, windows), headers=tagged(windows.shown))


async def _change(
    call: Call, said: dict[str, Any], *, dry_run: bool, match_windows: bool = False
) -> Reached[Account]:
    """`match_windows`: `If-Match` names the open hours alone."""
    database, changed_limits = call.deps.flow.database, False

    async def change(edit: Edit) -> Changed[Account]:
        nonlocal changed_limits
        before = views.account(
            await dialing_settings.lock_account(database, edit.on, call.account_id), call.ids
        )
        require_match(call.request, before.windows if match_windows else before)
        was = msgspec.to_builtins(before)
        changes = {name: value for name, value in said.items() if was[name] != value}
        if not changes:
            return Changed(before)
        changed_limits = bool(LIMITS & changes.keys())
        await dialing_settings.change_account(database, edit.on, call.account_id, changes, edit.now_ms)
        await edit.tell(
            "account_changed", f"account:{call.account_id}", {name: was[name] for name in changes}, changes
        )
        row = await dialing_settings.lock_account(database, edit.on, call.account_id)
        moves = MOVING & changes.keys()
        return Changed(views.account(row, call.ids), None if moves else (), waits=changed_limits)

    async def shape(edit: Edit) -> None:
        if changed_limits:
            await call.deps.flow.lanes.shape_account(call.account_id, edit.now_ms)

    return await reach(call, change, dry_run=dry_run, shape=shape)


def read_zone(said: str, pointer: str) -> str:
    """The zone as the database spells it. Raises Problem 422."""
    try:
        return find_zone(said)
    except UnknownZone as error:
        raise invalid(pointer, "timezone-unknown", f"{error.what}: {error.why}", hint=error.do) from None


ROUTES = (show_account, change_account, show_windows, set_windows)
