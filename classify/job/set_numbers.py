"""Which number of a classifier set the rows of a project have that are up to date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from clickhouse_connect.driver.client import Client

from clickhouse.embedded_http.settings import quote


@dataclass(frozen=True, slots=True)
class Numbers:
    """``own``: project to the number of its newest set, of those that have had a threshold or a
    head of their own. ``shared``: of the newest set that judges all others; 0 before any."""

    shared: int
    own: Mapping[str, int] = field(default_factory=dict)

    def of(self, project: str) -> int:
        """The ``verdict_version`` that the newest set gives a row; '' for the default project."""
        return self.own.get(project, self.shared)

    @property
    def older(self) -> str:
        """Rows that an older set has judged, or none, as SQL."""
        if not self.own:
            return f"verdict_version < {self.shared}"
        names, numbers = ", ".join(map(quote, self.own)), ", ".join(map(str, self.own.values()))
        return f"verdict_version < transform(project, [{names}], [{numbers}], {self.shared})"


def newest(client: Client, database: str) -> Numbers:
    """Of all projects whose sets the client may read."""
    ((shared,),) = client.query(f"SELECT max(version) FROM {database}.classifier_sets").result_rows
    own = client.query(
        f"SELECT project, max(version) FROM {database}.project_sets GROUP BY project"
    ).result_rows
    return Numbers(int(shared), {str(project): int(number) for project, number in own})
