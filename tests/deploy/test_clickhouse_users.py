"""deploy/clickhouse/users.sql makes the users that docker-compose.yml's server has in its file."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from clickhouse.connection import connect
from tests.clickhouse.databases import engine
from tests.compose.compose_file import ROOT

TEXT = (ROOT / "deploy/clickhouse/users.sql").read_text("utf-8")
STATEMENTS = [
    " ".join(each.split())
    for each in re.sub(r"^--.*$", "", TEXT, flags=re.M).split(";")
    if each.strip()
]
FILE = ElementTree.parse(ROOT / "clickhouse/config/users.d/everyspan.xml").getroot()


def test_they_may_what_the_server_of_compose_lets_them() -> None:
    for user in ("everyspan", "grafana"):
        granted = {
            each.removesuffix(f" TO {user}") for each in STATEMENTS if each.endswith(f" TO {user}")
        }
        assert granted == {each.text for each in FILE.findall(f"users/{user}/grants/query")}
        (made,) = [
            each for each in STATEMENTS if each.startswith(f"CREATE USER IF NOT EXISTS {user} ")
        ]
        assert made.endswith(f"SETTINGS PROFILE {FILE.findtext(f'users/{user}/profile')}")


def test_with_the_same_settings_and_bounds() -> None:
    for name in ("everyspan", "grafana"):
        (made,) = [
            s for s in STATEMENTS if s.startswith(f"CREATE SETTINGS PROFILE IF NOT EXISTS {name} ")
        ]
        settings = made.partition(f" {name} SETTINGS ")[2].split(", ")
        profile = FILE.find(f"profiles/{name}")
        assert profile is not None
        wanted = []
        for each in profile:
            if each.tag == "constraints":
                continue
            bounds = profile.find(f"constraints/{each.tag}")
            said = [] if bounds is None else [
                f" {bound.tag.upper()}{f' {bound.text}' if bound.text else ''}" for bound in bounds
            ]  # fmt: skip
            wanted.append(f"{each.tag} = {each.text}{''.join(said)}")
        assert sorted(settings) == sorted(wanted)


def test_the_engine_reads_them(tmp_path: Path) -> None:
    with engine(tmp_path / "clickhouse") as dsn, connect(dsn) as client:
        for each in [*STATEMENTS, "GRANT CLUSTER, REMOTE ON *.* TO everyspan"]:
            read = client.query("SELECT formatQuerySingleLine({q:String})", {"q": each}).result_rows
            assert read[0][0].split()[:2] == each.split()[:2]
    assert "-- GRANT CLUSTER, REMOTE ON *.* TO everyspan;" in TEXT
