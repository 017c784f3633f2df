"""Every limit and address of dialwheel: its default, its reason, and where the value in force came from.

Order of precedence: flags, `DIALWHEEL_*`, `./dialwheel.toml`, `~/.config/dialwheel/config.toml`, defaults.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta

from scheduler.errors import SettingsError

Port = Annotated[int, Meta(ge=0, le=65535)]
Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]
Millis = Annotated[int, Meta(ge=1)]

PREFIX = "DIALWHEEL_"
NOT_SETTINGS = frozenset({"DIALWHEEL_API_URL", "DIALWHEEL_API_KEY", "DIALWHEEL_NO_USERNS"})
"""Names in the environment that belong to the command line's client and to the embedded servers."""

PASSWORD = re.compile(r"(://[^:/@]*):.*@")
SECRET_PARAMETER = re.compile(r"([?&][^=&]*(?:pass|secret|token)[^=&]*=)[^&]*", re.IGNORECASE)
SCHEMES = {
    "postgres_url": ("postgresql://", "postgres://"),
    "redis_url": ("redis://", "rediss://", "unix://"),
    "sim_url": ("http://", "https://"),
    "provider_url": ("http://", "https://"),
    "public_url": ("http://", "https://"),
}


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings. `_s` are seconds, `_ms` milliseconds; port 0 means a free port."""

    # where things are
    data_dir: str = (
        ".dialwheel"  # private servers, key and run file; beside the work, so easy to find and erase
    )
    postgres_url: str = ""  # empty: a private server under data_dir
    redis_url: str = ""  # empty: a private Valkey; of a cluster: redis://host:port,host:port?cluster=true
    http_host: str = "127.0.0.1"  # nothing is open to the network unless asked for
    http_port: Port = 8080
    metrics_port: Port = 9464  # always on loopback: metrics need no key
    sim_url: str = ""  # empty: the simulated provider is called inside the process
    provider_url: str = ""  # of your own dialer or agent, which gets the calls of live accounts; empty: none
    provider_secret: str = ""  # whsec_… that signs both ways; two with a comma while one replaces the other
    provider_connections: Annotated[int, Meta(ge=1, le=1000)] = (
        100  # requests to it at once: 500 calls/s where it answers in 0.2 s; what waits 2 s is given back
    )
    public_url: str = ""  # where the provider reaches the API with its reports; empty: host and port above
    sim_host: str = "127.0.0.1"
    sim_port: Port = 8090
    postgres_connections: Annotated[int, Meta(ge=2, le=200)] = 12  # a process; the private server takes 60
    postgres_connect_s: Seconds = 3.0  # a server that is there answers in milliseconds
    postgres_wait_s: Seconds = 5.0  # for a free connection; then the caller is told to come again
    postgres_statement_s: Seconds = 15.0  # the longest is a chunk of a file on a slow disk: 2 s
    postgres_idle_s: Annotated[float, Meta(ge=1)] = 10.0  # of a frozen process: its locks hold up the others
    redis_answer_s: Seconds = 5.0  # the longest script takes 10 ms; a server that is loading takes seconds

    # the wheel
    shards: Annotated[int, Meta(ge=1, le=1024)] = 1  # an account lives on one; `wheel reshard` changes it
    slot_ms: Annotated[int, Meta(ge=1000, le=3_600_000)] = (
        60_000  # narrower slots cost 98 bytes a sparse attempt
    )
    horizon_s: Annotated[int, Meta(ge=60)] = 3600  # memory and rebuild time follow it
    stock_horizons: Annotated[float, Meta(ge=0.5, le=10)] = (
        1.2  # a paced batch's share of the wheel: what a horizon needs, and a feeder's lateness
    )
    bulk_floor: Annotated[float, Meta(ge=0, le=0.5)] = 0.1  # share of a minute that live work cannot take
    call_ms: Millis = 3_600_000  # hard end of a call slot whose end was never reported
    wheel_memory_share: Annotated[float, Meta(gt=0, le=0.85)] = (
        0.7  # of maxmemory: from here on less is put on the wheel; the rest is for a burst until that shows
    )

    # dialing
    lease_ms: Millis = 30_000  # how long a claim outlives its dialer; one that runs out early is only wasted
    permit_s: Seconds = 2.0  # W: the longest from before the arm to the bytes leaving
    wall_slack_ms: Millis = 250  # wall time may drift from a permit's life so much: NTP slews less
    wall_step_ms: Millis = 1000  # a step of wall time beyond this voids permits: the machine was paused
    clock_probe_s: Seconds = 5  # our clock against those of the servers
    clock_alarm_ms: Millis = 250  # clocks further apart than NTP leaves them
    clock_stop_ms: Millis = 1000  # beyond it nothing is armed: hours and leases are judged by these clocks
    close_margin_s: Annotated[float, Meta(ge=60)] = 60  # a permit ends this long before the hours do
    claim_batch: Annotated[int, Meta(ge=1, le=500)] = 100  # 1.3 ms of script at 100; larger ones block others
    claim_ahead_ms: Annotated[int, Meta(ge=0, le=5000)] = 250  # held on local timers, to be on time
    claims_held: Annotated[int, Meta(ge=1, le=500)] = 500  # a shard; what a dead dialer delays by its leases
    dial_lines: Count = 2  # groups being armed and sent, a shard: one arms while the other sends
    line_failures: Count = 20  # unforeseen errors in a row that end a dialer: 10 s, so a restart is no storm
    provider_connect_s: Seconds = 3.0
    provider_total_s: Seconds = 10.0
    unknown_after_s: Seconds = 20  # armed and unheard of: permit and provider's time are surely over
    write_off_s: Seconds = 900  # longer than any ring with its callback's retries
    breaker_failures: Annotated[int, Meta(ge=0)] = (
        20  # of a trunk's calls, and half of them, shut it: by chance that is rare; 0: never
    )
    breaker_window_s: Seconds = 60  # in which they are counted
    breaker_probe_s: Seconds = 30  # one call in so long tries whether it is mended
    caller_id_daily_cap: Count = 100  # calls under one number a day; more of them make it look like spam
    throttle_burst_s: Annotated[float, Meta(ge=0)] = 0.05  # caught up at once; above 0.1 seconds get uneven
    spool_max_mb: Annotated[int, Meta(ge=1, le=100_000)] = (
        64  # a dialer's, or an API's of what is posted: 250,000 events, 10 min at 400 a second
    )
    spool_wait_s: Seconds = 3600  # write-offs wait so long for a dead process's spool: as call slots do
    journal_max_mb: Annotated[int, Meta(ge=0, le=1_000_000)] = (
        1000  # 20 million calls; 0: none, where Postgres never forgets, as with a synchronous standby
    )
    journal_keep_h: Annotated[int, Meta(ge=1, le=8760)] = 48  # older than any backup that is put back
    journal_hold_s: Annotated[int, Meta(ge=0)] = (
        86_400  # who may have been called unheard of waits so long: a day's frequency caps hold then
    )
    failover_safe: bool = False  # true: commits wait for the standby, so one that is promoted is the ledger
    group_commit_ms: Annotated[float, Meta(ge=0, le=100)] = 3  # provider events wait for company
    spread_over_s: Annotated[int, Meta(ge=0)] = 600  # what a pause held back starts again this evenly
    signal_pause_s: Annotated[int, Meta(ge=0, le=31_536_000)] = (
        172_800  # a person of ours answers a sign of life within two days, or the schedule goes on
    )
    batch_spread_s: Annotated[int, Meta(ge=0, le=604_800)] = (
        14_400  # open time for a batch without a pace: half a day, so who is not reached is tried again on it
    )

    # services
    sweep_s: Seconds = 5  # ledger against wheel: what is overdue
    overdue_s: Seconds = 60  # later than this is missing from the wheel, not busy; no claim is as old
    reap_s: Seconds = 5
    feed_s: Seconds = 300  # well within the horizon
    quantum_s: Seconds = 15  # a step of the stepped clock
    sim_clock: bool = False  # `up` on a clock that people move: never where phones ring
    waiting_digest_hour: Annotated[int, Meta(ge=0, le=23)] = 8  # by the account's clock: who waits is told
    news_s: Seconds = 0.25  # between looks at what is to be told as events; 0.1 ms each at rest
    webhook_s: Seconds = 0.5  # between looks at what webhooks are to be sent; 0.2 ms each at rest
    webhook_allow_private: bool = False  # true: webhooks to any address, over http too: closed networks only
    webhook_key_file: str = ""  # a key a line, sealing webhooks' secrets; empty: the ledger keeps the key too
    webhooks_kept: Count = 20  # an account; each takes its share of the sending
    news_kept_days: Annotated[float, Meta(gt=0, le=365)] = 7  # events can be read so long: over a weekend off
    records_s: Seconds = 2  # between looks at whose attempts are over; 0.2 ms each at rest
    export_kept_h: Annotated[float, Meta(gt=0, le=8760)] = 72  # time to fetch it; it holds personal data
    exports_kept: Count = 20  # an account; each may be as large as its data
    jobs_at_once: Count = 2  # a process: a long one does not hold up the short ones behind it
    job_lease_s: Annotated[float, Meta(ge=5)] = (
        60  # how long a job outlives its process; a piece takes seconds
    )

    impact_loops: Annotated[int, Meta(ge=100, le=1_000_000)] = (
        20_000  # planned anew to tell what a change would do: half a second; of more loops a sample
    )
    closures_kept: Count = 1000  # an account; each is looked at for every place
    no_call_days_kept: Count = 1000  # the same

    # what comes in
    http_idle_s: Seconds = 75  # a connection that asks or reads nothing; longer than proxies wait, 60 s
    http_connections: Count = 4000  # a process; of more the oldest idle one goes. One takes 8 KB
    rate_limit_per_min: Annotated[int, Meta(ge=0)] = 6000  # requests of a key; 0: none. Files are one request
    rate_limit_address_per_min: Annotated[int, Meta(ge=0)] = 12_000  # of an address: several keys; 0: none
    body_max: Annotated[int, Meta(ge=1024)] = 1_048_576  # bytes of a JSON body
    import_max_cell: Annotated[int, Meta(ge=64)] = 8192  # bytes; variables of a lead may have as many
    import_max_line: Annotated[int, Meta(ge=1024)] = 65_536  # bytes; an open quote swallows no more
    import_max_fields: Annotated[int, Meta(ge=1, le=10_000)] = 200
    import_batch_rows: Annotated[int, Meta(ge=1, le=50_000)] = 5000  # rows a transaction
    import_workers: Annotated[int, Meta(ge=0, le=64)] = 1  # processes beside the API; 0 works inside it
    import_silence_s: Seconds = 600  # a sender that sends nothing for so long is gone, or whoever received it
    import_part_max: Annotated[int, Meta(ge=1024, le=67_108_864)] = 8_388_608  # bytes; it is held in memory
    import_parts: Annotated[int, Meta(ge=1, le=100_000)] = 10_000  # of a file: 80 GB
    import_parts_h: Annotated[int, Meta(ge=1, le=720)] = 24  # parts that nobody completes are kept so long
    import_errors_shown: Annotated[int, Meta(ge=0, le=10_000)] = 100  # of a rehearsal; live lines have all
    imports_at_once: Count = 4  # files; each has two chunks of rows in the ledger's hands
    imports_per_account: Count = 3  # of those: no account keeps the others out
    import_least_bytes_per_s: Annotated[int, Meta(ge=0)] = 10  # a lead in ten seconds; slower ones are posted
    streams_per_account: Count = 200  # open dashboards of one account, in a process
    streams_at_once: Count = 1000  # in a process: each holds a connection and up to a megabyte
    intake_queue: Count = 200  # requests that bring leads, under way in a process: a second of a slow ledger
    ledger_disk: str = ""  # a folder on the disk that the ledger fills, where this machine sees it
    import_disk_share: Annotated[float, Meta(gt=0, le=1)] = 0.85  # imports stop here, dialing much later
    import_disk_gb: Annotated[float, Meta(ge=0)] = 10  # and only where less than this is free, on big disks

    # the rest
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "text"] = "auto"  # text on a terminal, JSON elsewhere
    seed: int = 1  # of every jitter and of the simulated provider

    @property
    def data_path(self) -> Path:
        return Path(self.data_dir)


FIELDS: dict[str, Any] = get_type_hints(Settings, include_extras=True)


def load_settings(
    flags: Mapping[str, Any], environ: Mapping[str, str], cwd: Path, home: Path
) -> tuple[Settings, dict[str, str]]:
    """The settings in force, `data_dir` made absolute, and for each name where its value came from.

    Raises SettingsError, naming the value's place, for an unknown name, a wrong value or a contradiction.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name, value, origin in _all_values(flags, environ, cwd, home):
        if name not in FIELDS:
            raise _unknown(name, origin)
        values[name] = _converted(name, value, origin)
        origins[name] = origin
    settings = Settings(**values)
    settings = msgspec.structs.replace(settings, data_dir=str((cwd / settings.data_dir).absolute()))
    origins = {name: origins.get(name, "default") for name in FIELDS}
    check_settings(settings, origins)
    return settings, origins


