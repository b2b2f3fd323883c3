"""What classifiers of signals have in common: items of rows, their signals weighed, the verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from classify.classifier import NOT_APPLICABLE, Subject, abstained
from classify.custom.texts import shown
from classify.detectors.definition import BESIDE, numbered
from classify.detectors.files import Installed
from classify.detectors.model import EVERYDAY, model
from classify.detectors.opinion import heard, wanted
from classify.detectors.reading import Reading, Reads
from classify.models import files
from classify.models.checksums import SUMS
from classify.models.encoder import encoder, sigmoid
from classify.models.evidence import quoted
from classify.models.files import heads
from classify.reviews.local_head import Head
from classify.signals.combiner import Combiner, combiner, deciding, file_of, table
from classify.signals.signal import Item, Likeness, Logit, Signal
from clickhouse.span import Verdict

Values = dict[str, float]
#: Evidence where the head makes a row fail.
_LIKE = "like what was called wrong here"


class Weighed:
    """A classifier's `name`, `signals` and two functions are all that it adds.

    Version and threshold are asked for when they are needed, not at import: a file that can't be
    read stops the classifiers that stand on it, and no others. Both raise ModelError.
    """

    name: str
    signals: ClassVar[tuple[Any, ...]]
    #: Grows with the classifier's own code; the verdicts' version is this and its files'.
    code_version: int
    _threshold: float | None = None
    #: Where this is set, scores over that quantile (0 to 1) of the service's own rows fail;
    #: ``limits``: service to that score, as far as it is known (job/own_traffic.py).
    quantile: float = 0.0
    limits: Mapping[str, float] = MappingProxyType({})
    #: What it gives to detectors to read; None where it takes none.
    reads: ClassVar[Reads | None] = None
    #: Those that have their say, one after the other (detectors/opinion.py).
    detectors: tuple[Installed, ...] = ()
    #: Whether a head of one's own traffic may join: where sources that nothing was fitted on say
    #: that it helps (benchmarks/reviews).
    learns_here: ClassVar[bool] = False
    #: That head, and the number of the calibration that it is of.
    head: Head | None = None
    head_number: int = 0

    def decided(self, subject: Subject) -> Verdict | None:
        """The verdict where no weighing is needed (a rule that is certain, nothing to judge, a text
        that can't be judged: 'abstained', with the reason); None where the signals are asked."""
        raise NotImplementedError

    def items(self, subject: Subject) -> Sequence[Item]:
        """What is weighed; the worst counts. [] where there is nothing: not applicable."""
        raise NotImplementedError

    def readings(self, subject: Subject) -> Sequence[Reading]:
        """What detectors read of the row; [] where there is nothing."""
        raise NotImplementedError

    def unsure(self, item: Item) -> str:
        """Why an item can't fail, whatever its score: its row is abstained; '' where it can."""
        return ""

    @property
    def version(self) -> int:
        own = (self.code_version * 1000 + self._combiner.version) * 1000 + (
            heads().version if self._asked() else 0
        )
        others = numbered([each.detector for each in self.detectors])
        return own * BESIDE + others if others else own

    @property
    def threshold(self) -> float:
        """The combiner's, unless somebody has set another."""
        return self._combiner.threshold if self._threshold is None else self._threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        self._threshold = value

    @property
    def model_files(self) -> tuple[str, ...]:
        """Names of the files without which it can't judge. Raises ModelError."""
        found: dict[str, None] = dict.fromkeys((SUMS, file_of(self.name)))
        for signal in self._asked():
            tower = files.GENERAL
            if isinstance(signal, Logit):
                tower = heads().head(signal.head).tower
            found |= dict.fromkeys(files.needed_for(tower))
        if self.head:
            found |= dict.fromkeys(files.needed_for(files.GENERAL))
        return tuple(found)

    def judge(self, subjects: Sequence[Subject]) -> list[Verdict]:
        found = [self.decided(subject) for subject in subjects]
        by_rule = [verdict is not None for verdict in found]
        worst: dict[int, Item] = {}
        rows: list[tuple[int, list[Item]]] = [
            (i, list(self.items(subject))) for i, subject in enumerate(subjects) if found[i] is None
        ]
        flat = [item for _, items in rows for item in items]
        weighed = self._weighed(flat) if flat else []
        at = 0
        for i, items in rows:
            mine = weighed[at : at + len(items)]
            at += len(items)
            limit = self.limits.get(subjects[i].span.service_name, self.threshold)
            found[i] = self._verdict(items, mine, limit) if items else NOT_APPLICABLE
            if items:
                worst[i] = items[_worst(mine)]
        given = [verdict or NOT_APPLICABLE for verdict in found]
        for each in self.detectors:
            given = self._heard(each, subjects, given, by_rule)
        return self._learned(given, worst) if self.head else given

    def deciding_texts(self, subjects: Sequence[Subject]) -> list[str]:
        """The text of each row that its score is of, '' where a rule decides or there is none."""
        rows = [[] if self.decided(each) else list(self.items(each)) for each in subjects]
        weighed = iter(self._weighed([item for items in rows for item in items]))
        return [
            items[_worst([next(weighed) for _ in items])].text if items else "" for items in rows
        ]

    def _learned(self, found: list[Verdict], worst: Mapping[int, Item]) -> list[Verdict]:
        """With the head's say. What a rule is certain of stands, and what is abstained from."""
        head = self.head
        asked = {
            i: item
            for i, item in worst.items()
            if found[i].label in ("pass", "fail") and item.text.strip()
        }
        if head is None or not asked:
            return found
        vectors = encoder().vectors([shown(item.text) for item in asked.values()])
        own = [found[i].score for i in asked]
        made = list(found)
        for (i, item), score in zip(asked.items(), head.scores(own, vectors), strict=True):
            made[i] = self._moved(found[i], item, float(score))
        return made

    def _moved(self, verdict: Verdict, item: Item, score: float) -> Verdict:
        moved = replace(verdict, score=score, own_score=verdict.score)
        # At the threshold it fails, whatever the last digit says.
        if (score >= self.threshold - 1e-9) == (verdict.label == "fail"):
            return moved
        if verdict.label == "fail":
            return replace(moved, label="pass", evidence="")
        if self.unsure(item):
            return replace(moved, score=verdict.score)
        return replace(moved, label="fail", evidence=quoted(_LIKE, item.text))

    def _heard(
        self,
        installed: Installed,
        subjects: Sequence[Subject],
        found: Sequence[Verdict],
        by_rule: Sequence[bool],
    ) -> list[Verdict]:
        own = self._combiner.threshold
        readings = [
            self.readings(subject) if wanted(installed.detector, verdict, own, by_rule=rule) else []
            for subject, verdict, rule in zip(subjects, found, by_rule, strict=True)
        ]
        limits = [self.limits.get(each.span.service_name, self.threshold) for each in subjects]
        return heard(installed, readings, found, own, limits)

    def ask_all(self, subjects: Sequence[Subject]) -> None:
        """Read all signals of these, also what the cheap ones would leave unasked: whether the
        encoder can be asked at all, and the detectors."""
        self.values([item for subject in subjects for item in self.items(subject)])
        for each in self.detectors:
            model(each).fails([EVERYDAY[each.detector.reads]])
        if self.head:
            encoder().vectors(["everyday"])

    def values(self, items: Sequence[Item], asked: bool = True) -> list[Values]:
        """Each item's signals by name; those of the encoder too where ``asked``."""
        cheap = [signal for signal in self.signals if isinstance(signal, Signal)]
        found = [{signal.name: float(signal.read(item)) for signal in cheap} for item in items]
        if asked:
            self._ask(items, found)
        return found

    def _weighed(self, items: Sequence[Item]) -> list[tuple[float, Values]]:
        """Score and signals of each item."""
        form = self._combiner
        found = self.values(items, asked=form.first is None)
        if form.first is None:
            logits = form.model.logits(table(form.model.signals, found))
        else:
            logits = form.first.model.logits(table(form.first.model.signals, found))
            low, high = form.first.doubt
            doubtful = [i for i, logit in enumerate(logits) if low <= logit <= high]
            if doubtful:
                some = [found[i] for i in doubtful]
                self._ask([items[i] for i in doubtful], some)
                logits[doubtful] = form.model.logits(table(form.model.signals, some))
        return list(zip(map(float, sigmoid(logits)), found, strict=True))

    def _ask(self, items: Sequence[Item], found: list[Values]) -> None:
        """Add the encoder's signals: one call of it each for all items."""
        for signal in self._asked():
            if isinstance(signal, Logit):
                each = [signal.ask(item) for item in items]
                inputs = [one for one_item in each for one in one_item]
                given = encoder().head_logits(signal.head, inputs)
                sizes = [len(some) for some in each]
            else:
                pairs = [signal.pairs(item) for item in items]
                given = encoder().cosines([one for some in pairs for one in some])
                sizes = [len(some) for some in pairs]
            at = 0
            for values, size in zip(found, sizes, strict=True):
                mine = given[at : at + size]
                at += size
                values[signal.name] = float(mine.max()) if len(mine) else math.nan

    def _verdict(
        self, items: Sequence[Item], weighed: Sequence[tuple[float, Values]], threshold: float
    ) -> Verdict:
        worst = _worst(weighed)
        score, values = weighed[worst]
        if score < threshold:
            return Verdict("pass", score)
        if reason := self.unsure(items[worst]):
            return abstained(reason)
        return Verdict("fail", score, self._evidence(items[worst], values))

    def _evidence(self, item: Item, values: Values) -> str:
        """'what the signal says, where: the place'."""
        form = self._combiner
        whole = form.first is None or any(name in values for name in self._asked_names())
        model = form.model if whole or form.first is None else form.first.model
        name = deciding(model, values)
        signal = next((each for each in self.signals if each.name == name), None)
        if signal is None:
            return quoted(item.where, item.text)
        place = getattr(signal, "place", None)
        text = (place(item) if place else "") or item.text
        where = f"{signal.says}, {item.where}" if item.where else signal.says
        return quoted(where, text)

    def _asked(self) -> list[Any]:
        return [each for each in self.signals if isinstance(each, (Logit, Likeness))]

    def _asked_names(self) -> list[str]:
        return [signal.name for signal in self._asked()]

    @property
    def _combiner(self) -> Combiner:
        return combiner(self.name)


def _worst(weighed: Sequence[tuple[float, Values]]) -> int:
    return int(np.argmax([score for score, _ in weighed]))
