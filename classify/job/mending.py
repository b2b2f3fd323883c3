"""Which classifiers can't judge: found out before rows depend on them, when their worker dies, and
looked at again once their time has come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set

from classify.classifier import Classifier
from classify.custom.member import Members
from classify.job.outages import Outages
from classify.job.pool import JudgePool
from classify.job.task import VECTORS
from classify.models import files
from classify.models.checksums import ModelError
from classify.signals.weighed import Weighed

#: What is broken where a file of the model is damaged that no classifier needs now.
MODEL = "model"


class Mending:
    """For one thread. ``changed`` is called once other classifiers are broken than before: who owes
    rows a verdict is then another question."""

    def __init__(
        self,
        classifiers: Sequence[Classifier],
        outages: Outages,
        pool: JudgePool,
        changed: Callable[[], None],
    ) -> None:
        self._classifiers = classifiers
        self._outages = outages
        self._pool = pool
        self._changed = changed
        #: Those that were asked for an everyday trace since they are deployed or mended.
        self._tried: set[str] = set()

    def names(self, custom: Members, *, custom_only: bool) -> set[str]:
        """Of those that judge: classifiers that are not known to be broken."""
        names = {each.name for each in custom.members}
        if not custom_only:
            names |= {each.name for each in self._classifiers}
        return names - set(self._outages.reasons)

    def try_new(self) -> None:
        """Ask classifiers for an everyday trace before rows depend on them."""
        names = self.names(Members(), custom_only=False) - self._tried
        if names:
            self._tried |= names
            self.broke(self._pool.troubles(names))

    def broke(self, found: Mapping[str, str]) -> None:
        """These can't judge, and why."""
        if not found:
            return
        news = set(found) - set(self._outages.reasons)
        self._outages.broke(found)
        self._tried -= set(found)
        if news:
            self._changed()

    def anew(self, names: Set[str]) -> None:
        """These judge otherwise than before: whatever was found out about them is over."""
        self._tried -= names
        self._outages.mended(names & set(self._outages.reasons))

    def killed(self, names: set[str], custom: bytes) -> bool:
        """Whether some of these, of which one may have killed its worker, take no trace at all.
        ``custom``: the custom ones, pickled."""
        found = self._pool.troubles(names, custom)
        self.broke(found)
        return bool(found)

    def look_again(self, custom: bytes) -> bool:
        """At what is broken, once its time has come. Whether something works again."""
        due = set(self._outages.due())
        if not due:
            return False
        damaged = damage(self._classifiers)
        self.broke({name: reason for name, reason in damaged.items() if name in due})
        maybe = due - set(damaged)
        if not maybe:
            return False
        self._pool.renew()
        # What is renewed is loaded anew, all of it.
        self._tried.clear()
        troubles = self._pool.troubles(maybe - {MODEL}, custom)
        self.broke(troubles)
        mended = maybe - set(troubles)
        self._tried |= mended
        self._outages.mended(mended)
        return bool(mended)


def damage(classifiers: Sequence[Classifier]) -> dict[str, str]:
    """What the model's files, as they are now, keep from working, and why."""
    damaged = files.damaged()
    found: dict[str, str] = {}

    def needs(name: str, needed: Iterable[str]) -> None:
        if reason := next((damaged[each] for each in needed if each in damaged), ""):
            found[name] = reason

    for classifier in classifiers:
        if isinstance(classifier, Weighed):
            try:
                needs(classifier.name, classifier.model_files)
            except ModelError as error:
                found[classifier.name] = str(error)
    needs(VECTORS, files.needed_for(files.GENERAL))
    if damaged and not found.keys() - {VECTORS}:
        others = [each for each in damaged if each not in files.needed_for(files.GENERAL)]
        if others:
            found[MODEL] = damaged[others[0]]
    return found
