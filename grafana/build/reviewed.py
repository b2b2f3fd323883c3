"""How good each classifier is on this traffic, as people's answers say."""

from __future__ import annotations

from collections.abc import Sequence

from grafana.build.columns import count, share, text, time
from grafana.build.panels import Json, table
from grafana.build.sql import CUSTOM, between, chosen, columns

#: Figure to the title of its column.
_FIGURES = {"precision": "precision", "recall": "recall", "fail_rate": "really fails"}
#: A look that is older says nothing of now.
_DAYS = 2


def reviewed_sql(names: Sequence[str]) -> str:
    """Of each classifier with answers: its figures at the end of the range, with intervals."""
    each = []
    for figure in _FIGURES:
        found = f"mapFromArrays(figures, newest)['{figure}']"
        low, high = f"{found}.2", f"{found}.3"
        each.append(
            f"if(has(figures, '{figure}') AND isFinite({found}.1), {found}.1, NULL) AS {figure},\n"
            f"  if(has(figures, '{figure}'), {between(low, high)}, '') AS {figure}_between"
        )
    known = ", ".join(f"'{n}'" for n in columns(names))
    mine = f"classifier IN ({known})"
    if CUSTOM in names:
        mine = f"({mine} OR classifier IN (SELECT name FROM custom_classifiers))"
    joined = ",\n  ".join(each)
    return f"""SELECT classifier, {joined},
  answers, measured_at
FROM (
  SELECT classifier, groupArray(toString(figure)) AS figures, groupArray(last) AS newest,
    max(of_answers) AS answers, max(at) AS measured_at
  FROM (
    SELECT classifier, figure, argMax((value, low, high), measured_at) AS last,
      argMax(answers, measured_at) AS of_answers, max(measured_at) AS at
    FROM review_figures
    WHERE toDateTime(measured_at) <= $__toTime AND measured_at > $__toTime - INTERVAL {_DAYS} DAY
      AND {mine} AND {chosen("toString(classifier)")}
    GROUP BY classifier, figure
  )
  GROUP BY classifier
)
ORDER BY answers DESC, classifier"""


def reviewed_table(panel_id: int, names: Sequence[str]) -> Json:
    """For a board of these classifiers."""
    shown = []
    for figure, title in _FIGURES.items():
        shown += [
            share(figure, 120, title, decimals=0),
            text(f"{figure}_between", 100, title="between"),
        ]
    return table(
        panel_id,
        "How good is each classifier here?",
        "As people's answers say, for the seven days before they were weighed: how much of what a "
        "classifier fails is right, how much of what fails it finds, and how much really fails, with "
        "95 % intervals (prediction-powered inference). Under ten answers drawn at random there is an "
        "interval and no figure. Service and time do not narrow it.",
        reviewed_sql(names),
        [text("classifier"), *shown, count("answers", 85), time("measured_at", title="weighed")],
        size=(24, 7),
        empty="Nobody has answered yet: everyspan review CLASSIFIER, or the page's /review.",
    )
