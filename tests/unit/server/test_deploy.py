"""The files to run it with: their commands and settings are those of the product."""

import configparser
import re
from pathlib import Path

from headrace.settings import Settings

DEPLOY = Path(__file__).parents[3] / "deploy"
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
