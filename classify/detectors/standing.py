"""Which detectors have their say now: those of detectors.toml whose files are there, are the ones
that it names, and can be read with. The others are set aside: their classifiers judge without."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from classify.classifier import Classifier
from classify.detectors.definition import Detector, DetectorError, read_detectors
from classify.detectors.files import Installed, place
from classify.detectors.reading import Reads
from classify.models.checksums import ModelError
from classify.signals.weighed import Weighed

logger = logging.getLogger(__name__)


def readers(classifiers: Sequence[Classifier]) -> dict[str, Reads]:
    """Of the classifiers that take detectors, what they give to read."""
    return {
        each.name: each.reads for each in classifiers if isinstance(each, Weighed) and each.reads
    }


def with_detectors(
    classifiers: Sequence[Classifier], detectors: Sequence[Installed]
) -> tuple[Classifier, ...]:
    """The classifiers, in their order, with the detectors that are theirs."""
    made = []
    for classifier in classifiers:
        mine = tuple(each for each in detectors if each.detector.classifier == classifier.name)
        if mine and isinstance(classifier, Weighed):
            classifier = copy.copy(classifier)
            classifier.detectors = mine
        made.append(classifier)
    return tuple(made)


class Standing:
    """``path``: detectors.toml; None for no detectors. ``models``: where pulled files lie. For one
    thread; ``aside`` and ``usable`` may be read by any.

    Raises DetectorError where the file can't be read; one that is spoilt later keeps what it said.
    """

    def __init__(
        self, path: Path | None, models: Path | None, classifiers: Sequence[Classifier]
    ) -> None:
        self._path = path
        self._models = models_of(path, models)
        self._readers = readers(classifiers)
        self._listed: tuple[Detector, ...] = read_detectors(path, self._readers) if path else ()
        self._read_at = _changed_at(path)
        self._file_trouble = ""
        self._stamps: dict[str, object] = {}
        #: Those that have their say, in the file's order.
        self.usable: tuple[Installed, ...] = ()
        #: Name to why it has none, and what to do.
        self.aside: Mapping[str, str] = {}
        #: Names of classifiers that are theirs.
        self.classifiers: frozenset[str] = frozenset()

    def look(self, trial: Callable[[Installed], str]) -> bool:
        """At the files, where they have changed. ``trial``: has a detector read something; says why
        it can't. Returns whether others have their say than before."""
        if self._path is None:
            return False
        self._read_again()
        before, was = self.usable, dict(self.aside)
        placed = [place(each, self._models) for each in self._listed]
        known = {each.detector.name: each for each in before}
        aside: dict[str, str] = {}
        usable = []
        stamps: dict[str, object] = {}
        for each in placed:
            name = each.detector.name
            stamps[name] = stamp = (each.detector, each.stamp())
            if stamp == self._stamps.get(name):
                reason = was.get(name, "")
            else:
                reason = _reason(each, trial)
                if reason and name in known:
                    logger.error("%s", reason)
                elif reason:
                    logger.warning("%s", reason)
            if reason:
                aside[name] = reason
            else:
                usable.append(each)
        self._stamps = stamps
        self.usable = tuple(usable)
        self.classifiers = frozenset(each.detector.classifier for each in usable)
        self.aside = aside | ({self._path.name: self._file_trouble} if self._file_trouble else {})
        for name in sorted(known.keys() ^ {each.detector.name for each in usable}):
            logger.info("detector %s %s", name, "goes" if name in known else "has its say from now")
        return self.usable != before

    def told(self) -> list[str]:
        """A sentence for each that is set aside."""
        whose = {each.name: each.classifier for each in self._listed}
        return [
            f"{reason}; {whose[name]} judges without it" if name in whose else reason
            for name, reason in self.aside.items()
        ]

    def _read_again(self) -> None:
        assert self._path is not None
        at = _changed_at(self._path)
        if at == self._read_at:
            return
        self._read_at = at
        try:
            self._listed = read_detectors(self._path, self._readers)
            self._file_trouble = ""
        except DetectorError as error:
            self._file_trouble = f"{error}; what it said before holds"
            logger.error("%s", self._file_trouble)


def models_of(path: Path | None, models: Path | None) -> Path:
    """Where pulled files lie: beside detectors.toml, if nothing else is set."""
    return models or (path.parent if path else Path()) / "detectors"


def _reason(installed: Installed, trial: Callable[[Installed], str]) -> str:
    """Why it can have no say; '' where it can."""
    try:
        installed.check()
    except ModelError as error:
        return str(error)
    return trial(installed)


def _changed_at(path: Path | None) -> tuple[int, int]:
    if path is None:
        return (0, 0)
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)
