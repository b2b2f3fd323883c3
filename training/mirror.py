"""Reads files of a public repository at a pinned commit, out of a git directory."""

from __future__ import annotations

import csv
import fnmatch
import hashlib
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

csv.field_size_limit(1 << 27)


class NotInSnapshot(LookupError):
    """The commit or the file is not in the git directory."""


@dataclass
class Snapshot:
    """One commit of one repository."""

    repository: str
    commit: str
    git_dir: Path
    paths: tuple[str, ...] = ()
    """What the recipe reads of it: paths or globs."""

    def _git(self, *words: str) -> bytes:
        done = subprocess.run(
            ["git", "--git-dir", str(self.git_dir), *words], capture_output=True, check=False
        )
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise NotInSnapshot(f"{self.repository}@{self.commit[:12]}: {said}")
        return done.stdout

    @cached_property
    def _objects(self) -> dict[str, str]:
        """Path to object of every file of the commit."""
        listed = self._git("ls-tree", "-r", "-z", self.commit).decode("utf-8", errors="replace")
        told = (line.partition("\t") for line in listed.split("\0") if line)
        return {path: about.split()[2] for about, _, path in told}

    @cached_property
    def files(self) -> list[str]:
        """Every path of the commit, sorted."""
        return sorted(self._objects)

    def glob(self, *patterns: str) -> list[str]:
        """Paths that match any pattern; `*` also crosses folders."""
        return [path for path in self.files if any(fnmatch.fnmatchcase(path, p) for p in patterns)]

    @property
    def chosen(self) -> list[str]:
        """The paths that the recipe names."""
        return self.glob(*self.paths)

    @cached_property
    def _blobs(self) -> subprocess.Popen[bytes]:
        """One process that is asked for all files: there may be thousands."""
        return subprocess.Popen(
            ["git", "--git-dir", str(self.git_dir), "cat-file", "--batch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def bytes(self, path: str) -> bytes:
        """A file's content. Raises NotInSnapshot."""
        asked, told = self._blobs.stdin, self._blobs.stdout
        if path not in self._objects or asked is None or told is None:
            raise NotInSnapshot(f"{self.repository}@{self.commit[:12]}: no file {path}")
        asked.write(f"{self._objects[path]}\n".encode())
        asked.flush()
        about = told.readline().decode().split()
        if about[1:2] != ["blob"]:
            raise NotInSnapshot(f"{self.repository}@{self.commit[:12]}: {path} is not there")
        return told.read(int(about[2]) + 1)[:-1]

    def text(self, path: str) -> str:
        """A file's text; undecodable bytes become U+FFFD."""
        return self.bytes(path).decode("utf-8-sig", errors="replace")

    def json(self, path: str) -> Any:
        """A JSON file's value."""
        return json.loads(self.text(path))

    def jsonl(self, path: str) -> Iterator[Any]:
        """The values of a JSON-lines file."""
        for line in self.text(path).split("\n"):
            if line.strip():
                yield json.loads(line)

    def csv(self, path: str, delimiter: str = ",") -> Iterator[dict[str, str]]:
        """The rows of a delimited file with a heading."""
        yield from csv.DictReader(io.StringIO(self.text(path), newline=""), delimiter=delimiter)


def open_snapshot(
    repository: str,
    commit: str,
    cache: Path,
    mirror: Path | None = None,
    paths: tuple[str, ...] = (),
) -> Snapshot:
    """The snapshot from MIRROR/owner+name/repo, or fetched from GitHub into CACHE.

    Raises NotInSnapshot when the mirror lacks the repository or the commit.
    """
    name = repository.replace("/", "+")
    if mirror is not None:
        git_dir = mirror / name / "repo"
        if not git_dir.is_dir():
            raise NotInSnapshot(f"{repository}: no {git_dir}; fetch it or leave out --mirror")
        if (git_dir / ".git").is_dir():
            git_dir = git_dir / ".git"
    else:
        git_dir = cache / f"{name}.git"
        if not (git_dir / "FETCH_HEAD").exists():
            _fetch(repository, commit, git_dir)
    snapshot = Snapshot(repository, commit, git_dir, paths)
    snapshot._git("cat-file", "-e", f"{commit}^{{commit}}")
    return snapshot


@dataclass
class Wheel(Snapshot):
    """One wheel of the Python Package Index: some data sets are only there. ``repository``:
    'pypi/NAME', ``commit``: the SHA-256 of the file, which ``git_dir`` is."""

    @cached_property
    def _archive(self) -> zipfile.ZipFile:
        return zipfile.ZipFile(self.git_dir)

    @cached_property
    def files(self) -> list[str]:
        return sorted(self._archive.namelist())

    def bytes(self, path: str) -> bytes:
        return self._archive.read(path)


def open_wheel(repository: str, commit: str, folder: Path, paths: tuple[str, ...] = ()) -> Snapshot:
    """The wheel of 'pypi/NAME' in FOLDER, fetched by `pip download` where it is not there.

    Raises NotInSnapshot where none has that hash.
    """
    package = repository.removeprefix("pypi/")
    for again in (False, True):
        if again:
            folder.mkdir(parents=True, exist_ok=True)
            subprocess.run(
                [sys.executable, "-m", "pip", "download", "-q", "--no-deps", package, "-d", folder],
                check=False,
            )
        for path in sorted(folder.glob(f"{package.partition('==')[0]}-*.whl")):
            if hashlib.sha256(path.read_bytes()).hexdigest() == commit:
                return Wheel(repository, commit, path, paths)
    raise NotInSnapshot(f"{repository}: no wheel with the hash {commit[:12]} in {folder}")


def _fetch(repository: str, commit: str, git_dir: Path) -> None:
    git_dir.mkdir(parents=True, exist_ok=True)
    subprocess.run(["git", "init", "--quiet", "--bare", str(git_dir)], check=True)
    url = f"https://github.com/{repository}"
    subprocess.run(
        ["git", "--git-dir", str(git_dir), "fetch", "--quiet", "--depth", "1", url, commit],
        check=True,
    )
