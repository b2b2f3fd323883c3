"""Faults against a running ``everyspan up``, round after round, and what is left of its promises.

    python -m benchmarks.faults --seconds 3600 --seed 1 [--kinds kill_insert,disk_full] [--houses 2]

Each house runs until its time is over: a fault, then everything that was promised is held against
what is there. After ``--generation`` faults a house is stopped, compared id by id with its
directory closed, and a new one is built. A promise that does not hold ends the generation, keeps
the log in ``--output``, and makes the exit status 1. SIGTERM and Ctrl-C end a run as its time does.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

from benchmarks.faults import house as houses
from benchmarks.faults.kinds import KINDS, Kind
from benchmarks.faults.ledger import Ledger
from benchmarks.faults.moments import until
from benchmarks.faults.mounts import mount
from benchmarks.faults.receiver import receiver
from benchmarks.faults.report import Report, Round
from benchmarks.faults.scene import Broken, Patience, Scene, Skipped
from benchmarks.faults.traffic import Traffic
from tests.everyspan_up import ROOT

#: A handful for a minute: one of each sort.
SHORT = (
    "kill_insert,kill_verdicts,kill_start,kill_ingest_worker,kill_classify_worker,half_written,"
    "receiver_throttles,poisoned_spans"
)
#: The engine's 4 GiB, 64 MiB of requests (as this house is set) and what Python, its workers and
#: the models hold.
LIMIT_MIB = 5120
_DISK_MIB = 1024
_WATCH_SECONDS = 0.5
# Faults after which leaks could not be told within their time, or that need none.
_WITHOUT_LEAKS = ("clock_", "models_", "record_", "kill_migration")
_MOST_UNTOLD = 12


class Run:
    """One run of any number of houses side by side."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.kinds = _chosen(given.kinds)
        self.report = Report(given.seed, _revision(), limit_bytes=given.memory_mib << 20)
        self.ended = threading.Event()
        self.output: Path = given.output
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._until = self._began + given.seconds

    @property
    def over(self) -> bool:
        """Whether to begin no further fault."""
        return self.ended.is_set() or time.monotonic() >= self._until

    def run(self) -> int:
        """The exit status."""
        print(
            f"{len(self.kinds)} kinds, seed {self.given.seed}, {self.given.houses} houses, ", end=""
        )
        print(f"{self.given.seconds:g} s; figures in {self.output}", flush=True)
        threads = [
            threading.Thread(target=self._live, args=(number,))
            for number in range(self.given.houses)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.5)
        self._write()
        print(self.report.markdown())
        return 1 if self.report.problems or not self.report.rounds else 0

    def _live(self, number: int) -> None:
        random = Random(f"{self.given.seed} {number}")
        faults = _order(self.kinds, random)
        generation = 0
        while not self.over:
            generation += 1
            try:
                self._generation(f"{number}.{generation}", random, faults)
            except Exception as error:
                # Of the harness, or a machine that gives up; the others go on.
                self._problem(f"[house {number}.{generation}] harness: {error!r}")
                if not isinstance(error, Broken):
                    self.ended.wait(5)

    def _generation(self, name: str, random: Random, faults: Iterator[Kind]) -> None:
        with self._scene(name, random) as scene:
            self.report.houses += 1
            try:
                scene.start()
            except Broken as error:
                self._keep(scene, f"[house {name}, first start] {error}")
                return
            # Models are loaded with the first batch, on a busy machine for many seconds.
            try:
                scene.traffic.go()
                scene.wait(0.5, 1)
                scene.settle()
            except Broken as error:
                self._keep(scene, f"[house {name}, before the first fault] {error}")
                return
            whole = True
            for number in range(1, self.given.generation + 1):
                if self.over:
                    break
                if not self._round(scene, next(faults), number):
                    whole = False
                    break
            self._sum_up(scene, name, whole)

    def _round(self, scene: Scene, kind: Kind, number: int) -> bool:
        """Whether the house can go on."""
        told = Round(kind.name, scene.name, number)
        began = time.monotonic()
        before = scene.kills
        scene.started_in = 0.0
        try:
            scene.traffic.go()
            if (
                not kind.name.startswith(_WITHOUT_LEAKS)
                and scene.receiver.untold(scene.ledger) < _MOST_UNTOLD
            ):
                scene.plant()
            kind.fault(scene)
            after = time.monotonic()
            if wrong := scene.house.recovers(scene.patience.recover):
                raise Broken(f"stuck: not ready {scene.patience.recover:.0f} s after: {wrong}")
            told.recovered = time.monotonic() - after + scene.started_in
            scene.settle()
            told.settled = time.monotonic() - after
            if scene.peak > self.report.limit_bytes:
                raise Broken(f"memory: {scene.peak / 2**20:.0f} MiB")
        except Skipped as error:
            told.skipped = str(error)
            scene.traffic.go()
        except Exception as error:
            told.problem = str(error) if isinstance(error, Broken) else repr(error)
            if told.problem.startswith(("lost", "doubled", "unknown")):
                told.problem += self._at_rest(scene)
            self._keep(scene, f"[house {scene.name}, fault {number}, {kind.name}] {told.problem}")
        told.kills = scene.kills - before
        told.seconds = time.monotonic() - began
        with self._lock:
            self.report.rounds.append(told)
            self.report.seconds = time.monotonic() - self._began
        mark = "skipped" if told.skipped else told.problem.splitlines()[0] if told.problem else "ok"
        print(
            f"{self.report.seconds:6.0f} s  {scene.name:>5}  {kind.name:<24} {told.seconds:5.1f} s"
            f"  {self.report.kills:4d} kills  {mark[:160]}",
            flush=True,
        )
        self._write()
        return not told.problem

    def _sum_up(self, scene: Scene, name: str, whole: bool) -> None:
        """The exact comparison, awake and asleep; then the figures."""
        receiver = scene.receiver
        receiver.mood = "ok"
        receiver.release.set()
        problems: list[str] = []
        if whole:
            # A receiver that was away is tried again after a minute or two.
            tell = scene.patience.tell + 2 * scene.away_seconds[1]
            until(lambda: not receiver.untold(scene.ledger), tell, 0.5)
            problems += receiver.problems(scene.ledger, 0)
            try:
                scene.settle()
                problems += scene.ledger.differences(scene.house.query)
                if wrong := scene.house.terminate():
                    problems.append(f"stuck: {wrong}")
                problems += scene.ledger.differences(scene.house.asleep)
            except Exception as error:
                problems.append(str(error) if isinstance(error, Broken) else repr(error))
        for each in problems:
            self._keep(scene, f"[house {name}, at its end] {each}")
        with self._lock:
            report = self.report
            report.spans += scene.ledger.spans
            report.retries += scene.traffic.retries
            report.leaks += len(scene.ledger.leaks)
            report.pages += len(scene.ledger.leaks) - receiver.untold(scene.ledger)
            report.resolved += len(receiver.resolved() & set(scene.ledger.leaks))
            report.told_again += receiver.told_again()
            report.peak_bytes = max(report.peak_bytes, scene.peak)

    @contextmanager
    def _scene(self, name: str, random: Random) -> Iterator[Scene]:
        with ExitStack() as stack:
            folder = Path(tempfile.mkdtemp(prefix="faults-", dir=self.given.work))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            server = stack.enter_context(receiver())
            disk = None if self.given.no_mount else mount(folder / "disk", _DISK_MIB)
            if disk is not None:
                stack.callback(disk.remove)
            data = (disk.path if disk else folder) / "data"
            home = houses.build(folder, data, server.url)
            # What a full disk stops must not be the log that tells of it.
            home.log_path = folder / "house.log"
            ledger = Ledger()
            traffic = Traffic(home.ports, ledger, random.randrange(1 << 30))
            scene = Scene(home, ledger, traffic, server, random, mount=disk, name=name)
            scene.patience = _patience(self.given.patience)
            ended = threading.Event()
            watch = threading.Thread(target=self._watch, args=(scene, ended), daemon=True)
            watch.start()
            try:
                yield scene
            finally:
                ended.set()
                traffic.end()
                if home.alive:
                    home.kill()

    def _watch(self, scene: Scene, ended: threading.Event) -> None:
        while not ended.wait(_WATCH_SECONDS):
            scene.watched()

    def _at_rest(self, scene: Scene) -> str:
        """What the directory says without the house, and a copy of it for whoever looks into it."""
        try:
            scene.house.terminate()
            found = scene.ledger.differences(scene.house.asleep)
            copy = self.output / f"data-{scene.name}"
            shutil.copytree(scene.house.data, copy, dirs_exist_ok=True)
        except Exception as error:
            return f"\nAt rest: {error!r}"
        return f"\nAt rest, {copy}: {'; '.join(found) or 'nothing is wrong'}"

    def _keep(self, scene: Scene, problem: str) -> None:
        """Note it, and keep the log that goes with it."""
        self._problem(problem)
        self.output.mkdir(parents=True, exist_ok=True)
        number = len(self.report.problems)
        (self.output / f"problem-{number:03d}.log").write_text(
            f"{problem}\n\n{scene.house.tail(400)}\n", encoding="utf-8"
        )

    def _problem(self, problem: str) -> None:
        with self._lock:
            self.report.problems.append(problem)
        print(f"!!! {problem.splitlines()[0][:300]}", flush=True)

    def _write(self) -> None:
        with self._lock:
            self.report.seconds = time.monotonic() - self._began
            self.report.write(self.output)


