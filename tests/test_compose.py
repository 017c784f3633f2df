"""docker-compose.yml, checked without an engine: names, conditions, health tests, commands and settings.

Source of the key names and forms: the Compose specification's schema (compose-spec.json).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.cli.app import make_app
from scheduler.settings import Settings, load_settings

ROOT = Path(__file__).resolve().parent.parent
TOP_LEVEL = {"name", "include", "services", "models", "networks", "volumes", "secrets", "configs"}
SERVICE = {
    "annotations",
    "attach",
    "build",
    "cap_add",
    "cap_drop",
    "cgroup",
    "command",
    "configs",
    "container_name",
    "cpus",
    "depends_on",
    "deploy",
    "develop",
    "devices",
    "dns",
    "entrypoint",
    "env_file",
    "environment",
    "expose",
    "extra_hosts",
    "group_add",
    "healthcheck",
    "hostname",
    "image",
    "init",
    "ipc",
    "labels",
    "logging",
    "mem_limit",
    "network_mode",
    "networks",
    "pid",
    "pids_limit",
    "platform",
    "ports",
    "profiles",
    "pull_policy",
    "read_only",
    "restart",
    "scale",
    "secrets",
    "security_opt",
    "shm_size",
    "stop_grace_period",
    "stop_signal",
    "sysctls",
    "tmpfs",
    "tty",
    "ulimits",
    "user",
    "volumes",
    "working_dir",
}
HEALTHCHECK = {"disable", "interval", "retries", "test", "timeout", "start_period", "start_interval"}
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}
DURATION = re.compile(r"^(\d+(\.\d+)?(us|ms|s|m|h))+$")
PORT = re.compile(r"^127\.0\.0\.1:\d{1,5}:\d{1,5}(/(tcp|udp))?$")
TAGGED = re.compile(r"^[a-z0-9./-]+:[A-Za-z0-9_][\w.-]*$")

FILE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
OURS = sorted(name for name, service in SERVICES.items() if "build" in service)
each_service = pytest.mark.parametrize("name", sorted(SERVICES))
each_of_ours = pytest.mark.parametrize("name", OURS)


def dockerfile(instruction: str) -> list[str]:
    lines = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    return [line.split(None, 1)[1] for line in lines if line.split(None, 1)[:1] == [instruction]]


def test_the_parts_of_the_design_are_there() -> None:
    assert set(SERVICES) >= {"postgres", "redis", "api", "scheduler", "dialer", "sim"}
    assert SERVICES["dialer"]["deploy"]["replicas"] == 2
    assert "container_name" not in SERVICES["dialer"], "a fixed name allows one container only"
    assert "ports" not in SERVICES["dialer"], "two replicas cannot publish one port"


def test_top_level_keys_are_known() -> None:
    assert {key for key in FILE if not key.startswith("x-")} <= TOP_LEVEL


@each_service
def test_a_service_has_known_keys_and_an_image_that_is_pinned(name: str) -> None:
    service = SERVICES[name]

    assert {key for key in service if not key.startswith("x-")} <= SERVICE
    assert "image" in service or "build" in service
    if "image" in service:
        assert TAGGED.match(service["image"])
        assert not service["image"].endswith(":latest")


@each_service
def test_a_port_is_published_to_this_machine_only(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert isinstance(port, str), "unquoted ports may be read as numbers to the base of sixty"
        assert PORT.match(port)


@each_service
def test_a_health_test_is_a_command_with_limits(name: str) -> None:
    health = SERVICES[name].get("healthcheck")
    if health is None:
        assert name == "migrate", "only what ends by itself needs no health test"
        return

    assert set(health) <= HEALTHCHECK
    assert health["test"][0] in ("CMD", "CMD-SHELL")
    assert len(health["test"]) > 1
    assert all(isinstance(word, str) for word in health["test"])
    assert health["retries"] > 0
    for limit in ("interval", "timeout", "start_period"):
        assert limit not in health or DURATION.match(health[limit])


@each_service
def test_a_dependency_exists_and_can_fulfil_its_condition(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        assert other in SERVICES
        assert how["condition"] in CONDITIONS
        if how["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        if how["condition"] == "service_completed_successfully":
            assert SERVICES[other]["restart"] == "no", "what restarts never completes"


def test_nothing_waits_for_itself_by_way_of_others() -> None:
    waits = {name: set(service.get("depends_on", {})) for name, service in SERVICES.items()}
    started: set[str] = set()
    while len(started) < len(waits):
        ready = {name for name, others in waits.items() if name not in started and others <= started}
        assert ready, f"a circle among {sorted(set(waits) - started)}"
        started |= ready
    assert "api" not in waits["scheduler"], "the API is ready only after the scheduler has opened the wheel"


@each_service
def test_volumes_and_networks_are_declared(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        source, colon, _ = volume.partition(":")
        assert not colon or source.startswith((".", "/")) or source in FILE["volumes"]
    assert set(SERVICES[name].get("networks", [])) <= set(FILE["networks"])


def test_stores_without_a_password_cannot_be_reached_from_outside() -> None:
    assert FILE["networks"]["stores"]["internal"] is True
    for store in ("postgres", "redis"):
        assert "ports" not in SERVICES[store]
        assert SERVICES[store]["networks"] == ["stores"]


@each_of_ours
def test_its_command_is_one_of_ours(name: str) -> None:
    """The command line's own parser judges it; a word it does not know raises."""
    command = SERVICES[name]["command"]

    function, _, _ = make_app().parse_args(command, print_error=False, exit_on_error=False)

    assert function.__name__ == name
    assert dockerfile("ENTRYPOINT") == ['["dialwheel"]']


