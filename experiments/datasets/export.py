"""A version as a directory of files with a manifest: complete, or not there."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson

from experiments.datasets.errors import ExportError
from experiments.datasets.item import Version
from experiments.datasets.layouts import LAYOUTS

PARQUET = "parquet"
FORMATS = (*LAYOUTS, PARQUET)
MANIFEST = "manifest.json"


def formats(text: str) -> list[str]:
    """'all', or names with commas between. Raises ExportError."""
    wanted = [name.strip() for name in text.split(",") if name.strip()]
    if not wanted or wanted == ["all"]:
        return list(FORMATS)
    for name in wanted:
        if name not in FORMATS:
            raise ExportError(f"--format {name}: use all, or some of {', '.join(FORMATS)}")
    return wanted


def export(
    version: Version, wanted: Sequence[str], folder: Path, parquet: Callable[[], bytes]
) -> Path:
    """Write ``folder``/NAME/vN. Files of other formats that were exported before stay where the
    content is the same. ``parquet`` is asked only where it is wanted. Raises ExportError."""
    target = folder / version.dataset / f"v{version.number}"
    files: dict[str, bytes] = {}
    for name in wanted:
        files |= {"items.parquet": parquet()} if name == PARQUET else LAYOUTS[name](version)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".new-") as temporary:
            new = Path(temporary) / target.name
            if _holds(target, version):
                shutil.copytree(target, new)
            for path, content in files.items():
                (new / path).parent.mkdir(parents=True, exist_ok=True)
                (new / path).write_bytes(content)
            (new / MANIFEST).write_bytes(
                orjson.dumps(_manifest(version, new), option=orjson.OPT_INDENT_2) + b"\n"
            )
            if target.exists():
                os.replace(target, Path(temporary) / "old")
            os.replace(new, target)
    except OSError as error:
        raise ExportError(
            f"{error.filename or target}: {error.strerror}; give another --out"
        ) from (error)
    return target


def _holds(target: Path, version: Version) -> bool:
    try:
        found = orjson.loads((target / MANIFEST).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return False
    return isinstance(found, dict) and found.get("content_hash") == version.content_hash


def _manifest(version: Version, folder: Path) -> dict[str, Any]:
    described = version.model_dump(mode="json", exclude={"project", "items", "reference"})
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST)
    return described | {
        "files": [
            {
                "path": str(path.relative_to(folder)),
                "bytes": path.stat().st_size,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
            for path in files
        ],
    }
