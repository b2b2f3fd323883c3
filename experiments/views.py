"""The view ``experiment_spans``, which names every classifier, made anew where there are more.

The migration makes it for the built-in classifiers. A custom one gets into it when an experiment
that is judged by it starts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from clickhouse_connect.driver.client import Client

from classify.custom.classifier_definition import is_name

#: The trace that a span counts for: a call that another trace reports as well is no trace.
_TRACE = "if(span.twin_of = '', span.trace_id, substring(span.twin_of, 1, 32))"


def classifiers(client: Client, database: str) -> dict[str, str]:
    """Name to what a row of ``spans`` says of it: a column, or an entry of ``custom``."""
    parameters = {"database": database}
    rows = client.query(
        "SELECT name FROM system.columns WHERE database = {database:String} AND table = 'spans'"
        " ORDER BY position",
        parameters=parameters,
    ).result_rows
    columns = [str(name) for (name,) in rows]
    found = {name: name for name in columns if f"{name}_score" in columns}
    custom = client.query(
        f"SELECT name FROM {database}.custom_classifiers GROUP BY name"
        " HAVING argMax(state, revision) != 'removed' ORDER BY name"
    ).result_rows
    # A name that is none of ours would be SQL.
    return found | {str(n): f"custom['{n}']" for (n,) in custom if is_name(str(n))}


def complete(client: Client, database: str, wanted: Iterable[str], cluster: str = "") -> None:
    """Make the view anew where it lacks one of the classifiers ``wanted``. ``cluster``:
    EVERYSPAN_CLUSTER, '' for none."""
    view = str(client.command(f"SHOW CREATE TABLE {database}.experiment_spans"))
    names = classifiers(client, database)
    if any(name in names and f"{names[name]} = " not in view for name in wanted):
        create_experiment_spans(client, database, names, cluster)


def create_experiment_spans(
    client: Client, database: str, names: Mapping[str, str], cluster: str = ""
) -> None:
    """Make the view with these classifiers. ``cluster``: EVERYSPAN_CLUSTER, '' for none."""
    client.command(statement(database, names, f"ON CLUSTER '{cluster}'" if cluster else ""))


def statement(database: str, names: Mapping[str, str], on_cluster: str) -> str:
    """As in migrations/0031_projects_of_experiments.sql."""

    def each(form: str, values: Iterable[str]) -> str:
        return ",\n        ".join(form.format(value) for value in values)

    return f"""CREATE OR REPLACE VIEW {database}.experiment_spans {on_cluster} AS
SELECT
    if(project = '', name_of, concat(project, '/', name_of)) AS experiment, variant_of AS variant,
    multiIf(experiment_units[name_of] != '', experiment_units[name_of],
        session_id != '', session_id, {_TRACE}) AS unit,
    {_TRACE} AS trace_id, project, start_time, duration_ms, status, cost_usd,
    ifNull(input_tokens, 0) + ifNull(output_tokens, 0) AS tokens,
    name != 'everyspan.feedback' AS own,
    [
        {each("'{}'", names)}
    ] AS classifiers,
    [
        {each("{} = 'fail'", names.values())}
    ] AS failed,
    [
        {each("{} IN ('pass', 'fail')", names.values())}
    ] AS judged
FROM {database}.spans AS span
ARRAY JOIN mapKeys(experiments) AS name_of, mapValues(experiments) AS variant_of
WHERE notEmpty(experiments) AND replay_of = ''"""
