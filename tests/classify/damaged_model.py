"""Harm to the model's files, and a house whose model may be harmed."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.everyspan_up import ROOT


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def invert(path: Path, at: int = 1_000_000, size: int = 2_000) -> None:
    """Weights that are others: onnxruntime loads them without a word."""
    data = bytearray(path.read_bytes())
    data[at : at + size] = bytes(255 - byte for byte in data[at : at + size])
    path.write_bytes(data)


def house_of_its_own(folder: Path) -> Path:
    """A folder to run Everyspan from whose model may be harmed: all but classify are links."""
    house = folder / "house"
    house.mkdir()
    for path in ROOT.iterdir():
        if path.name not in ("classify", ".git", ".venv"):
            (house / path.name).symlink_to(path)
    shutil.copytree(
        ROOT / "classify", house / "classify", ignore=shutil.ignore_patterns("__pycache__")
    )
    return house
