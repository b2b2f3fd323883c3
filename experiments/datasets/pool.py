"""Rows with what they are about: masked questions, their vectors; and items made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classify.classifier import Trace
from experiments.datasets import select
from experiments.datasets.condition import Columns
from experiments.datasets.content import Asked, asked, asked_again, attributes_of, content_of
from experiments.datasets.dataset_definition import Unit
from experiments.datasets.item import Item, Kind, aware, item_id
from experiments.datasets.masking import Masker
from experiments.datasets.matching import Traits
from experiments.datasets.select import Place, Row, Rows, Step

Floats = NDArray[np.float32]
#: Texts to unit vectors, shape (texts, dimensions).
Vectors = Callable[[Sequence[str]], Floats]


@dataclass(slots=True, frozen=True)
class Candidate:
    """A row that may become an item, or an item that is one already."""

    place: Place
    asked: Asked
    traits: Traits
    score: float
    row: Row | None = None
    item: Item | None = None

    @property
    def id(self) -> str:
        """The id that its item has or would have."""
        return self.item.id if self.item else item_id(self.place.trace_id, self.place.span_id)


def candidates(rows: Rows, places: Sequence[Place], columns: Columns) -> list[Candidate]:
    """Worst score first, then newest."""
    found = []
    at = {(place.trace_id, place.span_id): place for place in places}
    for row in select.read(rows, places, columns):
        span = row.span
        question = asked(span, row.request, Masker(span.user_id, span.attributes))
        place = at[span.trace_id, span.span_id]
        score = max((row.scores.get(name, 0.0) for name in row.failed), default=0.0)
        found.append(
            Candidate(
                place,
                question,
                Traits(
                    span.service_name,
                    span.name,
                    span.step_kind,
                    span.model,
                    span.prompt_version,
                    question.characters,
                ),
                score,
                row=row,
            )
        )
    found.sort(key=lambda c: (-c.score, -c.place.start_time.timestamp(), c.id))
    return found


def candidate_of(item: Item) -> Candidate:
    """An item of an earlier version, to be compared with new rows."""
    return Candidate(
        place_of(item),
        asked_again(item.request, item.input, item.messages),
        Traits(
            item.service_name,
            item.name,
            item.step_kind,
            item.model,
            item.prompt_version,
            len(item.input),
        ),
        max((item.scores.get(name, 0.0) for name in item.failed), default=0.0),
        item=item,
    )


def vectors_of(items: Sequence[Item], vectors: Vectors) -> Floats:
    """What items are about."""
    return vectors([asked_again(i.request, i.input, i.messages).about for i in items])


def place_of(item: Item) -> Place:
    """Where its row is, or was."""
    return Place(item.trace_id, item.span_id, item.start_time, len(item.input))


def step_of(traits: Traits) -> Step:
    """The step that a row is of."""
    return Step(traits.service_name, traits.name, traits.step_kind)


def items_of(
    rows: Rows,
    chosen: Sequence[Candidate],
    kind: Kind,
    columns: Columns,
    unit: Unit,
    number: int,
) -> tuple[list[Item], Counter[str]]:
    """The items of some candidates, in their order, and how many values of each kind were masked.
    ``number``: the version that they come in with."""
    places = [candidate.place for candidate in chosen if candidate.item is None]
    traces = select.traces(rows, places) if places else {}
    failed = select.failed_in_traces(rows, places, columns) if unit == "trace" and places else {}
    found: list[Item] = []
    masked: Counter[str] = Counter()
    for candidate in chosen:
        if candidate.item is not None:
            found.append(candidate.item)
            continue
        assert candidate.row is not None
        row, span = candidate.row, candidate.row.span
        trace = traces.get(span.trace_id, Trace((span,)))
        masker = Masker(span.user_id, attributes_of(trace))
        content = content_of(span, trace, masker)
        scores, evidence = row.scores, {name: row.evidence.get(name, "") for name in row.failed}
        names = row.failed
        if unit == "trace":
            worst = failed.get(span.trace_id, {})
            names = list(worst)
            scores = row.scores | {name: score for name, (score, _) in worst.items()}
            evidence = {name: said for name, (_, said) in worst.items()}
        found.append(
            Item(
                id=candidate.id,
                kind=kind,
                request=masker.text(candidate.asked.request),
                expected=content["output"] if kind == "control" else "",
                failed=names,
                evidence={name: masker.text(said) for name, said in evidence.items() if said},
                scores=scores,
                service_name=span.service_name,
                name=span.name,
                step_kind=span.step_kind,
                tool_name=span.tool_name,
                provider=span.provider,
                model=span.model,
                prompt_name=span.prompt_name,
                prompt_version=span.prompt_version,
                trace_id=span.trace_id,
                span_id=span.span_id,
                # As ClickHouse keeps it: microseconds.
                start_time=aware(candidate.place.start_time),
                added_in=number,
                **content,
            )
        )
        masked += masker.counts
    return found, masked
