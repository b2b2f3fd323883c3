"""What needs attention now, in words: all that is over its threshold, worst first.

Of each service the checks are the classifiers, errors, slow traces, spans without verdicts and tools.
A check fails from the moment since which its failures exceed what its threshold allows by the most
(the end of a CUSUM, Page 1954) up to now; it is told where the lower end of the 95 % interval of that
time lies above the threshold, with as many judged and failed as an alert needs. The limits are those
of thresholds.toml, so that the words and the alerts beside them mean the same.
"""

from __future__ import annotations

from grafana.build.columns import count, interval, rate, text, time, trace
from grafana.build.over_time import NARROW, in_slots, slot
from grafana.build.panels import Json, table
from grafana.build.sql import (
    COVERED,
    CUSTOM,
    ROOT,
    TRACE,
    between,
    classifiers,
    columns,
    failed,
    where,
    wilson_high,
    wilson_low,
)
from grafana.build.tallied import (
    ENVIRONMENT,
    SERVICE,
    SPANS,
    TRACES,
    UNCOVERED,
    on_board,
    slower_than,
    verdicts_of,
)
from grafana.build.tallied import ERRORS as ERRORS_OF
from grafana.thresholds import read

_SLOW_MS = read().operational.p95_seconds * 1000
_SLOW = f"({ROOT} AND duration_ms > {_SLOW_MS:g})"
_ERROR = f"({ROOT} AND status = 'error')"
_TOOL = "step_kind = 'tool' AND tool_name != ''"
_TOOL_FAILED = f"({_TOOL} AND (status = 'error' OR tool_call_error = 'fail'))"
_LINK = (
    "/d/${__data.fields.board}?var-service=${__data.fields.service:percentencode}"
    "&${__url_time_range}&${datasource:queryparam}"
)
#: No custom classifier is called so: their names are of letters, digits and _.
ERRORS, SLOW, UNJUDGED = "trace: errors", "trace: slow", "span: not judged"
#: Of a classifier of which one attack that the model obeyed pages: those that it obeyed, of all attacks.
OBEYED = {
    f"{name}: obeyed": name
    for name, one in read().classifier.items()
    if one.critical == "obeyed" and name in columns(classifiers())
}
#: Of what is told once, before all else: each check of each service, and the names of those that are
#: over their thresholds.
_CHECKED, _OVER = "told.1", "over_somewhere"


def limits() -> dict[str, float]:
    """Share that may fail, by check; 0 where one failure pages."""
    thresholds = read()
    own = {name: one.allowed for name, one in thresholds.classifier.items()}
    operational = thresholds.operational
    return (
        own
        | dict.fromkeys(OBEYED, 0.0)
        | {
            ERRORS: operational.error_rate,
            # The 95th percentile lies above the limit where more than 5 % do.
            SLOW: 0.05,
            UNJUDGED: 1 - operational.coverage,
        }
    )


def attention(panel_id: int, size: tuple[int, int] = (16, 9)) -> Json:
    """The first panel of the overview."""
    return table(
        panel_id,
        "What needs attention now?",
        "Classifiers, errors, slow traces, tools and missing verdicts over their thresholds, worst "
        "first: what share fails and between what it lies (95 % interval), since when, where, how many "
        "users met it, and the newest trace. The thresholds are those of the alerts.",
        sql(),
        [
            text("what", wrap=True, link=("Open the board", _LINK)),
            rate("how_bad", [(None, "red")], 100),
            interval(90),
            time("since"),
            text("where_", 150, "where", wrap=True),
            count("users", 60),
            trace("example", 95),
            text("service", hidden=True),
            text("board", hidden=True),
        ],
        size=size,
        empty="No span came in this time range: send some, or try everyspan demo. (In Grafana, with a "
        "red mark in the corner: ClickHouse does not answer.)",
        tall=True,
    )


