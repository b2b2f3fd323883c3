"""Fuzzes one target, or all of them in turn, until the time is over.

    python -m tests.fuzz otlp_body --seconds 3600
    python -m tests.fuzz all --seconds 600 --output fuzz-report

With atheris (``pip install atheris``) bytes follow what the code does with them; without it they
change at random from a seed. What breaks a promise is kept in ``--output``, one file each with the
text of the promise, and the exit status is 1. The fuzzer itself is a process of its own: one that
dies, hangs or grows over its memory is a finding too, and the next goes on.

``--keep`` adds inputs that reached new code to the corpus in tests/fuzz/corpus, small ones first.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType

from tests.fuzz.targets import NAMES, target

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(__file__).with_name("corpus")
#: Memory of the process that fuzzes, MiB; seconds for one input.
MEMORY_MIB = 3072
INPUT_SECONDS = 30
#: File of what was found already in this run: the next process passes over it.
KNOWN = "known"
#: What is kept of a target's corpus, bytes, and of one input.
_KEPT_BYTES, _KEPT_INPUT = 48 << 10, 2048


@dataclass(slots=True)
class Outcome:
    """Of one target. ``findings``: file name to what broke."""

    target: str
    guided: bool
    seconds: float = 0.0
    inputs: int = 0
    corpus: int = 0
    findings: dict[str, str] = field(default_factory=dict)


class Stop(Exception):
    """Somebody wants it to end."""


def corpus_of(name: str) -> list[bytes]:
    """The target's seeds, and what was kept in the repository."""
    folder = CORPUS / name
    kept = [path.read_bytes() for path in sorted(folder.glob("*"))] if folder.is_dir() else []
    return [*target(name).SEEDS, *kept]


def fuzz(name: str, seconds: float, seed: int, output: Path) -> Outcome:
    """Until the time is over, with as many processes as that takes. Adds to what an earlier run
    left in ``output``: an hour may be made of parts. One that is ended counts as far as it came."""
    guided = importlib.util.find_spec("atheris") is not None
    outcome = _earlier(name, output) or Outcome(name, guided)
    before = outcome.seconds
    folder = output / name
    grown, found = folder / "corpus", folder / "findings"
    for each in (grown, found):
        each.mkdir(parents=True, exist_ok=True)
    (folder / KNOWN).unlink(missing_ok=True)
    for data in corpus_of(name):
        (grown / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)
    began = time.monotonic()
    number = 0
    while (left := seconds - (time.monotonic() - began)) > 1:
        number += 1
        log = folder / "log"
        command = [sys.executable, "-m", "tests.fuzz.worker", name, str(folder)]
        command += [f"{left:.0f}", str(seed + number)]
        try:
            status = _run(command, log, left + 120)
        finally:
            text = log.read_text(errors="replace")
            outcome.inputs += _inputs(text)
            outcome.seconds = before + time.monotonic() - began
            (output / f"{name}.json").write_text(json.dumps(asdict(outcome), indent=1))
        # The engine may stumble over its own end once everything is done.
        if status == 0 or re.search(r"^(Done \d+ runs|inputs: \d+ in time)", text, re.M):
            break
        _note(outcome, found, text, status)
        (output / f"{name}.json").write_text(json.dumps(asdict(outcome), indent=1))
    outcome.seconds = before + time.monotonic() - began
    outcome.corpus = len(list(grown.iterdir()))
    (output / f"{name}.json").write_text(json.dumps(asdict(outcome), indent=1))
    return outcome


