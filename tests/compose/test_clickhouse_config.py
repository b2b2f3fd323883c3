"""The server's configuration: settings that exist, and a reader that can't write."""

from __future__ import annotations

import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from tests.compose.compose_file import ROOT, services
from tests.everyspan_up import Up

CONFIG = ROOT / "clickhouse" / "config"
USERS = ElementTree.parse(CONFIG / "users.d" / "everyspan.xml").getroot()
SERVER = ElementTree.parse(CONFIG / "config.d" / "everyspan.xml").getroot()


def test_settings_of_the_profiles_exist(up: Up) -> None:
    names = {row["name"] for row in up.query("SELECT name FROM system.settings")}
    for profile in USERS.find("profiles") or ():
        for setting in profile:
            if setting.tag == "constraints":
                assert {constraint.tag for constraint in setting} <= names
            else:
                assert setting.tag in names


def test_grants_are_ones_that_the_parser_takes(up: Up) -> None:
    for query in USERS.iter("query"):
        assert query.text
        sql = f"{query.text} TO someone".replace("'", "''")
        formatted = up.query(f"SELECT formatQuerySingleLine('{sql}') AS q")[0]["q"]
        assert formatted.startswith("GRANT")


def test_the_reader_only_reads() -> None:
    grafana = USERS.find("users/grafana")
    assert grafana is not None
    grants = [query.text or "" for query in grafana.iter("query")]
    assert all(re.fullmatch(r"GRANT SELECT ON (everyspan\.\*|system\.\w+)", g) for g in grants)
    assert USERS.findtext("profiles/grafana/readonly") == "2"
    source = (ROOT / "grafana/provisioning/datasources/everyspan.yaml").read_text()
    assert "username: grafana" in source


def test_passwords_come_from_the_environment() -> None:
    given = services()["clickhouse"]["environment"]
    for password in USERS.iter("password"):
        assert not password.text
        assert password.get("from_env") in given
    default = USERS.find("users/default")
    assert default is not None
    assert default.get("remove")


def test_logs_about_itself_are_removed_or_short() -> None:
    logs = [element for element in SERVER if element.tag.endswith("_log")]
    assert len(logs) > 15
    for log in logs:
        if not log.get("remove"):
            assert log.findtext("ttl") == "event_date + INTERVAL 3 DAY DELETE", log.tag
            assert log.findtext("partition_by") == "event_date", log.tag
            # The image's file has a partition_by, beside which the server refuses an engine.
            assert log.find("engine") is None, log.tag


def test_server_settings_exist() -> None:
    # In a process of its own: a process has one engine.
    answer = subprocess.run(
        [
            sys.executable,
            "-c",
            "import chdb; print(chdb.query('SELECT name FROM system.server_settings', 'TSV'))",
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    names = set(answer.stdout.split())
    assert len(names) > 100
    sections = {"logger", "mysql_port", "postgresql_port", "interserver_http_port"}
    for element in SERVER:
        if not element.tag.endswith("_log"):
            assert element.tag in names | sections, element.tag


def test_the_reader_can_not_lift_its_limits() -> None:
    profile = USERS.find("profiles/grafana")
    assert profile is not None
    for name in ("max_execution_time", "max_memory_usage", "max_result_rows"):
        assert int(profile.findtext(name) or 0) > 0
        constraint = profile.find(f"constraints/{name}")
        assert constraint is not None
        # 0 is no limit, so a highest value needs a lowest one.
        assert constraint.find("readonly") is not None or (
            int(constraint.findtext("min") or 0) > 0 and constraint.findtext("max")
        ), name
    # What the plugin asks for its queryTimeout of 60 s.
    assert int(profile.findtext("constraints/max_execution_time/max") or 0) >= 65


@pytest.mark.parametrize("name", ["max_server_memory_usage_to_ram_ratio", "mark_cache_size"])
def test_memory_is_capped(name: str) -> None:
    assert SERVER.findtext(name)
