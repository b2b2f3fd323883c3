"""File systems that can be filled and made read-only: needs the right to mount."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_STEP = 1 << 20


@dataclass(frozen=True, slots=True)
class Mount:
    """An ext4 in a file, at ``path``."""

    path: Path
    image: Path

    @property
    def ballast(self) -> Path:
        return self.path / "ballast"

    def fill(self) -> int:
        """Take all that is free; how many bytes that was."""
        size = 0
        block = os.urandom(_STEP)
        with self.ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    size += file.write(block)
            except OSError:
                return size

    def free(self) -> None:
        self.ballast.unlink(missing_ok=True)

    def read_only(self, data: Path) -> None:
        """Whatever opens a file of ``data`` by its name from now on can't write there: files that
        are open already stay so, as the kernel refuses to remount them. Raises OSError."""
        _run("mount", "--bind", str(data), str(data))
        try:
            _run("mount", "-o", "remount,bind,ro", str(data))
        except OSError:
            self.writable(data)
            raise

    def writable(self, data: Path) -> None:
        _run("umount", "--lazy", str(data))

    def remove(self) -> None:
        """Unmount, whoever uses it."""
        _run("umount", "--lazy", str(self.path))
        self.image.unlink(missing_ok=True)


def mount(path: Path, mebibytes: int) -> Mount | None:
    """None where it is not allowed."""
    if shutil.which("mkfs.ext4") is None or os.geteuid() != 0:
        return None
    image = path.with_suffix(".image")
    path.mkdir(parents=True, exist_ok=True)
    try:
        with image.open("wb") as file:
            file.truncate(mebibytes << 20)
        _run("mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", str(image))
        _run("mount", "-o", "loop", str(image), str(path))
    except OSError:
        image.unlink(missing_ok=True)
        return None
    return Mount(path, image)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.returncode, f"{' '.join(command)}: {done.stderr.strip()}")
