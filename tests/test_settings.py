"""Settings: where a value comes from, what is refused and why, and what is never shown."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from scheduler.errors import SettingsError
from scheduler.settings import FIELDS, Settings, check_settings, load_settings, redacted


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """The working directory and the home of a person who has set nothing."""
    cwd, home = tmp_path / "work", tmp_path / "home"
    cwd.mkdir()
    (home / ".config" / "dialwheel").mkdir(parents=True)
    return cwd, home


def test_a_stronger_source_wins_and_is_named(places: tuple[Path, Path]) -> None:
    cwd, home = places
    (home / ".config" / "dialwheel" / "config.toml").write_text(
        "seed = 2\nclaim_batch = 20\nhttp_port = 8002\nsweep_s = 2\n"
    )
    (cwd / "dialwheel.toml").write_text("seed = 3\nclaim_batch = 30\nhttp_port = 8003\n")

    settings, origins = load_settings(
        {"seed": 5, "data_dir": None},
        {"DIALWHEEL_SEED": "4", "DIALWHEEL_CLAIM_BATCH": "40", "HOME": "/"},
        cwd,
        home,
    )

    assert (settings.seed, origins["seed"]) == (5, "--seed")
    assert (settings.claim_batch, origins["claim_batch"]) == (40, "DIALWHEEL_CLAIM_BATCH")
    assert (settings.http_port, origins["http_port"]) == (8003, "./dialwheel.toml")
    assert (settings.sweep_s, origins["sweep_s"]) == (2, "~/.config/dialwheel/config.toml")
    assert (settings.shards, origins["shards"]) == (1, "default")
    assert set(origins) == set(FIELDS)


def test_the_data_directory_is_absolute_so_that_a_child_finds_it(places: tuple[Path, Path]) -> None:
    cwd, home = places

    assert load_settings({}, {}, cwd, home)[0].data_path == cwd / ".dialwheel"
    assert load_settings({"data_dir": "/srv/x"}, {}, cwd, home)[0].data_path == Path("/srv/x")


@pytest.mark.parametrize(
    ("environ", "what", "why", "do"),
    [
        ({"DIALWHEEL_HTTP_PORT": "abc"}, "wrong: abc (from DIALWHEEL_HTTP_PORT)", "int", "HTTP_PORT"),
        ({"DIALWHEEL_HTTP_PORT": "99999"}, "http_port is wrong", "<= 65535", "DIALWHEEL_HTTP_PORT"),
        ({"DIALWHEEL_HTTP_PROT": "1"}, "unknown setting http_prot", "DIALWHEEL_HTTP_PROT", "mean http_port?"),
        ({"DIALWHEEL_ZZZZZZ": "1"}, "unknown setting zzzzzz", "DIALWHEEL_ZZZZZZ", "dialwheel config show"),
        ({"DIALWHEEL_LOG_LEVEL": "loud"}, "log_level is wrong: loud", "loud", "DIALWHEEL_LOG_LEVEL"),
        ({"DIALWHEEL_CLOSE_MARGIN_S": "59"}, "close_margin_s is wrong", ">= 60", "DIALWHEEL_CLOSE_MARGIN_S"),
        ({"DIALWHEEL_REDIS_URL": "localhost:6379"}, "redis_url is no address", "redis://", "redis_url"),
    ],
)  # fmt: skip
def test_a_wrong_value_says_what_why_and_what_to_do(
    places: tuple[Path, Path], environ: dict[str, str], what: str, why: str, do: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({}, environ, *places)

    assert what in caught.value.what
    assert why in caught.value.why
    assert do in caught.value.do


def test_a_broken_file_is_named(places: tuple[Path, Path]) -> None:
    cwd, home = places
    (cwd / "dialwheel.toml").write_text("seed = = 1")

    with pytest.raises(SettingsError) as caught:
        load_settings({}, {}, cwd, home)

    assert "./dialwheel.toml cannot be read" in caught.value.what


def test_names_of_the_client_are_not_settings(places: tuple[Path, Path]) -> None:
    environ = {"DIALWHEEL_API_KEY": "dw_test_x", "DIALWHEEL_API_URL": "http://x", "DIALWHEEL_NO_USERNS": "1"}

    assert load_settings({}, environ, *places)[0].http_port == 8080


@pytest.mark.parametrize(
    "change",
    [
        {"unknown_after_s": 12.0},
        {"write_off_s": 20.0},
        {"call_ms": 900_000},
        {"clock_stop_ms": 29_000},
        {"clock_alarm_ms": 1001},
        {"overdue_s": 31.0},
        {"provider_connect_s": 11.0},
        {"feed_s": 3600.0},
        {"import_max_cell": 65_537},
    ],
)
def test_contradictions_that_could_ring_a_phone_twice_are_refused_at_start(change: dict[str, float]) -> None:
    """The inequalities of RELIABILITY 3.7, each just beyond its edge."""
    with pytest.raises(SettingsError) as caught:
        check_settings(msgspec.structs.replace(Settings(), **change))

    assert "contradict" in caught.value.what
    assert next(iter(change)) in caught.value.why


def test_the_defaults_contradict_nothing() -> None:
    check_settings(Settings())


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://app:s3cret@db:5432/x?sslmode=require", "postgresql://app:***@db:5432/x?sslmode=require"),
        ("postgresql://app@db/x?password=s3cret", "postgresql://app@db/x?password=***"),
        ("postgresql://app@db/x?sslmode=require&sslpassword=s3cret", "postgresql://app@db/x?sslmode=require&sslpassword=***"),
        ("redis://:s3cret@cache:6379/0", "redis://:***@cache:6379/0"),
        ("redis://cache:6379", "redis://cache:6379"),
        ("unix:///run/valkey.sock?password=s3cret", "unix:///run/valkey.sock?password=***"),
        ("postgresql://app:s3[c#r/e?t@db/x", "postgresql://app:***@db/x"),
        ("8080", "8080"),
    ],
)  # fmt: skip
def test_passwords_of_addresses_are_never_shown(url: str, shown: str) -> None:
    assert redacted(url) == shown


def test_a_wrong_address_does_not_show_its_password(places: tuple[Path, Path]) -> None:
    for environ in (
        {"DIALWHEEL_POSTGRES_URL": "mysql://a:s3cret@h/x"},
        {"DIALWHEEL_POSTGRES_URL": "//a:s3cret@h"},
    ):
        with pytest.raises(SettingsError) as caught:
            load_settings({}, environ, *places)
        assert "s3cret" not in f"{caught.value.what} {caught.value.why} {caught.value.do}"
