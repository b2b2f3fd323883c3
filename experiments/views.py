"""The view ``experiment_spans``, which names every classifier, made anew where there are more.

The migration makes it for the built-in classifiers. One that was added later as a pair of columns
gets into it when an experiment that is judged by it starts.
"""

from __future__ import annotations

from collections.abc import Sequence

from clickhouse_connect.driver.client import Client


def classifiers(client: Client, database: str) -> list[str]:
    """Names of the classifiers that ``spans`` has a label and a score of."""
    rows = client.query(
        "SELECT name FROM system.columns WHERE database = {database:String} AND table = 'spans'"
        " ORDER BY position",
        parameters={"database": database},
    ).result_rows
    names = [str(name) for (name,) in rows]
    return [name for name in names if f"{name}_score" in names]


def create_experiment_spans(
    client: Client, database: str, names: Sequence[str], cluster: str = ""
) -> None:
    """Make the view with these classifiers. ``cluster``: EVERYSPAN_CLUSTER, '' for none."""
    client.command(statement(database, names, f"ON CLUSTER '{cluster}'" if cluster else ""))


def statement(database: str, names: Sequence[str], on_cluster: str) -> str:
    """As in migrations/0009_experiments.sql."""

    def each(form: str) -> str:
        return ",\n        ".join(form.format(name) for name in names)

    return f"""CREATE OR REPLACE VIEW {database}.experiment_spans {on_cluster} AS
SELECT
    name_of AS experiment, variant_of AS variant,
    multiIf(experiment_units[name_of] != '', experiment_units[name_of],
        session_id != '', session_id, trace_id) AS unit,
    trace_id, start_time, duration_ms, status, cost_usd,
    ifNull(input_tokens, 0) + ifNull(output_tokens, 0) AS tokens,
    name != 'everyspan.feedback' AS own,
    [
        {each("'{}'")}
    ] AS classifiers,
    [
        {each("{} = 'fail'")}
    ] AS failed,
    [
        {each("{} IN ('pass', 'fail')")}
    ] AS judged
FROM {database}.spans
ARRAY JOIN mapKeys(experiments) AS name_of, mapValues(experiments) AS variant_of
WHERE notEmpty(experiments)"""
