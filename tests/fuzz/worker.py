"""The process that fuzzes: python -m tests.fuzz.worker TARGET FOLDER SECONDS SEED [MERGED]

Its log says ``broken: …`` where a promise does not hold, and ends then. MERGED: only put into that
folder what of the corpus is needed to reach all the code that it reaches.
"""

from __future__ import annotations

import hashlib
import logging
import sys
import time
import traceback
from pathlib import Path
from random import Random
from types import ModuleType

from tests.fuzz.mutate import mutated
from tests.fuzz.run import INPUT_SECONDS, KNOWN, MEMORY_MIB, ROOT, corpus_of
from tests.fuzz.targets import target

_MODULES = (
    "ingest",
    "clickhouse",
    "classify",
    "alerting",
    "experiments",
    "grafana",
    "uvicorn",
    "h11",
)


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    seconds, seed = float(sys.argv[3]), int(sys.argv[4])
    logging.getLogger().setLevel(logging.WARNING)
    logging.lastResort = None
    try:
        import atheris
    except ImportError:
        _blind(name, folder, seconds, seed)
        return
    with atheris.instrument_imports(include=list(_MODULES)):
        found = target(name)
    _guided(found, folder, seconds, seed)


def _checked(found: ModuleType, data: bytes, known: frozenset[str]) -> None:
    """Raises what breaks a promise, unless it is ``known``: an hour may find more than one."""
    try:
        found.check(data)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in where if str(ROOT) in frame.filename] or where
        place = f"{type(error).__name__} in {Path(ours[-1].filename).name} {ours[-1].name}"
        if place in known:
            return
        # Flushed before libFuzzer ends the process.
        print(f"broken: {place}: {error}".replace("\n", " ")[:2000], flush=True)
        traceback.print_exc()
        sys.stderr.flush()
        raise


def _guided(found: ModuleType, folder: Path, seconds: float, seed: int) -> None:
    import atheris

    words = folder / "words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in found.WORDS if word))
    arguments = [sys.argv[0], f"-dict={words}", f"-timeout={INPUT_SECONDS}", "-max_len=16384"]
    arguments += [f"-rss_limit_mb={MEMORY_MIB}", f"-artifact_prefix={folder}/findings/"]
    if len(sys.argv) > 5:
        arguments += ["-merge=1", sys.argv[5], str(folder / "corpus")]
    else:
        arguments += [f"-max_total_time={seconds:.0f}", f"-seed={seed}", "-print_final_stats=1"]
        arguments += [str(folder / "corpus")]
    # What is loaded once must not count as reached by the first input.
    found.check(found.SEEDS[0])
    known = _known(folder)
    atheris.Setup(arguments, lambda data: _checked(found, data, known))
    atheris.Fuzz()


def _blind(name: str, folder: Path, seconds: float, seed: int) -> None:
    found = target(name)
    random = Random(seed)
    corpus = corpus_of(name)
    known = _known(folder)
    deadline = time.monotonic() + seconds
    number = 0
    while time.monotonic() < deadline:
        data = mutated(corpus, found.WORDS, random)
        number += 1
        try:
            _checked(found, data, known)
        except Exception:
            digest = hashlib.sha1(data, usedforsecurity=False).hexdigest()
            (folder / "findings" / f"crash-{digest}").write_bytes(data)
            print(f"inputs: {number}", flush=True)
            sys.exit(77)
    print(f"inputs: {number} in time", flush=True)


def _known(folder: Path) -> frozenset[str]:
    path = folder / KNOWN
    return frozenset(path.read_text().splitlines()) if path.exists() else frozenset()


def _escaped(word: bytes) -> str:
    return "".join(
        chr(byte) if 32 <= byte < 127 and byte not in (34, 92) else f"\\x{byte:02x}"
        for byte in word
    )


if __name__ == "__main__":
    main()
