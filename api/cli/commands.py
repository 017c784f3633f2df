"""The commands: options and help. What each does is in a module that is imported when it runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from api.cli.session import Session

Given = Annotated[Session, Parameter(parse=False)]
Switch = Parameter(negative="")
Shell = Callable[..., Any]


def up(*, detach: Annotated[bool, Switch] = False, session: Given) -> int:
    """Run all parts on this machine, with private servers unless real ones are named.

    Parameters
    ----------
    detach
        Go on in the background; stop it with: dialwheel down
    """
    from api.cli.running import detached, foreground

    return detached(session) if detach else foreground(session)


def down(*, erase: Annotated[bool, Switch] = False, session: Given) -> int:
    """Stop what `up` started; the data stays.

    Parameters
    ----------
    erase
        Erase the data too, after asking for the folder's name.
    """
    from api.cli.stopping import stop

    return stop(session, erase=erase)


def status(*, session: Given) -> int:
    """What runs, and what waits on the wheel."""
    from api.cli.dialing import show_status

    return show_status(session)


def doctor(*, session: Given) -> int:
    """Check this machine and its servers, and say what to do about what is wrong."""
    from api.doctor import examine

    return examine(session)


def migrate(*, session: Given) -> int:
    """Bring the ledger's schema up to this version."""
    from api.cli.plumbing import migrate_ledger

    return migrate_ledger(session)


def version(*, session: Given) -> int:
    """The version of dialwheel."""
    from api.cli.plumbing import show_version

    return show_version(session)


def config_show(*, session: Given) -> int:
    """Every setting, its value and where it came from; passwords are hidden."""
    from api.cli.plumbing import show_config

    return show_config(session)


def api(*, session: Given) -> int:
    """Run the HTTP API alone, against real servers."""
    from api.cli.parts import run_part

    return run_part(session, "api")


def scheduler(*, session: Given) -> int:
    """Run the scheduler alone: feeder, sweeper, reaper, replanner."""
    from api.cli.parts import run_part

    return run_part(session, "scheduler")


def dialer(*, session: Given) -> int:
    """Run one dialer alone; any number may run."""
    from api.cli.parts import run_part

    return run_part(session, "dialer")


def sim(*, session: Given) -> int:
    """Run the simulated provider over HTTP. No phone rings."""
    from api.cli.parts import run_part

    return run_part(session, "sim")


def import_file(
    file: Path,
    /,
    *,
    agent: str | None = None,
    batch: str | None = None,
    max_per_min: int | None = None,
    priority: Literal["bulk", "live"] = "bulk",
    consent: str | None = None,
    session: Given,
) -> int:
    """Import leads from a CSV or NDJSON file and enrol them. The same file twice adds nothing.

    Parameters
    ----------
    file
        CSV with a header, or NDJSON; a column for the phone is needed.
    agent
        Who calls: the agent's name or id.
    batch
        Name of the batch; the file's name by default.
    max_per_min
        At most this many calls a minute for the batch.
    priority
        Live leads are called at once, bulk leads at the batch's pace.
    consent
        The basis on which these people may be called, for all rows.
    """
    from api.cli.importing import ImportOrder, import_leads

    return import_leads(session, ImportOrder(file, agent, batch, max_per_min, priority, consent))


def lead_show(who: str, /, *, session: Given) -> int:
    """A lead and everything that happened to it.

    Parameters
    ----------
    who
        An id, an external id, or a phone number.
    """
    from api.cli.leads import show

    return show(session, who)


def lead_why(who: str, /, *, session: Given) -> int:
    """Why the next call is when it is, step by step.

    Parameters
    ----------
    who
        An id, an external id, or a phone number.
    """
    from api.cli.leads import why

    return why(session, who)


def preview(spec: Annotated[str, Parameter(allow_leading_hyphen=True)], /, *, session: Given) -> int:
    """The attempts that one lead would get, each with its reasons. Nothing is called; no server is needed.

    Parameters
    ----------
    spec
        A JSON file with policy, lead and start_at; - is stdin.
    """
    from api.cli.preview import preview_spec

    return preview_spec(session, spec)


def pause(reason: str = "", /, *, session: Given) -> int:
    """Stop all dialing of the account, at once.

    Parameters
    ----------
    reason
        Why; everyone who looks sees it.
    """
    from api.cli.dialing import pause_dialing

    return pause_dialing(session, reason)


def resume(*, spread_over_s: int | None = None, session: Given) -> int:
    """Start dialing again; what was held back is spread out.

    Parameters
    ----------
    spread_over_s
        Seconds over which overdue calls are spread (600).
    """
    from api.cli.dialing import resume_dialing

    return resume_dialing(session, spread_over_s)


def wheel(*, lanes: int = 10, session: Given) -> int:
    """What waits on the wheel and why, what is due when, how dialing goes.

    Parameters
    ----------
    lanes
        How many lanes to show, those with most that is due first; 200 at most.
    """
    from api.cli.wheel import show_wheel

    return show_wheel(session, lanes)


