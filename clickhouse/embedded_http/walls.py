"""What a project's reader gets to see, as row policies of the engine itself.

The reader's engine has one user. A policy on each table asks the statement's `log_comment`, which
only this process sets (the engine is read-only by then, and the guard takes the setting from
nobody): ` *` after the tag for whoever reads all projects, ` =NAME` for a project. The engine puts
a policy before everything that a statement says, so that neither a join nor a view, a condition or
an error comes by another project's row. A table that nobody thought of is closed to projects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from xml.sax.saxutils import escape

#: Tables of ours whose rows say whose they are, and those that say nothing of anybody.
OF_PROJECTS = frozenset(
    (
        *("spans_raw", "span_content", "reviews"),
        *("experiment_changes", "experiment_status_measured", "experiment_effects_measured"),
        *("experiment_balance_measured", "hour_changes", "hour_tallies"),
        *("dataset_versions", "dataset_items", "dataset_reference", "dataset_drift"),
        *("custom_classifiers", "calibrations", "project_sets"),
    )
)
OF_ALL = frozenset(("migrations", "classifier_sets"))

_SAID = "getSetting('log_comment')"
_OPERATOR = f"{_SAID} LIKE '% *'"
_POLICY = {
    "project": f"{_OPERATOR} OR ({_SAID} LIKE '% =%' AND project = extract({_SAID}, ' =(.*)$'))",
    "all": f"{_SAID} LIKE '% *' OR {_SAID} LIKE '% =%'",
    "operator": _OPERATOR,
}

#: Database, table, and which of the policies it has.
Wall = tuple[str, str, str]


def wall(database: str, table: str, *, ours: str, columns: Iterable[str]) -> Wall:
    """The policy of a table. ``ours``: the database of the spans."""
    if database == ours and table in OF_PROJECTS and "project" in columns:
        return database, table, "project"
    return database, table, "all" if database == ours and table in OF_ALL else "operator"


def mark(tag: str, project: str | None) -> str:
    """The `log_comment` of a statement. ``project``: None for all."""
    return f"{tag} *" if project is None else f"{tag} ={project}"


def users(walls: Iterable[Wall], profile: Mapping[str, str]) -> str:
    """The engine's file of users. Names of databases and tables are words. ``profile``: settings
    that each statement starts with."""
    databases: dict[str, list[str]] = {}
    for database, table, kind in walls:
        databases.setdefault(database, []).append(
            f"<{table}><filter>{escape(_POLICY[kind])}</filter></{table}>"
        )
    policies = "".join(f"<{name}>{''.join(found)}</{name}>" for name, found in databases.items())
    settings = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in profile.items())
    return (
        f"<clickhouse><profiles><default>{settings}</default></profiles>"
        "<quotas><default/></quotas><users><default><password/><networks><ip>::/0</ip></networks><profile>default</profile>"
        f"<quota>default</quota><databases>{policies}</databases>"
        "</default></users></clickhouse>\n"
    )
