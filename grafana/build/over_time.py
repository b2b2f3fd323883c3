"""Charts whose buckets hold enough: their width follows the traffic of the range, not the pixels.

Rows are counted once in narrow slots; then neighbouring slots are joined until a bucket of a series
holds some 30, as far as a chart keeps 20 points. Of many series the largest stay, the others are one.
"""

from __future__ import annotations

from collections.abc import Sequence

from grafana.build.sql import chosen, columns, wilson_high, wilson_low
from grafana.build.tallied import Either, on_board, verdicts_of
from grafana.thresholds import read

#: Seconds, each a multiple of the one before.
_WIDTHS = "[60, 300, 900, 1800, 3600, 7200, 14400, 43200, 86400, 604800]"
_RANGE = "dateDiff('second', $__fromTime, $__toTime)"
#: Seconds of a slot.
NARROW = f"arrayFirst(w -> w >= {_RANGE} / 100 OR w = 604800, {_WIDTHS})"
_WIDE = f"greatest({NARROW}, arrayLast(w -> w <= {_RANGE} / 20, {_WIDTHS}))"
#: What a bucket should hold: of 30 judged and 3 failed, the 95 % interval is 3 to 26 %.
ENOUGH = 30
#: Series of a chart, besides "others".
SERIES = 5
#: Stands where a classifier would.
NOTHING = "no span was judged"
_BUCKET = "toDateTime(intDiv(slot, width) * width)"
#: Of rates: what is less than half a bucket at an end of the range counts with its neighbour.
_WHOLE = (
    "toDateTime(greatest(least(intDiv(slot, width),"
    " intDiv(toUnixTimestamp($__toTime) - intDiv(width, 2), width)),"
    " intDiv(toUnixTimestamp($__fromTime) + intDiv(width, 2), width)) * width)"
)


def slot(column: str = "start_time") -> str:
    """Seconds since 1970 at which the slot of a row begins."""
    return f"intDiv(toUnixTimestamp({column}), {NARROW}) * {NARROW}"


def in_slots() -> dict[str, Either]:
    """The same, of rows and of their tallies."""
    return {"slot": (slot(), slot("at"))}


def _width(number: str) -> str:
    """Seconds of a bucket, where a series has ``number`` in the whole range."""
    enough = f"arrayFirst(w -> w >= {_RANGE} * {ENOUGH} / greatest({number}, 1) OR w = 604800, {_WIDTHS})"
    return f"greatest({NARROW}, least({_WIDE}, {enough}))"


def over_time(
    value: str,
    parts: str,
    counted: str,
    condition: str,
    *,
    label: tuple[str, str] | None = None,
    column: str = "start_time",
    source: str = "spans",
    together: bool = False,
) -> str:
    """Time series. ``parts``: aggregates of a slot with aliases; ``value``: of a bucket, made of
    their sums; ``counted``: the part that says how much a bucket holds. ``label``: SQL and alias of
    what tells series apart. ``together``: all series have one width, as stacks need."""
    expression, alias = label or ("''", "series")
    inner = f"""SELECT {slot(column)} AS slot, toString({expression}) AS of_all, {parts}
        FROM {source}
        {condition}
        GROUP BY slot, of_all"""
    return _of(value, inner, counted, alias if label else "", together=together)


def _of(value: str, inner: str, counted: str, alias: str, *, together: bool = False) -> str:
    """``inner``: rows of slot, of_all (the series) and parts."""
    named = f", {alias}" if alias else ""
    shown = f", shown AS {alias}" if alias else ""
    each = "" if together else "PARTITION BY shown"
    return f"""SELECT {_BUCKET if together else _WHOLE} AS time{named}, {value}
FROM (
  SELECT *, {_width(f"sum(counted) OVER ({each})")} AS width{shown}
  FROM (
    SELECT *, if(dense_rank() OVER (ORDER BY own DESC, of_all) <= {SERIES}, of_all, 'others') AS shown
    FROM (
      SELECT *, {counted} AS counted, sum({counted}) OVER (PARTITION BY of_all) AS own
      FROM (
        {inner}
      )
    )
  )
)
GROUP BY time{named}
ORDER BY time{named}"""


def _judged(names: Sequence[str]) -> str:
    """Rows of slot, classifier, failed, judged, and of the classifier in the whole range: all_failed,
    all_judged; with what it may fail, allowed."""
    thresholds = read()
    own = thresholds.classifier
    allowed = {name: own[name].allowed for name in columns(names) if name in own}
    limit = (
        f"transform(classifier, {list(allowed)}, {list(allowed.values())},"
        f" {thresholds.custom.max_fail_rate})"
    )
    return f"""SELECT slot, v.1 AS classifier, v.2 AS failed, v.3 AS judged,
    sum(failed) OVER (PARTITION BY classifier) AS all_failed,
    sum(judged) OVER (PARTITION BY classifier) AS all_judged, {limit} AS allowed
  FROM (
{on_board(in_slots(), {"counts": verdicts_of(names)}, slots=NARROW)}
  )
  ARRAY JOIN counts AS v
  WHERE v.3 > 0 AND {chosen("v.1")}"""


