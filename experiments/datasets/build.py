"""Makes a version: failing rows in groups, a few of each, and healthy ones to compare them with.

``assemble`` is what a first build and a refresh have in common; a first build keeps nothing.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

from experiments.datasets import controls, failures, reference, select
from experiments.datasets.dataset_definition import Definition
from experiments.datasets.errors import NothingFoundError
from experiments.datasets.item import Version, content_hash
from experiments.datasets.pool import items_of, vectors_of
from experiments.datasets.select import Found
from experiments.datasets.source import Conditions, Kept, Source, conditions

Window = tuple[datetime, datetime]


def build(
    source: Source,
    dataset: str,
    definition: Definition,
    window: Window,
    author: str = "",
    parent: Version | None = None,
) -> Version:
    """A version that is not stored yet; the next one of ``parent`` where there is one.

    Raises ConditionError, DefinitionError, NothingFoundError, and clickhouse-connect's errors.
    """
    return assemble(source, dataset, definition, window, author, parent, Kept())


def assemble(
    source: Source,
    dataset: str,
    definition: Definition,
    window: Window,
    author: str,
    parent: Version | None,
    kept: Kept,
) -> Version:
    """See ``build``; with items of the parent that stay."""
    checks = conditions(source, definition)
    definition.wanted_controls(1)
    number = parent.number + 1 if parent else 1
    found = select.find(
        source.rows, checks.where, window, unit=definition.unit, seed=definition.seed
    )
    if not found.places and not kept.failures:
        raise NothingFoundError(_nothing(source, definition, checks, window, found))
    chosen = failures.choose(source, definition, found, kept)
    items, masked = items_of(
        source.rows, chosen.candidates, "failure", source.columns, definition.unit, number
    )
    items = chosen.placed(items)
    healthy = controls.choose(source, definition, checks, window, chosen, items, kept, number)
    everything = sorted([*items, *healthy.items], key=lambda item: item.id)
    drawn = reference.draw(source, everything, window, definition.seed)
    vectors = source.vectors([row.asked.about for row in drawn])
    old = {item.id for item in parent.items} if parent else set()
    new = {item.id for item in everything}
    return Version(
        project=source.project or "",
        dataset=dataset,
        content_hash=content_hash(everything),
        parent=parent.number if parent else 0,
        parent_hash=parent.content_hash if parent else "",
        created_at=_milliseconds(datetime.now(UTC)),
        author=author,
        definition=definition,
        since=_milliseconds(window[0]),
        until=_milliseconds(window[1]),
        added=sorted(new - old),
        retired={
            name: kept.retired.get(name, "not chosen by this build") for name in sorted(old - new)
        },
        summary={
            "rows": found.rows,
            "traces": found.traces,
            "empty": found.empty,
            "looked_at": len(found.places),
            "duplicates": chosen.duplicates,
            "clusters": [asdict(group) for group in chosen.groups],
            "controls": healthy.balance,
            "masked": dict(sorted((masked + healthy.masked).items())),
            "reference": len(drawn),
        },
        encoder=source.encoder,
        radius=reference.radius(vectors, vectors_of(everything, source.vectors)),
        failure_count=len(items),
        control_count=len(healthy.items),
        items=everything,
        reference=reference.remembered(drawn, vectors),
    )


def _milliseconds(moment: datetime) -> datetime:
    """As ClickHouse keeps it."""
    return moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)


def _nothing(
    source: Source, definition: Definition, checks: Conditions, window: Window, found: Found
) -> str:
    stretch = f"between {window[0]:%Y-%m-%d %H:%M} and {window[1]:%Y-%m-%d %H:%M} UTC"
    if found.rows:
        return (
            f"{found.rows} rows meet --where {definition.where} {stretch}, but none of them has"
            " any input: content is not recorded; turn on content capture in the agent's"
            " instrumentation"
        )
    total = select.count(source.rows, window)
    if not total:
        return f"there are no spans {stretch}; give an earlier --since, or --until"
    told = [f"none of {total} spans {stretch} meets --where {definition.where}"]
    for name in source.columns.named_in(checks.where):
        labels = select.labels_seen(source.rows, name, window)
        told.append(
            f"{name} there is "
            + ", ".join(f"'{label}' ({n})" if label else f"not judged yet ({n})"
                        for label, n in labels.items())
        )  # fmt: skip
    return "; ".join([*told, "give an earlier --since, or another condition"])