def wheel_rebuild(*, shard: int | None = None, session: Given) -> int:
    """Wipe the wheel and build it anew from the ledger; nothing is lost, nothing is claimed meanwhile.

    Parameters
    ----------
    shard
        Only this one; they are counted from 0.
    """
    from api.cli.wheel_work import rebuild_wheel

    return rebuild_wheel(session, shard)


def wheel_reshard(*, shards: int, session: Given) -> int:
    """Spread the accounts over another number of shards: the wheel is built anew.

    Parameters
    ----------
    shards
        How many there shall be.
    """
    from api.cli.wheel_work import reshard_wheel

    return reshard_wheel(session, shards)


def ledger(*, session: Given) -> int:
    """Whether the ledger has all that was seen of it; if not, what it has forgotten."""
    from api.cli.ledger import show_ledger

    return show_ledger(session)


def ledger_reconcile(*, accept_loss: Annotated[bool, Switch] = False, session: Given) -> int:
    """Put back what a restored ledger has forgotten, and call people again.

    Parameters
    ----------
    accept_loss
        Call at once whom a missing journal may have called; without it they wait for a day.
    """
    from api.cli.ledger import reconcile_ledger

    return reconcile_ledger(session, accept_loss=accept_loss)


def ledger_verify(*, session: Given) -> int:
    """Walk the chains of records, and compare them with the attempts that they prove."""
    from api.cli.records import verify_ledger

    return verify_ledger(session)


def demo(
    *,
    until_done: Annotated[bool, Switch] = False,
    leads: int = 10_000,
    speed: float = 600,
    seed: int | None = None,
    json: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    rings: str | None = None,
    no_browser: Annotated[bool, Switch] = False,
    session: Given,
) -> int:
    """Made-up leads, simulated calls, a fast clock. No phone rings.

    Parameters
    ----------
    until_done
        Step from event to event and end when every loop has ended.
    leads
        How many leads to import.
    speed
        Clock seconds a real second, without --until-done.
    seed
        Same seed, same outcomes.
    json
        Write the summary to this file; - is stdout.
    rings
        Write every ring to this file, one JSON object a line.
    no_browser
        Do not open the dashboard.
    """
    from api.cli.demo import play

    return play(session, until_done=until_done, leads=leads, speed=speed, seed=seed, json=json, rings=rings,
                no_browser=no_browser)  # fmt: skip


def keys_create(
    *,
    scopes: str = "read,leads:write,calls:write,compliance:write,admin",
    live: Annotated[bool, Switch] = False,
    account: int = 1,
    session: Given,
) -> int:
    """Make an API key for the account and print it, once.

    Parameters
    ----------
    scopes
        What it may do, separated by commas.
    live
        A key for real calls; without it the key reaches the simulated provider only.
    account
        Number of the account; the first one by default.
    """
    from api.cli.plumbing import create_api_key

    return create_api_key(session, scopes=scopes, live=live, account=account)


COMMANDS: dict[str, tuple[Shell, str, str]] = {
    "up": (up, "up", "up --detach"),
    "down": (down, "down", "down --erase"),
    "status": (status, "status", "status --json"),
    "doctor": (doctor, "doctor", "doctor --json"),
    "demo": (demo, "demo", "demo --until-done --leads 10000 --json -"),
    "import": (
        import_file,
        'import leads.csv --agent "Solar West" --consent web-form',
        "import leads.csv --agent West --batch november --max-per-min 120",
    ),
    "lead show": (lead_show, "lead show ana@acme", "lead show lead_4k2… --json"),
    "lead why": (lead_why, "lead why ana@acme", "lead why '+1 303 555 0142'"),
    "preview": (preview, "preview five-step.json", "preview - --json < five-step.json"),
    "pause": (pause, 'pause "carrier outage"', 'pause "trying it" --json'),
    "resume": (resume, "resume", "resume --spread-over-s 1200"),
    "wheel": (wheel, "wheel --lanes 50", "wheel rebuild --yes"),
    "wheel rebuild": (wheel_rebuild, "wheel rebuild", "wheel rebuild --shard 0 --yes"),
    "wheel reshard": (wheel_reshard, "wheel reshard --shards 4", "wheel reshard --shards 1 --yes --json"),
    "ledger": (ledger, "ledger", "ledger reconcile"),
    "ledger reconcile": (ledger_reconcile, "ledger reconcile", "ledger reconcile --accept-loss --yes"),
    "ledger verify": (ledger_verify, "ledger verify", "ledger verify --json"),
    "api": (api, "api", "api --data-dir /var/lib/dialwheel"),
    "scheduler": (scheduler, "scheduler", "scheduler --quiet"),
    "dialer": (dialer, "dialer", "dialer --quiet"),
    "sim": (sim, "sim", "sim --quiet"),
    "migrate": (migrate, "migrate", "migrate --json"),
    "config show": (config_show, "config show", "config show --json"),
    "keys create": (keys_create, "keys create", "keys create --scopes read"),
    "version": (version, "version", "version --json"),
}
"""Name, function, and the two examples that its help begins with."""
