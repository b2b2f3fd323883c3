"""Model files that are missing or damaged: what they can't judge must wait for them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.faults.kinds import kind
from benchmarks.faults.moments import until
from benchmarks.faults.scene import Broken, Scene, side_house
from tests.everyspan_up import ROOT

_ROOMS = (
    *("ingest", "clickhouse", "classify", "grafana", "alerting", "experiments"),
    *("service", "cli", "demo"),
)
_ASSETS = Path("classify", "models", "assets")


@kind()
def models_missing(scene: Scene) -> None:
    """A model file is missing for a while"""
    _without(scene, lambda path: path.unlink())


@kind()
def models_cut(scene: Scene) -> None:
    """A model file is cut in half for a while"""

    def cut(path: Path) -> None:
        data = path.read_bytes()
        path.unlink()
        path.write_bytes(data[: len(data) // 2])

    _without(scene, cut)


@kind()
def models_damaged(scene: Scene) -> None:
    """2,000 bytes of a model file are inverted for a while"""

    def damage(path: Path) -> None:
        data = bytearray(path.read_bytes())
        path.unlink()
        start = scene.random.randrange(len(data) // 2, len(data) - 2000)
        data[start : start + 2000] = bytes(255 - byte for byte in data[start : start + 2000])
        path.write_bytes(data)

    _without(scene, damage)


def _without(scene: Scene, damage: Callable[[Path], None]) -> None:
    with side_house(scene) as side:
        root = side.house.data.parent / "code"
        for room in _ROOMS:
            shutil.copytree(
                ROOT / room,
                root / room,
                ignore=shutil.ignore_patterns("training", "__pycache__"),
                # Links, so that a damaged file is one of our own.
                copy_function=lambda source, target: Path(target).symlink_to(source),
            )
        # Python takes packages from where it stands; a linked file would lead back.
        for path in root.rglob("*.py"):
            source = path.resolve()
            path.unlink()
            shutil.copyfile(source, path)
        side.house.root = root
        model = root / _ASSETS / side.random.choice(["safety.onnx", "embeddings.onnx"])
        source = model.resolve()
        data = source.read_bytes()
        model.unlink()
        model.write_bytes(data)
        damage(model)
        side.house.launch()
        until(lambda: side.house.is_ready() or not side.house.alive, 20)
        side.traffic.go()
        side.wait(3, 5)
        if side.house.alive:
            side.kill()
        model.unlink(missing_ok=True)
        model.symlink_to(source)
        side.start()
        side.settle()
        mended = time.time()
        side.traffic.go()
        side.wait(2, 3)
        side.settle()
        _check_scores(side, mended)


def _check_scores(side: Scene, mended: float) -> None:
    """All texts say the same: what a whole model makes of them is what was stored before, too."""
    for name in ("toxicity", "jailbreak", "hallucination"):
        rows = side.house.query(
            f"SELECT ingested_at < fromUnixTimestamp64Milli({int(mended * 1000)}, 'UTC') AS early,"
            f" count() AS n, countIf({name} = 'fail') AS failed,"
            f" ifNotFinite(avgIf({name}_score, NOT isNaN({name}_score)), -1) AS score"
            " FROM everyspan.spans WHERE name = 'chat judged' GROUP BY early"
        )
        found = {int(row["early"]): (float(row["score"]), int(row["failed"])) for row in rows}
        if len(found) == 2 and abs(found[0][0] - found[1][0]) > 0.05:
            raise Broken(
                f"misjudged: a damaged model's {name} score is {found[1][0]:.3f} on average and"
                f" stays, the whole one's is {found[0][0]:.3f}"
            )