def _earlier(name: str, output: Path) -> Outcome | None:
    try:
        return Outcome(**json.loads((output / f"{name}.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _run(command: Sequence[str], log: Path, seconds: float) -> int:
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return -int(signal.SIGKILL)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _inputs(text: str) -> int:
    """How many were tried, as the worker's log has it last."""
    for line in reversed(text.splitlines()):
        if found := re.match(r"(?:inputs: |Done |stat::number_of_executed_units: )(\d+)", line):
            return int(found[1])
        if line.startswith("#") and line[1:2].isdigit():
            return int(line[1:].split()[0].rstrip(":"))
    return 0


def _note(outcome: Outcome, found: Path, text: str, status: int) -> None:
    """One finding for each promise, however often it breaks."""
    lines = [line for line in text.splitlines() if line.strip()]
    promise = next((line for line in lines if line.startswith("broken: ")), "")
    if not promise:
        promise = next(
            (line for line in reversed(lines) if "ERROR: libFuzzer" in line or "Error" in line),
            lines[-1] if lines else "",
        )
        promise = f"the process ended with {status}: {promise}"
    place = ":".join(promise.split(":")[1:2]).strip() or promise[:120]
    name = hashlib.sha1(place.encode(), usedforsecurity=False).hexdigest()[:12]
    crashes = sorted(found.glob("crash-*")) + sorted(found.glob("timeout-*"))
    crashes += sorted(found.glob("oom-*"))
    for path in crashes:
        path.replace(found / f"{name}-{path.name[-8:]}.input")
    (found / f"{name}.txt").write_text(promise + "\n\n" + "\n".join(lines[-120:]))
    outcome.findings[name] = promise[:500]
    with (found.parent / KNOWN).open("a") as file:
        file.write(f"{place}\n")
    print(f"!!! {outcome.target}: {promise[:300]}", flush=True)


def keep(name: str, output: Path) -> int:
    """Add to the corpus in the repository what reaches code that it does not; how many."""
    grown = output / name / "corpus"
    merged = output / name / "merged"
    shutil.rmtree(merged, ignore_errors=True)
    merged.mkdir()
    command = [sys.executable, "-m", "tests.fuzz.worker", name, str(output / name), "0", "0"]
    subprocess.run([*command, str(merged)], cwd=ROOT, check=False, timeout=1800)
    folder = CORPUS / name
    folder.mkdir(parents=True, exist_ok=True)
    size = sum(path.stat().st_size for path in folder.iterdir())
    known = {path.name for path in folder.iterdir()}
    known |= {hashlib.sha1(s, usedforsecurity=False).hexdigest() for s in target(name).SEEDS}
    added = 0
    found = merged if any(merged.iterdir()) else grown
    for path in sorted(found.iterdir(), key=lambda path: path.stat().st_size):
        bytes_ = path.stat().st_size
        if path.name in known or bytes_ > _KEPT_INPUT or size + bytes_ > _KEPT_BYTES:
            continue
        shutil.copyfile(path, folder / path.name)
        size += bytes_
        added += 1
    return added


def table(outcomes: Sequence[Outcome]) -> str:
    """Markdown, for docs/reliability.md."""
    lines = ["| target | minutes | inputs | findings |", "|---|---:|---:|---:|"]
    lines += [
        f"| {each.target} | {each.seconds / 60:.0f} | {each.inputs:,} | {len(each.findings)} |"
        for each in outcomes
    ]
    told = [
        f"- {each.target}: {promise}" for each in outcomes for promise in each.findings.values()
    ]
    return "\n".join(lines + (["", *told] if told else [])) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("target", choices=[*NAMES, "all"])
    parser.add_argument("--seconds", type=float, default=60, help="for each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path("fuzz-report"))
    parser.add_argument("--keep", action="store_true", help="grow the corpus in the repository")
    given = parser.parse_args(arguments)
    given.output.mkdir(parents=True, exist_ok=True)

    def end(_: int, __: FrameType | None) -> None:
        raise Stop

    signal.signal(signal.SIGTERM, end)
    try:
        for name in NAMES if given.target == "all" else [given.target]:
            found = fuzz(name, given.seconds, given.seed, given.output.resolve())
            print(table([found]).splitlines()[2], flush=True)
            if given.keep:
                print(f"{keep(name, given.output.resolve())} inputs kept", flush=True)
    except (Stop, KeyboardInterrupt):
        print("ended early", file=sys.stderr)
    everything = [each for name in NAMES if (each := _earlier(name, given.output))]
    (given.output / "report.md").write_text(table(everything))
    print(table(everything))
    outcomes = [each for each in everything if given.target in ("all", each.target)]
    return 1 if any(each.findings for each in outcomes) else 0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