@each_of_ours
def test_its_environment_holds_settings_that_are_accepted(name: str) -> None:
    environ = {key: str(value) for key, value in SERVICES[name].get("environment", {}).items()}
    fixed = dict(pair.split("=", 1) for line in dockerfile("ENV") for pair in line.split())

    settings, _ = load_settings({}, {**fixed, **environ}, Path("/nowhere"), Path("/nowhere"))

    assert settings.data_dir == "/data"
    assert settings.log_format == "json"
    if name in ("api", "scheduler", "dialer"):
        assert settings.postgres_url.startswith("postgresql://dialwheel@postgres:")
        assert settings.redis_url.startswith("redis://redis:")
        assert settings.sim_url == f"http://sim:{Settings().sim_port}"


@each_of_ours
def test_its_health_is_asked_where_it_listens(name: str) -> None:
    defaults = Settings()
    ports = {"api": defaults.http_port, "sim": defaults.sim_port, "scheduler": defaults.metrics_port,
             "dialer": defaults.metrics_port}  # fmt: skip
    if name in ports:
        assert f"http://127.0.0.1:{ports[name]}/" in SERVICES[name]["healthcheck"]["test"][-1]
        compile(SERVICES[name]["healthcheck"]["test"][-1], "health test", "exec")
    host = SERVICES[name].get("environment", {}).get("DIALWHEEL_HTTP_HOST")
    assert (host == "0.0.0.0") == (name == "api"), (
        "inside its container, so that the published port leads there"
    )


def test_a_published_port_leads_to_the_port_that_is_listened_on() -> None:
    assert SERVICES["api"]["ports"] == [f"127.0.0.1:{Settings().http_port}:{Settings().http_port}"]


def test_redis_never_evicts_and_keeps_small_sets_small() -> None:
    command = SERVICES["redis"]["command"]

    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"
    assert command[command.index("--zset-max-listpack-entries") + 1] == "512"
    assert command[command.index("--appendonly") + 1] == "yes"
    assert all(isinstance(word, str) for word in command), "yes without quotes is a truth value"


def test_the_image_is_pinned_and_does_not_run_as_root() -> None:
    assert all(re.match(r"^python:3\.\d+(\.\d+)?-slim$", image) for image in dockerfile("FROM"))
    assert dockerfile("USER") == ["dialwheel"]


def test_the_image_copies_what_exists_and_what_is_not_ignored() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {source.rstrip("/") for line in dockerfile("COPY") for source in line.split()[:-1]}

    assert copied <= allowed
    assert all((ROOT / source).exists() for source in copied)
