"""What failing rows have in common that passing ones have not: a prompt version, a model, a
release, a revision; and what appeared just before the failures began."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from clickhouse_connect.driver.client import Client

from alerting.enrich.budget import Budget
from alerting.enrich.find import Question, timed

#: Column to what people call it.
_COLUMNS = {
    "prompt_version": "prompt version",
    "model": "model",
    "service_version": "release",
    "code_revision": "code revision",
    "variant": "variant",
    "tool_name": "tool",
}
#: Chance that a difference is chance.
_UNLIKELY = 0.001
_MOST = 3


def what_changed(
    client: Client, database: str, asked: Question, since: datetime | None, budget: Budget
) -> list[str]:
    """One sentence each, most telling first; compared within the alert's window."""
    found: list[tuple[float, str]] = []
    for column, called in _COLUMNS.items():
        sql = (
            f"SELECT toString({column}) AS value, countIf(c) AS failing, count() AS judged"
            f" FROM (SELECT ({asked.condition}) AS c, {column} FROM {database}.spans"
            f" WHERE {asked.judged} AND {column} != '') GROUP BY value"
            f" ORDER BY failing DESC LIMIT 50"
        )
        answer = client.query(timed(sql, budget), parameters=asked.parameters).result_rows
        failing, judged = sum(row[1] for row in answer), sum(row[2] for row in answer)
        for value, fails, of in answer:
            others_fail, others = failing - fails, judged - of
            if not others or not fails or fails / of <= others_fail / others:
                continue
            chance = hypergeometric(fails, of, failing, judged)
            if chance > _UNLIKELY:
                continue
            new = _appeared(client, database, column, value, asked, budget)
            told = f", which appeared at {new:%H:%M} UTC" if new and _before(new, since) else ""
            found.append(
                (
                    chance,
                    f"{called} {value[:80]}{told}: {fails} of {of} fail, of the others"
                    f" {others_fail} of {others}",
                )
            )
    return [text for _, text in sorted(found)[:_MOST]]


def hypergeometric(fails: int, of: int, failing: int, judged: int) -> float:
    """Chance of at least ``fails`` failures among ``of`` rows drawn from ``judged``, of which
    ``failing`` fail (Fisher's exact test, one-sided)."""

    def logs(n: int, k: int) -> float:
        return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)

    whole = logs(judged, of)
    most = min(of, failing)
    total = 0.0
    for k in range(fails, most + 1):
        if of - k > judged - failing:
            continue
        total += math.exp(logs(failing, k) + logs(judged - failing, of - k) - whole)
    return min(1.0, total)


def _appeared(
    client: Client,
    database: str,
    column: str,
    value: str,
    asked: Question,
    budget: Budget,
) -> datetime | None:
    """When the value was first seen, if not before the window; None where it is older."""
    end = asked.window[1]
    conditions = (
        f"{column} = {{value:String}} AND replay_of = '' AND start_time >= {{early:DateTime64(3)}}"
        f"{asked.own}"
    )
    sql = (
        f"SELECT min(start_time), count() FROM {database}.spans WHERE {conditions}"
        f" AND start_time <= {{end:DateTime64(3)}}"
    )
    parameters = {"value": value, "early": end - timedelta(days=2), "end": end}
    parameters |= {name: asked.parameters[name] for name in ("project",) if asked.own}
    answer = client.query(timed(sql, budget), parameters=parameters).result_rows
    seen, count = answer[0]
    if not count:
        return None
    seen = seen if seen.tzinfo else seen.replace(tzinfo=UTC)
    return seen if seen > end - timedelta(days=2) + timedelta(hours=1) else None


def _before(seen: datetime, since: datetime | None) -> bool:
    """Shortly before the failures began, or with them."""
    return since is None or seen <= since + timedelta(minutes=5)
