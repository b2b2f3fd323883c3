"""docs/projects.md's statements for a server, as the engine enforces them.

The embedded engine is a server's code without a place for what CREATE USER makes: it reads users,
roles and policies from a file alone. So each statement is given to it as the page has it, which it
refuses for that reason and no other, and what it says stands in the file. A view of which a user is
the definer is read with that user's rights and policies.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from clickhouse.embedded_http.walls import OF_ALL, OF_PROJECTS
from experiments.experiment_store import start
from tests.clickhouse.databases import database, engine
from tests.clickhouse.migrated import migrated
from tests.experiments.recorded import definition

PAGE = Path(__file__).parents[2] / "docs" / "projects.md"
#: A row of each, by the name of whose it is; '' is the default project.
PROJECTS = {"support": "support", "sales": "sales", "": "nobody"}
_VARIANT = '{"checkout": "a"}'
#: The engine has no place for it; it is there, in the file.
_ONLY_A_FILE = r"code: (495|514)\b"


def statements() -> tuple[list[str], list[str]]:
    """Those that are run once, and those of the project `support`."""
    (text,) = re.findall(r"```sql\n(CREATE ROLE.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    found = [" ".join(each.split()) for each in re.sub(r"--.*", "", text).split(";")]
    found = list(filter(None, found))
    own = next(i for i, each in enumerate(found) if each.startswith("CREATE USER"))
    return found[:own], found[own:]


def granted(once: list[str]) -> list[str]:
    return [name for each in once for name in re.findall(r"SELECT ON everyspan\.(\w+)", each)]


def walled(own: list[str]) -> list[str]:
    (policy,) = [each for each in own if each.startswith("CREATE ROW POLICY")]
    return re.findall(r"everyspan\.(\w+)", policy.partition(" AS ")[0])


def users(once: list[str], own: list[str]) -> str:
    """The file of users that says what the statements say, for `support` and for `sales`."""
    (policy,) = [each for each in own if each.startswith("CREATE ROW POLICY")]
    (using,) = re.findall(r"AS RESTRICTIVE USING (.*) TO support$", policy)
    (role,) = re.findall(r"GRANT (\w+) TO support", " ".join(own))
    rights = "".join(f"<query>GRANT SELECT ON everyspan.{name}</query>" for name in granted(once))
    common = "<password/><networks><ip>::/0</ip></networks><quota>default</quota>"
    found = ""
    for name in ("support", "sales"):
        rows = using.replace("support", name)
        walls = "".join(f"<{t}><filter>{rows}</filter></{t}>" for t in walled(own))
        found += (
            f"<{name}>{common}<profile>reader</profile><grants><query>GRANT {role}</query></grants>"
            f"<databases><everyspan>{walls}</everyspan></databases></{name}>"
        )
    return (
        "<clickhouse><profiles><default/><reader><readonly>2</readonly></reader></profiles>"
        f"<quotas><default/></quotas><roles><{role}><grants>{rights}</grants></{role}></roles>"
        f"<users>{found}<default>{common}<profile>default</profile>"
        "<access_management>1</access_management></default></users></clickhouse>"
    )


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A migrated database with a row of each project in every table of theirs."""
    folder = tmp_path_factory.mktemp("policies")
    (folder / "users.xml").write_text(users(*statements()), encoding="utf-8")
    (folder / "config.xml").write_text(
        f"<clickhouse><user_directories><users_xml><path>{folder / 'users.xml'}</path></users_xml>"
        "</user_directories></clickhouse>",
        encoding="utf-8",
    )
    with (
        engine(folder / f"clickhouse?config-file={folder / 'config.xml'}") as dsn,
        database(dsn, database="everyspan") as (found, settings),
    ):
        migrated(found, settings)
        # One for all, whenever the next one begins.
        hour = f"toDateTime({int(time.time()) // 3600 * 3600})"
        for table in sorted(OF_PROJECTS - {"hour_changes", "experiment_changes"}):
            columns = found.query(
                "SELECT name, type FROM system.columns WHERE database = 'everyspan'"
                f" AND table = '{table}' AND default_kind NOT IN ('MATERIALIZED', 'ALIAS')"
            ).result_rows
            names = {str(name) for name, _ in columns}
            for project, word in PROJECTS.items():
                values = {str(name): _value(type_, word) for name, type_ in columns}
                values |= {"hour": hour}
                values |= {"project": f"'{project}'"}
                if table == "spans_raw":
                    values |= {
                        "attributes": "map('everyspan.experiments', '{\"checkout\": \"a\"}')"
                    }
                    values |= {"replay_of": "''", "twin_of": "''", "feedback": "'down'"}
                if table == "hour_tallies":
                    # Support's hour is counted, and that of sales is not.
                    values |= {"changes": "1" if project == "support" else "7"}
                there = {n: value for n, value in values.items() if value and n in names}
                said = f"INSERT INTO everyspan.{table} ({', '.join(there)}) SELECT"
                found.command(f"{said} {', '.join(there.values())}")
        for project in PROJECTS:
            known = definition("checkout", metrics=[{"metric": "error_rate", "role": "primary"}])
            since = datetime.now(UTC) - timedelta(hours=1)
            start(found, "everyspan", known, since=since, project=project)
        found.command("INSERT INTO everyspan.classifier_sets (version) VALUES (1)")
        yield found


