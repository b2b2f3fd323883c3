"""What classifiers with a head of the encoder have in common."""

from __future__ import annotations

from classify.models import files
from classify.models.files import heads


class Learned:
    """Version and threshold are asked for when they are needed, not at import: a model that can't
    be read stops the classifiers that stand on it, and no others. Both raise ModelError."""

    #: Its output of the encoder.
    head: str
    #: Grows with the classifier's own code; the verdicts' version is this and the model's.
    code_version: int
    _threshold: float | None = None

    @property
    def version(self) -> int:
        return self.code_version * 1000 + heads().version

    @property
    def threshold(self) -> float:
        """The head's calibrated one, unless somebody has set another."""
        return heads().head(self.head).threshold if self._threshold is None else self._threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        self._threshold = value

    @property
    def model_files(self) -> tuple[str, ...]:
        """Names of the files without which it can't judge. A head that abstains needs none but
        heads.json, which says so. Raises ModelError."""
        return files.needed_by(heads().head(self.head))
