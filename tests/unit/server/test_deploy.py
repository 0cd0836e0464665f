"""The files to run it with: their commands and settings are those of the product."""

import configparser
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import yaml

from headrace.cli import app
from headrace.settings import Settings

PROJECT = Path(__file__).parents[3]
DEPLOY = PROJECT / "deploy"
KNOWN = {f"HEADRACE_{name.upper()}" for name in Settings.model_fields}


def test_every_setting_that_they_name_exists() -> None:
    named = {
        name
        for file in DEPLOY.rglob("*")
        if file.is_file()
        for name in re.findall(r"HEADRACE_[A-Z_]+[A-Z]", file.read_text())
    }

    assert named - KNOWN == {"HEADRACE_NAME"}


def test_the_units_start_the_command_and_leave_time_to_stop() -> None:
    for name, command in (("headrace.service", "serve"), ("headrace-worker@.service", "worker")):
        unit = configparser.RawConfigParser(strict=False)
        unit.optionxform = str  # type: ignore[assignment,method-assign]
        unit.read(DEPLOY / name)
        service = unit["Service"]

        assert service["ExecStart"] == f"/opt/headrace/bin/headrace {command}"
        assert float(service["TimeoutStopSec"]) > Settings().stop_seconds
        assert {service["Restart"], service["NoNewPrivileges"], service["ProtectSystem"]} == {"always", "yes", "strict"}


def test_nobody_is_let_in_without_a_token_by_a_container() -> None:
    docker, compose = (DEPLOY / "Dockerfile").read_text(), (DEPLOY / "compose.yaml").read_text()

    assert "HEADRACE_AUTH=required" in docker
    assert re.search(r"^USER (?!root)\w+$", docker, re.MULTILINE)
    assert "HEADRACE_AUTH: required" in compose
    assert '"127.0.0.1:8011:8011"' in compose
    assert not re.search(r"PASSWORD: (?!\$\{)", compose), "no password is written down"


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def test_the_compose_file_names_nothing_that_is_not_there() -> None:
    whole = compose()
    services, volumes = whole["services"], whole["volumes"]

    for name, service in services.items():
        assert ("image" in service) != ("build" in service), name
        for volume in service.get("volumes", []):
            assert volume.partition(":")[0] in volumes, name
        for other, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}, name
            assert "healthcheck" in services[other], f"{name} waits for the health of {other}, which tells none"
        if "build" in service:
            folder = (DEPLOY / service["build"]["context"]).resolve()
            assert (folder / service["build"]["dockerfile"]).is_file(), name
    assert set(volumes) == {one.partition(":")[0] for each in services.values() for one in each.get("volumes", [])}


def test_what_the_containers_run_is_a_command_of_the_product() -> None:
    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    asked = [each["command"] for each in compose()["services"].values() if "command" in each]
    asked.append(re.findall(r'"([^"]+)"', (DEPLOY / "Dockerfile").read_text().rpartition("CMD")[2]))

    assert {command[0] for command in asked} == {"headrace"}
    assert {command[1] for command in asked} <= known
    grace = {name: one["stop_grace_period"] for name, one in compose()["services"].items() if "command" in one}
    assert grace == {"server": "30s", "worker": "2m"}
    assert Settings().stop_seconds < 30
    assert Settings().worker_drain_seconds < 120


def test_the_package_builds_from_what_the_image_copies_and_nothing_else(tmp_path: Path) -> None:
    docker = (DEPLOY / "Dockerfile").read_text()
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    copied = [name for line in re.findall(r"^COPY (?!--)(.+) \S+$", docker, re.MULTILINE) for name in line.split()]
    assert {f"!{name}" for name in copied} <= set(ignored)
    assert ignored[1] == "*"
    folder = tmp_path / "build"
    folder.mkdir()
    for name in copied:
        copy: Any = shutil.copytree if (PROJECT / name).is_dir() else shutil.copy
        copy(PROJECT / name, folder / name)

    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", str(tmp_path), str(folder)], check=True)

    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"headrace/cli/__init__.py", "headrace/server/static/index.html", "headrace/py.typed"} <= names
    assert any(name.startswith("headrace/store/migrations/versions/0001") for name in names)
