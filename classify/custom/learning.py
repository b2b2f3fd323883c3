"""From a definition's examples, and the traffic as background, to what is learned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from classify.custom.blend import LEAST, MANY_ANSWERS, Blend, Rows, blend
from classify.custom.classifier_definition import Definition, DefinitionError, Example, plain
from classify.custom.classifier_store import Record
from classify.custom.examples import check_contradictions
from classify.custom.fewshot import Head, learn
from classify.custom.head import read
from classify.custom.member import in_one, joined
from classify.custom.traffic import Sample


def learned(definition: Definition, traffic: Sample) -> Head | Blend:
    """Raises DefinitionError for examples that contradict each other."""
    positives = joined([each.texts for each in definition.marked("positive")])
    told = [each.texts for each in definition.marked("negative")]
    negatives = joined(told) if told else np.zeros((0, positives.shape[1]), np.float32)
    check_contradictions(definition, positives, negatives)
    mine = {(each.trace_id, each.span_id) for each in definition.examples if each.span_id}
    others = [
        i
        for i, ids in enumerate(zip(traffic.trace_ids, traffic.span_ids, strict=True))
        if ids not in mine
    ]
    examples = {plain(in_one(each.texts)) for each in definition.examples}
    # What says the same as an example stands for no other traffic, and what is said again and again
    # for one text of it.
    texts = {plain(traffic.texts[i]): i for i in reversed(others)}
    apart = sorted(i for text, i in texts.items() if text not in examples)
    if len(apart) < LEAST:
        return learn(positives, negatives, traffic.vectors[others])
    return blend(
        Rows(positives, [in_one(each.texts) for each in definition.marked("positive")]),
        Rows(negatives, [in_one(each.texts) for each in definition.marked("negative")]),
        traffic.rows.only(apart),
        answered=sum(each.answered for each in definition.examples) >= MANY_ANSWERS,
    )


def fails_by(head: Head | Blend, examples: Sequence[Example]) -> list[bool]:
    """Whether each would fail."""
    if not examples:
        return []
    texts = [each.texts for each in examples]
    scores = head.score(joined(texts), list(map(in_one, texts)))
    return [bool(score >= head.threshold) for score in scores]


def check_readable(record: Record) -> None:
    """Whether what it has learned, in a file for example, can be used. Raises DefinitionError."""
    try:
        read(record.head)
    except Exception as error:
        raise DefinitionError(
            f"learned: what '{record.name}' has learned can't be read ({error}); delete the"
            " table [learned] from the file, and it is learned anew"
        ) from error