def _patience(factor: float) -> Patience:
    plain = Patience()
    return replace(
        plain,
        start=plain.start * factor,
        recover=plain.recover * factor,
        settle=plain.settle * factor,
        tell=plain.tell * factor,
    )


def _order(kinds: Sequence[Kind], random: Random) -> Iterator[Kind]:
    """All of them, each as often as it weighs, shuffled; again and again."""
    deck = [kind for kind in kinds for _ in range(kind.weight)]
    while True:
        random.shuffle(deck)
        yield from deck


def _chosen(names: str) -> list[Kind]:
    if not names:
        return list(KINDS.values())
    unknown = [name for name in names.split(",") if name not in KINDS]
    if unknown:
        raise SystemExit(f"no kind '{unknown[0]}'; there are {', '.join(KINDS)}")
    return [replace(KINDS[name], weight=1) for name in names.split(",")]


def _revision() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--seconds", type=float, default=600, help="until no further fault begins")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", default="", help="of these only, with commas; all by default")
    parser.add_argument("--houses", type=int, default=2, help="side by side")
    parser.add_argument("--generation", type=int, default=30, help="faults until a house is new")
    parser.add_argument("--patience", type=float, default=1.0, help="factor for slow machines")
    parser.add_argument("--memory-mib", type=int, default=LIMIT_MIB, help="limit of a house's tree")
    parser.add_argument("--output", type=Path, default=Path("faults-report"))
    parser.add_argument("--work", type=Path, help="where the houses are built; a temporary folder")
    parser.add_argument("--no-mount", action="store_true", help="leave out faults of the disk")
    parser.add_argument("--short", action="store_true", help="a minute of one house, for CI")
    parser.add_argument("--list", action="store_true", help="the kinds")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    given = options().parse_args(arguments)
    if given.list:
        for kind in KINDS.values():
            print(f"| `{kind.name}` | {kind.about} |")
        return 0
    if given.short:
        given.seconds, given.houses, given.kinds = 60.0, 1, given.kinds or SHORT
        given.no_mount = True
    run = Run(given)
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: run.ended.set())
    return run.run()


if __name__ == "__main__":
    sys.exit(main())