def check_settings(settings: Settings, origins: Mapping[str, str] | None = None) -> None:
    """Raise SettingsError where two settings contradict each other.

    Each line is a condition of never dialing twice, or of losing nothing: nothing is called unknown while it
    may still be sent, nothing is written off before it is called unknown, a call slot outlives whatever is
    not written off, and hours end later than clocks that are allowed to differ may take a call.
    """
    s = settings
    rules = (
        (
            s.permit_s + s.provider_total_s < s.unknown_after_s,
            ("permit_s", "provider_total_s", "unknown_after_s"),
            "permit_s + provider_total_s must be below unknown_after_s",
        ),
        (
            s.unknown_after_s < s.write_off_s,
            ("unknown_after_s", "write_off_s"),
            "unknown_after_s must be below write_off_s",
        ),
        (
            s.provider_connect_s <= s.provider_total_s,
            ("provider_connect_s", "provider_total_s"),
            "provider_connect_s must not exceed provider_total_s",
        ),
        (
            2 * s.claim_ahead_ms < s.lease_ms,
            ("claim_ahead_ms", "lease_ms"),
            "claim_ahead_ms must be below half of lease_ms",
        ),
        (
            s.permit_s + 2 * s.clock_stop_ms / 1000 < s.close_margin_s,
            ("permit_s", "clock_stop_ms", "close_margin_s"),
            "permit_s and twice clock_stop_ms must be below close_margin_s",
        ),
        (
            s.lease_ms + s.clock_stop_ms < s.overdue_s * 1000,
            ("lease_ms", "clock_stop_ms", "overdue_s"),
            "overdue_s must be above lease_ms and clock_stop_ms together",
        ),
        (
            s.clock_alarm_ms <= s.clock_stop_ms,
            ("clock_alarm_ms", "clock_stop_ms"),
            "clock_alarm_ms must not exceed clock_stop_ms",
        ),
        (
            s.write_off_s * 1000 < s.call_ms,
            ("write_off_s", "call_ms"),
            "write_off_s must be below call_ms",
        ),
        (s.feed_s < s.horizon_s, ("feed_s", "horizon_s"), "feed_s must be below horizon_s"),
        (not (s.sim_clock and s.provider_url), ("sim_clock",),
         "sim_clock is for the simulator: the one at provider_url lives in real time"),
        (s.import_max_cell <= s.import_max_line, ("import_max_cell", "import_max_line"),
         "import_max_cell must not exceed import_max_line"),
    )  # fmt: skip
    for name, schemes in SCHEMES.items():
        if (url := getattr(s, name)) and not url.startswith(schemes):
            raise SettingsError(
                f"{name} is no address that can be used (from {(origins or {}).get(name, 'given')})",
                f"it must begin with {' or '.join(schemes)}",
                f"correct {name}",
            )
    for holds, names, rule in rules:
        if not holds:
            said = ", ".join(
                f"{name}={getattr(s, name):g} ({(origins or {}).get(name, 'given')})" for name in names
            )
            raise SettingsError(
                "two settings contradict each other",
                f"{rule}; now {said}",
                f"change one of {', '.join(names)}",
            )


