"""The next version of a data set: the same definition on newer traffic.

Ids stay what they are. An item is retired when its verdict was taken back, or when production has
asked nothing like it for long enough; what fails now and is new comes in.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from experiments.datasets import reference, select
from experiments.datasets.build import Window, assemble
from experiments.datasets.clusters import ONE_TOPIC
from experiments.datasets.drift import nearest
from experiments.datasets.item import Item, Version
from experiments.datasets.pool import candidates, place_of, vectors_of
from experiments.datasets.source import Conditions, Kept, Source, conditions

DEFAULT_RETIRE_AFTER = timedelta(days=30)
#: With fewer inputs than this nobody can say that something is not asked any more.
FEWEST_INPUTS = 100
#: Inputs that are looked at for that.
_LIVE_ROWS = 1_000

VERDICT_CHANGED = "its step does not meet the condition any more"
NOT_HEALTHY = "its step is not healthy any more"
PARTNER_GONE = "the failure that it was matched to is gone"


def refresh(
    source: Source,
    parent: Version,
    window: Window,
    author: str = "",
    retire_after: timedelta = DEFAULT_RETIRE_AFTER,
) -> Version:
    """The version after ``parent`` (with items), not stored yet; its content_hash is the parent's
    where nothing changed. Raises what ``build`` raises."""
    checks = conditions(source, parent.definition)
    kept = _kept(source, parent, checks, window[1], retire_after)
    return assemble(source, parent.dataset, parent.definition, window, author, parent, kept)


def _kept(
    source: Source, parent: Version, checks: Conditions, now: datetime, retire_after: timedelta
) -> Kept:
    kept = Kept()
    unit = parent.definition.unit
    where = select.still(source.rows, checks.where, [place_of(item) for item in parent.items], unit)
    healthy = select.still(
        source.rows, checks.healthy, [place_of(item) for item in parent.controls], unit
    )
    gone = _not_asked_any_more(source, parent, checks, now, retire_after)
    for item in parent.items:
        # A row that retention has taken away keeps the verdict it had.
        if item.id in gone:
            kept.retired[item.id] = gone[item.id]
        elif item.kind == "failure" and not where.get(item.span_id, True):
            kept.retired[item.id] = VERDICT_CHANGED
        elif item.kind == "control" and (
            where.get(item.span_id, False) or not healthy.get(item.span_id, True)
        ):
            kept.retired[item.id] = NOT_HEALTHY
    for item in parent.controls:
        if item.id not in kept.retired and item.matched_to in kept.retired:
            kept.retired[item.id] = PARTNER_GONE
    kept.failures = [item for item in parent.failures if item.id not in kept.retired]
    kept.controls = [item for item in parent.controls if item.id not in kept.retired]
    return kept


def _not_asked_any_more(
    source: Source,
    parent: Version,
    checks: Conditions,
    now: datetime,
    retire_after: timedelta,
) -> dict[str, str]:
    """Items older than that, and like no input of production since: id to reason."""
    since = now - retire_after
    old: list[Item] = [item for item in parent.items if item.start_time < since]
    if not old:
        return {}
    drawn = reference.draw(source, parent.items, (since, now), most=_LIVE_ROWS)
    if len(drawn) < FEWEST_INPUTS:
        return {}
    # What fails is rare among all inputs, and asked all the same.
    failing = select.find(source.rows, checks.where, (since, now), unit=parent.definition.unit)
    own = {item.id for item in parent.items}
    drawn += [
        row for row in candidates(source.rows, failing.places, source.columns) if row.id not in own
    ]
    inputs = source.vectors([row.asked.about for row in drawn])
    distances = nearest(vectors_of(old, source.vectors), inputs)
    days = max(1, round(retire_after.total_seconds() / 86_400))
    return {
        item.id: f"nothing like it among {len(drawn)} inputs of the last {days} days"
        for item, distance in zip(old, np.asarray(distances), strict=True)
        if distance > ONE_TOPIC
    }
