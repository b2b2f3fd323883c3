"""A built-in classifier is five files. Here they are, written into a copy of the tree; everything
else follows from them: the registry, dashboards, alert rules, experiments."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.contract.problem import ROOT

ROOMS = ("alerting", "classify", "clickhouse", "grafana", "service")
NAME = "sarcasm"
MODULE = '''"""sarcasm: the answer mocks the user."""

from classify.classifier import Verdict


class Sarcasm:
    name, unit, layer = "sarcasm", "span", "safety"
    description = "The answer mocks the user."
    version, threshold = 1, 0.5
    step_kinds, needs = frozenset(("llm",)), ("output",)

    def judge(self, subjects):
        return [
            Verdict("fail" if "oh, sure" in each.span.output.lower() else "pass", 0.9)
            for each in subjects
        ]


classifier = Sarcasm()
'''
COLUMNS = f"""    ADD COLUMN IF NOT EXISTS {NAME} LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS {NAME}_score Float32 DEFAULT nan AFTER {NAME};
"""
THRESHOLD = f"""
[classifier.{NAME}]
max_fail_rate = 0.02
severity = "warning"
team = "quality"
"""
LOOK = """
from pathlib import Path
from classify.registry import BUILT_IN
from tests.contract import classifiers, columns
from tests.contract.stored import stored
names = [each.name for each in BUILT_IN]
tables = stored(Path("engine"), names)
found = classifiers.problems(Path("."), BUILT_IN, tables)
print(*found, *columns.problems(Path("."), names, tables), len(names), sep="\\n")
"""


def test_five_files_make_a_classifier(tmp_path: Path) -> None:
    for room in ROOMS:
        shutil.copytree(
            ROOT / room,
            tmp_path / room,
            # The model is large; it is read where it is.
            ignore=lambda _, names: {"assets", "__pycache__"}.intersection(names),
        )
    (tmp_path / "classify/models/assets").symlink_to(ROOT / "classify/models/assets")

    (tmp_path / f"classify/classifiers/{NAME}.py").write_text(MODULE, "utf-8")
    (tmp_path / f"clickhouse/migrations/9999_{NAME}.sql").write_text(_migration(), "utf-8")
    thresholds = tmp_path / "grafana/thresholds.toml"
    thresholds.write_text(thresholds.read_text(encoding="utf-8") + THRESHOLD, "utf-8")
    page = "[[entry]]\nfix = 'Look at prompt {prompt}: {evidence}'\n"
    (tmp_path / f"alerting/playbook/{NAME}.toml").write_text(page, "utf-8")
    readme = tmp_path / "classify/README.md"
    row = f"| `{NAME}` | safety | span | the answer | no | it mocks the user |\n"
    text = re.sub(r"(\| `toxicity` \| safety .*\n)", rf"\1{row}", readme.read_text("utf-8"))
    readme.write_text(text, "utf-8")

    _python(tmp_path, "-m", "grafana.build")
    *problems, count = _python(tmp_path, "-c", LOOK).split("\n")
    assert problems == []
    assert int(count) == 12


def _migration() -> str:
    """As 0005 did it: the columns, and both views again with them, each as it was made last."""
    folder = ROOT / "clickhouse/migrations"
    text = (folder / "0031_projects_of_experiments.sql").read_text(encoding="utf-8")
    (view,) = re.findall(r"CREATE OR REPLACE VIEW \$database\.experiment_spans .*?;\n", text, re.S)
    for shape in ("'{}'", "{} = 'fail'", "{} IN ('pass', 'fail')"):
        old = shape.format("toxicity")
        assert view.count(f"{old}\n") == 1
        view = view.replace(f"{old}\n", f"{old},\n        {shape.format(NAME)}\n")
    text = (folder / "0028_text_removed.sql").read_text(encoding="utf-8")
    spans = re.search(r"CREATE OR REPLACE VIEW \$database\.spans .*?;\n", text, re.S)
    assert spans
    return (
        f"ALTER TABLE $database.spans_raw$local $on_cluster\n{COLUMNS}\n-- cluster only\n"
        f"ALTER TABLE $database.spans_raw $on_cluster\n{COLUMNS}\n{spans[0]}\n{view}"
    )


def _python(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join((str(folder), str(ROOT)))},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
