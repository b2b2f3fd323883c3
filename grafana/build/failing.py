"""Which classifiers fail, since when, how badly: two panels that several boards have."""

from __future__ import annotations

from collections.abc import Sequence

from grafana.build.over_time import states, worst
from grafana.build.panels import GREEN, RED, YELLOW, Json, band, state_timeline


def fail_states(
    panel_id: int, names: Sequence[str], title: str, size: tuple[int, int] = (12, 9)
) -> Json:
    return state_timeline(
        panel_id,
        title,
        "One row a classifier: red where the lower end of the 95 % interval of its fail rate lies above "
        "its threshold (or anything failed, where one failure pages), yellow where the rate does but chance may explain it. A stretch holds some 30 "
        "judged spans, as far as there are that many.",
        states(names),
        label="classifier",
        states=[
            ("within its threshold", GREEN),
            ("above it, perhaps by chance", YELLOW),
            ("above its threshold", RED),
        ],
        size=size,
    )


def worst_of(panel_id: int, names: Sequence[str], size: tuple[int, int] = (12, 9)) -> Json:
    return band(
        panel_id,
        "How badly does the worst one fail?",
        "Failed / judged of the classifier that is farthest above its threshold in the time range, or "
        "of the one that is chosen above; the band is the 95 % interval (Wilson).",
        worst(names),
        label="classifier",
        size=size,
    )
