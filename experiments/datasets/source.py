"""What the making of a version works with: where rows come from, what they meet, what stays."""

from __future__ import annotations

from dataclasses import dataclass, field

from clickhouse_connect.driver.client import Client

from experiments.datasets.condition import Columns, checked
from experiments.datasets.dataset_definition import Definition
from experiments.datasets.item import Item
from experiments.datasets.pool import Vectors
from experiments.datasets.select import Rows


@dataclass(slots=True, frozen=True)
class Source:
    """``client``: its database is the one of ``spans``. ``encoder``: fingerprint of the model that
    ``vectors`` runs. ``project``: whose rows, as Rows says."""

    client: Client
    vectors: Vectors
    encoder: str
    columns: Columns
    project: str | None = ""

    @property
    def rows(self) -> Rows:
        """Those that it may be made of."""
        return Rows(self.client, self.project)


@dataclass(slots=True, frozen=True)
class Conditions:
    """A definition's conditions, checked. ``healthy`` is met by a control, and ``without`` by no
    step of its trace."""

    where: str
    healthy: str
    without: str


@dataclass(slots=True)
class Kept:
    """Items of the parent that stay, and why the others do not (id to reason)."""

    failures: list[Item] = field(default_factory=list)
    controls: list[Item] = field(default_factory=list)
    retired: dict[str, str] = field(default_factory=dict)


def conditions(source: Source, definition: Definition) -> Conditions:
    """A control passed every classifier that ``where`` names, and failed none, where the definition
    does not say what is healthy. Raises ConditionError."""
    columns = source.columns
    where = checked(source.client, "--where", definition.where, columns)
    where = f"({where}) AND NOT text_removed"
    if definition.healthy:
        healthy = checked(source.client, "--healthy", definition.healthy, columns)
        return Conditions(where, healthy, where)
    bad = " OR ".join(["status = 'error'", *(f"{name} = 'fail'" for name in columns.classifiers)])
    passed = [f"{name} = 'pass'" for name in columns.named_in(where)]
    if definition.unit == "trace":
        return Conditions(where, " AND ".join(passed) or "1", f"({where}) OR {bad}")
    healthy = " AND ".join([*passed, "verdict_version > 0", "empty(unjudged)", f"NOT ({bad})"])
    return Conditions(where, healthy, where)
