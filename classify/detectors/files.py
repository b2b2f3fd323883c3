"""Where a detector's files lie, and whether they are those that it names."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from classify.detectors.definition import Detector
from classify.models.checksums import ModelError


@dataclass(frozen=True, slots=True)
class Installed:
    """A detector and the folder that all its files are under."""

    detector: Detector
    folder: Path

    @property
    def model(self) -> Path:
        """The ONNX file."""
        return self.folder / self.detector.file

    @property
    def tokenizer(self) -> Path:
        """The tokenizer's file."""
        return self.folder / self.detector.tokenizer

    def pinned(self) -> Iterator[tuple[str, Path, str]]:
        """(name within the folder, path, SHA-256) of each file."""
        it = self.detector
        for name, digest in (
            (it.file, it.sha256),
            (it.data, it.data_sha256),
            (it.tokenizer, it.tokenizer_sha256),
        ):
            if name:
                yield name, self.folder / name, digest

    def stamp(self) -> tuple[tuple[int, int, int], ...]:
        """Changes with the files; cheap."""
        return tuple(_stamp(path) for _, path, _ in self.pinned())

    def check(self) -> None:
        """Raises ModelError where a file is missing, or not the one that the entry names."""
        it = self.detector
        again = f"`everyspan detector pull {it.name}`"
        if not it.pinned:
            raise ModelError(f"detector {it.name} is not pinned: {again} says what to write")
        for name, path, digest in self.pinned():
            stamp = _stamp(path)
            if not any(stamp):
                raise ModelError(f"detector {it.name}: {path} is missing; {again} brings it")
            try:
                found = hashed(path, stamp)
            except OSError as error:
                raise ModelError(
                    f"detector {it.name}: {path} can't be read ({error}); {again} brings it anew"
                ) from error
            if found != digest:
                raise ModelError(
                    f"detector {it.name}: {path} is not the file that detectors.toml names: its"
                    f" SHA-256 is {found}; {again} brings {name} anew"
                )


def place(detector: Detector, models: Path) -> Installed:
    """Where its files are, or will be once they are pulled: ``models``/NAME/REVISION, or its own
    folder."""
    if detector.folder is not None:
        return Installed(detector, detector.folder)
    return Installed(detector, models / detector.name / (detector.revision[:12] or "unpinned"))


@lru_cache(maxsize=64)
def hashed(path: Path, stamp: tuple[int, int, int]) -> str:
    """SHA-256 of a file; ``stamp`` tells whether it is still the same. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stamp(path: Path) -> tuple[int, int, int]:
    """inode, size and time of change; zeros where there is no file."""
    try:
        found = os.stat(path)
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_size, found.st_mtime_ns)