def states(names: Sequence[str]) -> str:
    """Time series of each classifier: 0 within its threshold, 1 above it but for chance, 2 above it
    by the lower end of the interval, or at all where one failure is too much. All have a row for each
    of the narrowest buckets: where one has none, Grafana leaves a hole. Where nothing was judged, one
    row without a state says so: of no row at all Grafana says that it has no time field."""
    return f"""SELECT each.1 AS time, each.2 AS classifier, each.3 AS state
FROM (
SELECT arraySort(groupArray((toDateTime(at), toString(classifier), toNullable(toInt8(state))))) AS judged_at_all
FROM (
SELECT classifier, state, toUnixTimestamp(time) AS began, min(wide) OVER () AS narrow,
  least(leadInFrame(began, 1, toUInt32(toUnixTimestamp($__toTime) + 1)) OVER (PARTITION BY classifier ORDER BY time
    ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING), began + intDiv(3 * wide, 2)) AS ended
FROM (
SELECT time, classifier, wide, multiIf(
  failed > if(allowed = 0, 0, 1) AND {wilson_low("failed", "judged")} > allowed, 2,
  failed / judged > allowed, 1, 0) AS state
FROM (
SELECT {_WHOLE} AS time, classifier, sum(of_slot) AS failed, sum(judged_of_slot) AS judged,
  any(allowed) AS allowed, any(width) AS wide
FROM (
  SELECT slot, classifier, failed AS of_slot, judged AS judged_of_slot, allowed,
    {_width("all_judged")} AS width
  FROM (
  {_judged(names)}
  )
)
GROUP BY time, classifier
)
)
)
ARRAY JOIN range(began, greatest(ended, began + 1), narrow) AS at
)
ARRAY JOIN if(empty(judged_at_all),
  [(toDateTime(toStartOfHour($__toTime)), '{NOTHING}', CAST(NULL, 'Nullable(Int8)'))], judged_at_all) AS each"""


def worst(names: Sequence[str]) -> str:
    """Time series of the one classifier that is farthest above its threshold: rate and interval."""
    return f"""SELECT time, classifier, failed / judged AS fail_rate,
  {wilson_low("failed", "judged")} AS at_least, {wilson_high("failed", "judged")} AS at_most
FROM (
SELECT {_WHOLE} AS time, classifier, sum(of_slot) AS failed, sum(judged_of_slot) AS judged
FROM (
  SELECT slot, classifier, failed AS of_slot, judged AS judged_of_slot, {_width("all_judged")} AS width,
    dense_rank() OVER (ORDER BY {wilson_low("all_failed", "all_judged")}
      / greatest(allowed, 0.001) DESC, classifier)
      AS place
  FROM (
  {_judged(names)}
  )
)
WHERE place = 1
GROUP BY time, classifier
)
ORDER BY time"""


def failures(names: Sequence[str]) -> str:
    """Time series: how many spans each classifier failed."""
    inner = f"""SELECT slot, classifier AS of_all, failed
        FROM (
        {_judged(names)}
        )"""
    return _of("sum(failed) AS failures", inner, "failed", "classifier", together=True)


def by_variant(rows: str, variant: str) -> str:
    """Time series of fail rates, one a variant, of the classifier by which two of them differ the
    most for how much they were judged. ``rows``: SQL of slot, counts and what ``variant`` is made of;
    several of a slot and variant are added up."""
    inner = f"""SELECT slot, concat(classifier, ' · ', variant) AS of_all, failed, judged,
          sum(failed) OVER (PARTITION BY classifier, variant) AS all_failed,
          sum(judged) OVER (PARTITION BY classifier, variant) AS all_judged
        FROM (
          SELECT slot, {variant} AS variant, v.1 AS classifier, sum(v.2) AS failed, sum(v.3) AS judged
          FROM (
          {rows}
          )
          ARRAY JOIN counts AS v
          WHERE v.3 > 0 AND {chosen("v.1")}
          GROUP BY slot, variant, classifier
        )"""
    inner = f"""SELECT * FROM (
        SELECT *, dense_rank() OVER (ORDER BY apart DESC, classifier) AS place FROM (
        SELECT *, splitByString(' · ', of_all)[1] AS classifier,
          max(all_failed / all_judged) OVER (PARTITION BY classifier)
            - min(all_failed / all_judged) OVER (PARTITION BY classifier) AS difference,
          difference / max({wilson_high("all_failed", "all_judged")}
            - {wilson_low("all_failed", "all_judged")}) OVER (PARTITION BY classifier) AS apart
        FROM (
        {inner}
        )
        )
        ) WHERE place = 1"""
    return _of("sum(failed) / sum(judged) AS fail_rate", inner, "judged", "series")