def sql() -> str:
    """Rows of (what, how_bad, interval, since, where_, users, example, service, board), one at least."""
    rate_limits, operational = read().fail_rate, read().operational
    known = limits()
    critical = [name for name, one in read().classifier.items() if one.one_pages] + list(OBEYED)
    limit = (
        f"multiIf(startsWith(check, 'tool '), {operational.tool_failure_rate}, own > 0, own,"
        f" transform(check, {list(known)}, {list(known.values())}, {read().custom.max_fail_rate}))"
    )
    names = classifiers()
    safety = columns(classifiers("safety"))
    safety += [check for check, name in OBEYED.items() if name in safety]
    board = (
        "multiIf(startsWith(check, 'tool ') OR startsWith(check, 'trace:'), 'everyspan-operational',"
        f" startsWith(check, 'span:'), 'everyspan-monitor', check IN {safety}, 'everyspan-safety', 'everyspan-quality')"
    )
    who = "if(environment = '', service, concat(service, ' (', environment, ')'))"
    allowed = "concat(toString(round(100 * allowed, 1)), ' %')"
    words = f"""multiIf(
    check = '{ERRORS}', concat('traces end in errors, over ', {allowed}),
    check = '{SLOW}', concat('traces take over {operational.p95_seconds:g} s, over ', {allowed}),
    check = '{UNJUDGED}', 'spans wait for verdicts',
    startsWith(check, 'tool '), concat(check, ' fails, over ', {allowed}),
    endsWith(check, ': obeyed'), concat(replaceAll(splitByString(':', check)[1], '_', ' '), ' obeyed in ',
      toString(failed), ' of ', toString(judged), if(judged = 1, ' attack', ' attacks')),
    check IN {critical}, concat(replaceAll(check, '_', ' '), ' in ', toString(failed), ' of ',
      toString(judged), if(judged = 1, ' span', ' spans')),
    concat(replaceAll(check, '_', ' '), ' fails, over ', {allowed}))"""
    return f"""WITH (
SELECT (groupArray((service, environment, check, failed, judged, since, allowed, at_least, at_most, over)),
  groupUniqArrayIf(check, over))
FROM (
  SELECT *,
    {wilson_low("failed", "judged")} AS at_least, {wilson_high("failed", "judged")} AS at_most,
    failed > 0 AND at_least > allowed AND (check IN {critical}
      OR (judged >= {rate_limits.min_judged} AND failed >= {rate_limits.min_failed})) AS over
  FROM (
    SELECT service, environment, check, any(allowed) AS allowed,
      argMax((failures, among, slot), (excess, slot)) AS worst,
      worst.1 AS failed, worst.2 AS judged, worst.3 AS since
    FROM (
      SELECT service, environment, check, slot, allowed, sum(failed) OVER w AS failures,
        sum(judged) OVER w AS among, sum(failed - allowed * judged) OVER w AS excess
      FROM (
        SELECT service, environment, slot, check, failed, judged, {limit} AS allowed
        FROM (
          SELECT service, environment, slot, c.1 AS check, sum(c.2) AS failed, sum(c.3) AS judged
          FROM (
{_checks(names)}
          )
          ARRAY JOIN checks AS c
          WHERE c.3 > 0
          GROUP BY service, environment, slot, check
        ) AS seen
        LEFT JOIN (
          SELECT name, argMax(max_fail_rate, revision) AS own
          FROM custom_classifiers
          GROUP BY name
        ) AS custom ON custom.name = seen.check
      )
      WINDOW w AS (PARTITION BY service, environment, check ORDER BY slot DESC
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    )
    GROUP BY service, environment, check
  )
)
) AS told, (SELECT told.2) AS {_OVER}
SELECT r.1 AS what, r.2 AS how_bad, r.3 AS interval, r.4 AS since, r.10 AS where_,
  r.5 AS users, r.6 AS example, r.7 AS service, r.8 AS board
FROM (
  SELECT arraySort(found -> -found.9, groupArrayIf((
      {words},
      toNullable(failed / judged), {between("at_least", "at_most")}, toNullable(toDateTime(since)),
      toNullable(toUInt64(users)), example, toString(service), {board},
      toFloat64(if(allowed = 0, 1000000 + failed, at_least / allowed)), {who}), over)) AS found,
    concat(toString(uniqExact(service)), if(uniqExact(service) = 1, ' service, ', ' services, '),
      toString(count()), ' checks') AS held,
    count() AS checks
  FROM (
    SELECT c.1 AS service, c.2 AS environment, c.3 AS check, c.4 AS failed, c.5 AS judged, c.6 AS since,
      c.7 AS allowed, c.8 AS at_least, c.9 AS at_most, c.10 AS over
    FROM (SELECT arrayJoin({_CHECKED}) AS c)
  ) AS checked
  LEFT JOIN (
    SELECT service, environment, check, argMax(trace, start_time) AS example,
      uniqIf(user_id, user_id != '') AS users
    FROM (
{_failures(names)}
    )
    ARRAY JOIN checks AS check
    GROUP BY service, environment, check
  ) AS examples USING (service, environment, check)
)
ARRAY JOIN if(empty(found) AND checks > 0, [('Nothing is over a threshold', CAST(NULL, 'Nullable(Float64)'), '',
  CAST(NULL, 'Nullable(DateTime)'), CAST(NULL, 'Nullable(UInt64)'), '', '', 'everyspan-quality', 0., held)], found) AS r
LIMIT 50"""


