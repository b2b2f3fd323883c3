"""A classifier of signals for tests, with weights of its own: the score says how many times 'bad'
stands in the output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from classify.classifier import NOT_APPLICABLE, Layer, Subject, Unit, abstained
from classify.signals.combiner import Combiner, Logistic, Rate
from classify.signals.signal import Signal
from classify.signals.weighed import Weighed
from clickhouse.span import Verdict


@dataclass(slots=True, frozen=True)
class Text:
    where: str
    text: str


class WeighedWords(Weighed):
    name = "words"
    description = "The output says bad."
    code_version = 1
    unit: Unit = "span"
    layer: Layer = "quality"
    step_kinds: frozenset[str] = frozenset({"llm", "tool"})
    needs: tuple[str, ...] = ()
    signals: ClassVar = (
        Signal[Text]("bad", "says bad", lambda item: float(item.text.count("bad"))),
        Signal[Text](
            "loud", "shouts", lambda item: float(item.text.isupper()), place=lambda item: "LOUD"
        ),
    )

    def decided(self, subject: Subject) -> Verdict | None:
        if not subject.span.output:
            return NOT_APPLICABLE
        return abstained("another language") if subject.span.output.startswith("§") else None

    def items(self, subject: Subject) -> Sequence[Text]:
        parts = subject.span.output.split("|")
        return [Text(f"part {i}", part) for i, part in enumerate(parts, 1) if part]

    @property
    def _combiner(self) -> Combiner:
        return Combiner(
            version=1,
            model=Logistic(
                signals=["bad", "loud"], mean=[0, 0], scale=[1, 1], weights=[1, 2], bias=-3
            ),
            threshold=0.9,
            false_alarms=0.0,
            healthy_rows=0,
            rate=Rate(healthy=0.1, failing=0.7, healthy_spread=0.02, failing_spread=0.1),
            sources=[],
        )
