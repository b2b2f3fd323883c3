"""Each target over what was kept, and for a few seconds more from a fixed seed.

The long run is ``python -m tests.fuzz``. A process for each: the engine serves one directory.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.everyspan_up import ROOT
from tests.fuzz.mutate import mutated
from tests.fuzz.run import CORPUS, table
from tests.fuzz.targets import NAMES

_SECONDS = 1
_DOCS = ROOT / "docs" / "reliability.md"


@pytest.mark.parametrize("name", NAMES)
def test_no_promise_is_broken(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.corpus_check", name, str(_SECONDS)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    told = done.stdout.splitlines()
    assert told, done.stderr[-3000:]
    assert told[-1].startswith("well: "), "\n".join(told[-3:])
    assert int(told[-1].split()[1]) > 5


def test_the_corpus_is_small() -> None:
    files = [path for path in CORPUS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 400 << 10
    assert {path.parent.name for path in files} <= set(NAMES)


def test_each_target_is_documented() -> None:
    text = _DOCS.read_text(encoding="utf-8")
    for name, about in NAMES.items():
        assert f"| `{name}` | {about} |" in text


def test_changes_come_from_the_seed() -> None:
    def some(seed: int) -> list[bytes]:
        random = Random(seed)
        return [mutated([b"one", b"another"], [b"word"], random) for _ in range(50)]

    assert some(1) == some(1)
    assert some(1) != some(2)
    assert json.dumps(table([])).count("---") == 4