def redacted(value: Any, name: str = "") -> str:
    """The value as text; of an address every password is hidden, rather too much than too little, and of a
    setting that is a secret all of it."""
    text = str(value)
    if name.endswith("_secret"):
        return "***" if text else ""
    if "://" not in text:
        return text
    return SECRET_PARAMETER.sub(r"\1***", PASSWORD.sub(r"\1:***@", text))


def _all_values(
    flags: Mapping[str, Any], environ: Mapping[str, str], cwd: Path, home: Path
) -> Iterator[tuple[str, Any, str]]:
    """Every given value, weakest source first."""
    for path, shown in (
        (home / ".config" / "dialwheel" / "config.toml", "~/.config/dialwheel/config.toml"),
        (cwd / "dialwheel.toml", "./dialwheel.toml"),
    ):
        for name, value in _read_toml(path, shown).items():
            yield name, value, shown
    for variable in sorted(environ):
        if variable.startswith(PREFIX) and variable not in NOT_SETTINGS:
            yield variable.removeprefix(PREFIX).lower(), environ[variable], variable
    for name, value in flags.items():
        if value is not None:
            yield name, value, f"--{name.replace('_', '-')}"


def _read_toml(path: Path, shown: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingsError(f"{shown} cannot be read", str(error), "mend or remove that file") from error


def _unknown(name: str, origin: str) -> SettingsError:
    near = get_close_matches(name, FIELDS, n=1)
    hint = f"did you mean {near[0]}?" if near else "see the names with: dialwheel config show"
    return SettingsError(f"unknown setting {name}", f"it is set in {origin}", hint)


def _converted(name: str, value: Any, origin: str) -> Any:
    try:
        return msgspec.convert(value, FIELDS[name], strict=False)
    except msgspec.ValidationError as error:
        shown = redacted(value, name) if not name.endswith("_url") else "its value"
        raise SettingsError(
            f"setting {name} is wrong: {shown} (from {origin})",
            str(error),
            f"give {name} another value in {origin}",
        ) from error
