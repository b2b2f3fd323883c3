"""The model's files against the hashes that were written with them.

``SHA256SUMS`` lies beside the files, one line a file, in the form of ``sha256sum``; training writes
it. A file that was cut, altered or lost gives other verdicts, or none, without a word: so a file
is read, held against its hash, and only then loaded. All of them take 0.05 s.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from pathlib import Path

from service.errors import UserError

SUMS = "SHA256SUMS"
#: What judging needs.
_PATTERNS = ("*.onnx", "tokenizer.json", "heads.json", "*.weights.json", "*.ngrams.npz")
_LINE = re.compile(r"([0-9a-f]{64})  (\S+)")


class ModelError(UserError):
    """A file of the model is missing or not in the form it must have. The text says which, and
    what to do."""


def remedy(path: Path) -> str:
    """What to do about a file that is not what was installed."""
    return f"reinstall everyspan-server, or restore {path}"


def checked(path: Path, *, required: bool) -> bytes:
    """The file's bytes. ``required``: its folder must have hashes; a training at work has none.

    Raises ModelError where it is missing, or not what its hash says.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        told = "is missing" if isinstance(error, FileNotFoundError) else f"can't be read ({error})"
        raise ModelError(f"{path} {told}; {remedy(path)}") from error
    known = sums(path.parent, required=required)
    if known and hashlib.sha256(data).hexdigest() != known.get(path.name):
        raise ModelError(
            f"{path} is not what was installed: its SHA-256 differs from that in {SUMS};"
            f" {remedy(path)}"
        )
    return data


def sums(folder: Path, *, required: bool) -> dict[str, str]:
    """File name to hash; {} where a folder that need not have any has none. Raises ModelError."""
    path = folder / SUMS
    try:
        stat = path.stat()
        return _read(path, stat.st_mtime_ns, stat.st_size)
    except FileNotFoundError as error:
        if not required:
            return {}
        raise ModelError(f"{path} is missing; {remedy(path)}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} can't be read ({error}); {remedy(path)}") from error


def damaged(folder: Path) -> dict[str, str]:
    """Each file that is not what was installed, and why; all of the folder's are read."""
    try:
        names = sums(folder, required=True)
    except ModelError as error:
        return {SUMS: str(error)}
    found = {}
    for name in names:
        try:
            checked(folder / name, required=True)
        except ModelError as error:
            found[name] = str(error)
    return found


def write(folder: Path) -> None:
    """The hashes of what is in the folder now."""
    paths = sorted({path for pattern in _PATTERNS for path in folder.glob(pattern)})
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in paths]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


@lru_cache(maxsize=8)
def _read(path: Path, changed_at: int, size: int) -> dict[str, str]:
    """The last two only make a file that changed another one."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            raise ModelError(f"{path}: '{line[:80]}' is no hash and name; {remedy(path)}")
        found[match[2]] = match[1]
    if not found:
        raise ModelError(f"{path} is empty; {remedy(path)}")
    return found