def _value(type_: str, word: str) -> str:
    if re.fullmatch(r"(LowCardinality\()?String\)?", type_):
        return f"'{word}'"
    if type_.startswith("DateTime"):
        return "now()"
    return ""


def read_as(client: Client, user: str, name: str) -> str:
    """All that a user reads of a table or a view, as text."""
    client.command(
        f"CREATE OR REPLACE VIEW default.asked DEFINER = {user} SQL SECURITY DEFINER"
        f" AS SELECT * FROM everyspan.{name}"
    )
    rows = client.query("SELECT toString(tuple(*)) FROM default.asked").result_rows
    return "\n".join(str(row) for (row,) in rows)


def test_the_engine_takes_each_statement(client: Client) -> None:
    once, own = statements()
    assert len(once) > 2
    assert len(own) == 3
    for each in (*once, *own):
        with pytest.raises(DatabaseError, match=f"(?i){_ONLY_A_FILE}"):
            client.command(each.replace("%", "%%"))


def test_every_table_of_projects_has_its_policy() -> None:
    once, own = statements()
    assert sorted(walled(own)) == sorted(OF_PROJECTS)
    assert set(granted(once)) >= OF_PROJECTS | OF_ALL
    # One that holds for a user as well as others would give what the others leave out.
    permissive = [each for each in (*once, *own) if "POLICY" in each and "RESTRICTIVE" not in each]
    assert permissive == ["CREATE ROW POLICY everyone ON everyspan.* USING 1 TO ALL"]


def test_each_reads_its_own_rows_through_every_table_and_view(client: Client) -> None:
    once, _ = statements()
    names = granted(once)
    views = client.query(
        "SELECT name FROM system.tables WHERE database = 'everyspan' AND engine = 'View'"
    ).result_rows
    assert {str(name) for (name,) in views} <= set(names), "each view has its GRANT"
    empty = []
    for name in names:
        # Of what is counted from others of these, one user says enough.
        users = [("support", "sales"), ("sales", "support")][: 2 if name in OF_PROJECTS else 1]
        found = {user: read_as(client, user, name) for user in ("default", *dict(users))}
        for user, other in users:
            assert other not in found[user], (name, user)
            assert "nobody" not in found[user], (name, user)
            if name not in (*OF_ALL, "settled_hours"):
                assert (user in found[user]) == (user in found["default"]), (name, user)
        if not found["default"]:
            empty.append(name)
        elif name in OF_PROJECTS - {"hour_changes", "experiment_changes"}:
            assert all(word in found["default"] for word in PROJECTS.values()), name
    # An hour that is counted in one's own project, whatever others have of it.
    assert read_as(client, "support", "settled_hours")
    assert not read_as(client, "sales", "settled_hours")
    assert empty == ["settled_hours"], "the others say nothing of a project here"


def test_what_is_of_all_projects_is_closed(client: Client) -> None:
    rows = client.query(
        "SELECT name FROM system.tables WHERE database = 'everyspan' AND engine LIKE '%MergeTree'"
    ).result_rows
    closed = {str(name) for (name,) in rows} - OF_PROJECTS - OF_ALL
    assert {"api_keys", "text_vectors"} <= closed
    for name in sorted(closed):
        with pytest.raises(DatabaseError, match=r"(?i)not enough privileges"):
            read_as(client, "support", name)