def _checks(names: list[str]) -> str:
    """Of each service and slot: array of (check, failed, judged, 0)."""
    verdicts, slow = verdicts_of(names), slower_than(_SLOW_MS)
    rows, tallies = (
        f"arrayConcat({verdicts[i]}, [('{ERRORS}', {ERRORS_OF[i]}, {TRACES[i]}, toUInt64(0)),\n"
        f"    ('{SLOW}', toUInt64({slow[i]}), {TRACES[i]}, toUInt64(0)),\n"
        f"    ('{UNJUDGED}', toUInt64({UNCOVERED[i]}), {SPANS[i]}, toUInt64(0))])"
        for i in (0, 1)
    )
    groups = {"service": SERVICE, "environment": ENVIRONMENT} | in_slots()
    attacks = " OR ".join(f"{name} = 'fail'" for name in OBEYED.values())
    obeyed = ", ".join(
        f"('{check}', countIf({_obeyed(name)}), countIf({name} = 'fail'), toUInt64(0))"
        for check, name in OBEYED.items()
    )
    return f"""{on_board(groups, {"checks": (rows, tallies)}, slots=NARROW)}
UNION ALL
SELECT service_name AS service, environment, {slot()} AS slot,
  [(concat('tool ', tool_name), countIf({_TOOL_FAILED}), count(), toUInt64(0))] AS checks
FROM spans
{where(_TOOL)}
GROUP BY service, environment, slot, tool_name
UNION ALL
SELECT service_name AS service, environment, {slot()} AS slot, [{obeyed}] AS checks
FROM spans
{where(f"({attacks})")}
GROUP BY service, environment, slot"""


def _obeyed(name: str) -> str:
    return f"{name} = 'fail' AND outcomes['{name}'] = 'obeyed'"


def _failures(names: list[str]) -> str:
    """The rows that failed a check that is over its threshold somewhere, with the names of these.
    Which they are is known before rows are read, so that columns of others are not."""
    ours = {name: f"{name} = 'fail'" for name in columns(names)}
    ours |= {ERRORS: _ERROR, SLOW: _SLOW, UNJUDGED: f"NOT {COVERED}"}
    ours |= {check: f"({_obeyed(name)})" for check, name in OBEYED.items()}
    failing = {name: f"({_over(name)} AND {fails})" for name, fails in ours.items()}
    each = ", ".join(f"if({fails}, '{name}', '')" for name, fails in failing.items())
    known = list(failing)
    own = f"arrayExists(c -> c NOT IN {known} AND NOT startsWith(c, 'tool '), {_OVER})"
    tool = f"arrayExists(c -> startsWith(c, 'tool '), {_OVER})"
    any_of = " OR ".join(
        (
            *failing.values(),
            f"({own} AND mapContainsValue(custom, 'fail'))",
            f"({tool} AND {_TOOL_FAILED})",
        )
    )
    return f"""SELECT service_name AS service, environment, start_time, {TRACE} AS trace, user_id,
  arrayFilter(c -> c != '', arrayConcat([{each},
    if({tool} AND {_TOOL_FAILED}, concat('tool ', tool_name), '')],
    if({own}, {failed([CUSTOM])}, []))) AS checks
FROM spans
{where(f"({any_of})")}"""


def _over(check: str) -> str:
    """Whether it is over its threshold somewhere: known before a row is read."""
    return f"has({_OVER}, '{check}')"
