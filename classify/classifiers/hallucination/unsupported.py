"""Holds each claim of an answer against what it can rest on: plain contradictions by rule, the rest
by how much of it is new."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from classify.classifier import NOT_APPLICABLE, Classifier, Layer, Subject, Unit, abstained
from classify.classifiers.hallucination.answers import (
    Claimed,
    claimed,
    plain,
    specific,
    stated,
)
from classify.classifiers.hallucination.sources import asked_of, grounds_of
from classify.classifiers.hallucination.without_sources import made_up
from classify.detectors.reading import Reading, Reads
from classify.models import figures
from classify.models.claims import claims
from classify.models.evidence import BY_RULE, quoted
from classify.models.rows import is_answer, speaks
from classify.signals import contradiction, identifiers, novelty, quotation
from classify.signals.grounds import Grounds
from classify.signals.language import in_two_languages
from classify.signals.signal import Item, Signal
from classify.signals.weighed import Weighed
from clickhouse.span import Verdict

#: What a contradiction is called in evidence.
_SAYS = {
    "number": "“{said}”, where its source says “{there}”",
    "name": "“{said}”, where its source says “{there}”",
    "denied": "denies what its source says, or the other way round",
    "opposite": "“{said}”, where its source says “{there}”",
}


class Hallucination(Weighed):
    """Claims are the items; the worst counts."""

    name = "hallucination"
    description = "The answer states what its documents and tool results do not say."
    code_version = 5
    reads: ClassVar[Reads | None] = "context, claim"
    unit: Unit = "span"
    layer: Layer = "quality"
    step_kinds = frozenset(("llm", "agent", "chain"))
    needs: tuple[str, ...] = ("output",)
    signals: ClassVar = (
        Signal(
            "new_pairs",
            "puts together what its sources do not",
            lambda item: novelty.new_pairs(item.told, item.grounds),
        ),
        Signal(
            "new_triples",
            "is worded as nothing in its sources",
            lambda item: novelty.new_triples(item.told, item.grounds),
        ),
        Signal(
            "new_numbers",
            "has figures that its sources lack",
            lambda item: novelty.new_numbers(item.told, item.grounds),
        ),
        Signal(
            "new_names",
            "has names that its sources lack",
            lambda item: novelty.new_names(item.told, item.grounds),
        ),
        Signal(
            "unsourced_words",
            "as a whole says what its sources do not",
            lambda item: novelty.unsourced_words(item.answer, item.grounds),
        ),
        Signal(
            "unsourced_pairs",
            "as a whole puts together what its sources do not",
            lambda item: novelty.unsourced_pairs(item.answer, item.grounds),
        ),
    )

    def decided(self, subject: Subject) -> Verdict | None:
        if not speaks(subject) or not is_answer(subject.span):
            return NOT_APPLICABLE
        grounds = grounds_of(subject)
        answer = plain(subject.span.output)
        if not grounds.sources:
            return made_up(asked_of(subject), answer, grounds) or NOT_APPLICABLE
        found = _contradicted(subject, answer, grounds) or _invented(answer, grounds)
        if found is not None:
            return found
        told = " ".join(claim.text for claim in claims(answer))
        prose = "\n".join(text for text in grounds.told if text.lstrip()[:1] not in ("{", "["))
        if in_two_languages(told, prose):
            return abstained("the answer is in another language than its sources")
        return None if self.items(subject) else Verdict("pass", 0.0)

    def items(self, subject: Subject) -> Sequence[Item]:
        return _claimed(subject, grounds_of(subject))

    def readings(self, subject: Subject) -> Sequence[Reading]:
        grounds = grounds_of(subject)
        if not grounds.told:
            return []
        return [
            Reading(claim.where, claim.told, grounds.told) for claim in _claimed(subject, grounds)
        ]


def _claimed(subject: Subject, grounds: Grounds) -> list[Claimed]:
    acts = any(span.step_kind == "tool" for span in subject.trace.spans)
    found = claimed(subject.span.output, grounds, acts)
    if any(where.startswith(("document ", "the prompt")) for where, _ in grounds.sources):
        return found
    return [claim for claim in found if specific(claim)]


def _contradicted(subject: Subject, answer: str, grounds: Grounds) -> Verdict | None:
    """Figures of the same thing, or a sentence that says otherwise."""
    told = [text for claim in claims(answer) if (text := stated(claim.text))]
    said = "\n".join(grounds.said)
    found = figures.check(
        [claim.told for claim in claims(answer) if stated(claim.text)], grounds.sources, said
    )
    if found.label == "fail":
        where = f"“{found.claim[:120]}” is contradicted by {found.where}"
        return Verdict("fail", BY_RULE, quoted(where, found.passage))
    for text in told:
        other = contradiction.contradiction(text, grounds)
        if other is not None:
            says = _SAYS[other.kind].format(said=other.said, there=other.there)
            where = f"“{text[:120]}”: {says}, {other.sentence.where}"
            return Verdict("fail", BY_RULE, quoted(where, other.sentence.text))
    return None


def _invented(answer: str, grounds: Grounds) -> Verdict | None:
    """Codes, addresses, quotations and documents that there are not."""
    documents = sum(where.startswith("document ") for where, _ in grounds.sources)
    for says, found in (
        ("a code that its sources lack", identifiers.strange_codes(answer, grounds)),
        ("an address that its sources lack", identifiers.strange_addresses(answer, grounds)),
        ("quotes what its sources do not say", quotation.strange_quotations(answer, grounds)),
        (
            f"cites a document that there is not (there are {documents})",
            [f"[{n}]" for n in quotation.strange_citations(answer, documents)],
        ),
    ):
        if found:
            return Verdict("fail", BY_RULE, quoted(says, found[0]))
    return None


classifier: Classifier = Hallucination()
