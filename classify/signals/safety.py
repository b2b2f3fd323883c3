"""What jailbreak, prompt_injection and toxicity have in common: texts in, one verdict a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from classify.classifier import NOT_APPLICABLE, Subject, abstained
from classify.detectors.reading import Reading, Reads
from classify.models.evidence import BY_RULE, quoted
from classify.signals import ngrams
from classify.signals.attempt import with_outcome
from classify.signals.certain import certain, smuggled
from classify.signals.language import likely, reads
from classify.signals.passage import MAX_CHARACTERS, Passage, passages
from classify.signals.weighed import Weighed
from clickhouse.span import Verdict


@dataclass(slots=True, frozen=True)
class Text:
    """``where``: it stands, for people. ``fetched``: a document or a tool's result."""

    where: str
    text: str
    fetched: bool = False


class Safety(Weighed):
    """A classifier adds its name, signals and ``texts``."""

    reads: ClassVar[Reads | None] = "text"

    def texts(self, subject: Subject) -> list[Text]:
        """What the row says or was given; [] where that is nothing to this classifier."""
        raise NotImplementedError

    @property
    def model_files(self) -> tuple[str, ...]:
        return (*super().model_files, ngrams.file_of(self.name))

    def judge(self, subjects: Sequence[Subject]) -> list[Verdict]:
        return [
            with_outcome(verdict, subject)
            for verdict, subject in zip(super().judge(subjects), subjects, strict=True)
        ]

    def decided(self, subject: Subject) -> Verdict | None:
        texts = [each for each in self.texts(subject) if each.text.strip()]
        if not texts:
            return NOT_APPLICABLE
        for each in texts:
            text = each.text[:MAX_CHARACTERS]
            found = certain(self.name, text, each.fetched)
            if found is None and each.fetched:
                found = smuggled(text)
            if found:
                return Verdict("fail", BY_RULE, quoted(f"{found.what}, {each.where}", found.place))
        if any(reads(each.text) for each in texts):
            return None
        # Of a set of attacks in many languages the phrases find one in twenty-five: where none is
        # found in another language than English, nobody can tell.
        unknown = sorted({likely(each.text) for each in texts})
        return abstained(f"no signal is proven in its language ({', '.join(unknown)})")

    def readings(self, subject: Subject) -> Sequence[Reading]:
        return [
            Reading(each.where, each.text[:MAX_CHARACTERS])
            for each in self.texts(subject)
            if each.text.strip()
        ]

    def items(self, subject: Subject) -> Sequence[Passage]:
        texts = [
            (each.where, each.text, each.fetched)
            for each in self.texts(subject)
            if each.text.strip() and reads(each.text)
        ]
        return list(passages(texts, self.name))
