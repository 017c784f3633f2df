"""`api`, `scheduler`, `dialer`, `sim`: one part alone, against real servers named by settings."""

from __future__ import annotations

import time
from typing import Literal

from api.cli.ports import choose_ports
from api.cli.service import Part, Ready, interrupt_on_sigterm, save_key, serve, set_process_limits
from api.cli.session import Session
from scheduler.errors import SettingsError

PartName = Literal["api", "scheduler", "dialer", "sim"]

NEEDS: dict[PartName, tuple[str, ...]] = {
    "api": ("postgres_url", "redis_url"),
    "scheduler": ("postgres_url", "redis_url"),
    "dialer": ("postgres_url", "redis_url", "sim_url"),
    "sim": (),
}
WHAT = {
    "postgres_url": ("Postgres", "postgresql://user:password@host/dialwheel"),
    "redis_url": ("Redis", "redis://host:6379"),
    "sim_url": ("provider", "http://host:8090"),
}
PORTS: dict[PartName, tuple[str, ...]] = {
    "api": ("http_port", "metrics_port"),
    "scheduler": ("metrics_port",),
    "dialer": ("metrics_port",),
    "sim": ("sim_port",),
}


def run_part(session: Session, name: PartName) -> int:
    """Run the part until SIGTERM or Ctrl-C. Raises SettingsError where it lacks an address."""
    for setting in NEEDS[name]:
        there = getattr(session.settings, setting)
        if setting == "sim_url":  # one that rings no phone, or your own
            there = there or session.settings.provider_url
        if not there:
            what, example = WHAT[setting]
            raise SettingsError(
                f"dialwheel {name} needs the address of a {what}",
                f"{setting} is not set; only `dialwheel up` brings servers of its own",
                f"set DIALWHEEL_{setting.upper()}={example}",
            )
    from api.embedded.stack import make_data_dir
    from scheduler.logs import set_up_logs

    set_up_logs(session.settings.log_level, session.settings.log_format)
    began_s = time.monotonic()
    settings = choose_ports(session, session.settings, *PORTS[name])
    interrupt_on_sigterm()
    set_process_limits()

    def on_ready(ready: Ready) -> None:
        if ready.key:
            make_data_dir(session.settings.data_path)
            save_key(session.settings.data_path, ready.key)
            session.say(f"  API key saved in {session.settings.data_path / 'key'} (mode 600)")
        for part, state, detail in ready.lines:
            session.say(f"  {part:<10}  {state:<7}  {detail}")
        session.say(f"  {name} is ready in {time.monotonic() - began_s:.1f} s")

    return serve(_assembled(name), settings, on_ready)


def _assembled(name: PartName) -> Part:
    from api import assembly

    return {
        "api": assembly.run_api,
        "scheduler": assembly.run_scheduler,
        "dialer": assembly.run_dialer,
        "sim": assembly.run_sim,
    }[name]
