"""Files and settings that people write: read, or refused with the error that is meant for them.

First byte: what kind of file the rest is.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from alerting.enrich.playbook import FACTS, PlaybookError, read_playbook, suggested
from alerting.routing import RoutesError, read_routes
from classify.custom import file
from classify.custom.classifier_definition import DefinitionError
from classify.thresholds import ThresholdError, read_thresholds
from experiments import experiment_definition as experiments
from grafana.evaluation.evaluator import PROVISIONED, RulesError, read_rules
from tests.fuzz.targets import BrokenPromise

_ROOT = Path(__file__).resolve().parents[3]
_FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-files-"))


def _on_disk(name: str, data: bytes) -> Path:
    path = _FOLDER / name
    path.write_bytes(data)
    return path


def _classifier(data: bytes) -> None:
    # The folder's watcher decodes so.
    record = file.read(data.decode(errors="replace"), "x.toml")
    again = file.read(file.write(record), "x.toml")
    if again.definition != record.definition:
        raise BrokenPromise("a classifier is another one once it is written and read")


def _routes(data: bytes) -> None:
    read_routes(str(_on_disk("routes.toml", data))).of({"service": "shop", "severity": "critical"})


def _playbook(data: bytes) -> None:
    folder = _FOLDER / "playbook"
    folder.mkdir(exist_ok=True)
    (folder / "x.toml").write_bytes(data)
    facts = dict.fromkeys(FACTS, "x")
    found = read_playbook(str(folder))
    for name in found:
        suggested(found, name, facts)


def _experiments(data: bytes) -> None:
    experiments.read_file(_on_disk("experiments.toml", data))


def _rules(data: bytes) -> None:
    folder = _FOLDER / "rules"
    folder.mkdir(exist_ok=True)
    (folder / "x.yaml").write_bytes(data)
    read_rules(folder)


def _thresholds(data: bytes) -> None:
    read_thresholds(data.decode(errors="replace"))


_KINDS: tuple[tuple[Callable[[bytes], None], type[Exception]], ...] = (
    (_classifier, DefinitionError),
    (_routes, RoutesError),
    (_playbook, PlaybookError),
    (_experiments, experiments.DefinitionError),
    (_rules, RulesError),
    (_thresholds, ThresholdError),
)

WORDS = [
    word.encode()
    for word in (
        "name = on = unit = [[only]] [[fail_if]] column path attribute arguments result step steps"
        " equals not_equals one_of none_of contains matches not_matches above below exists"
        " differs_from which all any order kept broken at_least at_most tool threshold combine"
        " [[examples]] mark positive negative text input output [learned] head model quality"
        " [destinations.x] type pagerduty slack teams opsgenie email webhook log url routing_key"
        " [[routes]] match continue env:HOME ~.* [[entry]] classifier evidence fix"
        " [experiment.x] variants control metrics role primary guardrail hold_out unit margin"
        " apiVersion: groups: rules: policies: contactPoints: uid: for: 5m interval: *a &a"
        " !!python/"
        " [[[[[[[[ {{{{ '''' nan inf 1e999 0x7fffffffffffffff 1979-05-27T07:32:00Z (a+)+$ (?P<x>"
        " $..gl_code $[?@.a==1] jailbreak=0.9 toxicity=nan"
    ).split()
]
_CLASSIFIER = b"""name = "misposted"
describe = "x"
unit = "trace"
[[only]]
column = "service_name"
equals = "bookkeeper"
[[fail_if]]
arguments = "$..gl_code"
tool = "post_*"
differs_from = { result = "$..gl_code", tool = "lookup_invoice" }
[[fail_if]]
steps = ["lookup_invoice", "approve", "post_invoice"]
order = "broken"
[[fail_if]]
step = "tool:post_*"
at_least = 4
[[examples]]
mark = "positive"
text = "a refund"
"""


def _seeds() -> list[bytes]:
    found = [
        _CLASSIFIER,
        (_ROOT / "alerting" / "config" / "routes.toml").read_bytes(),
        (_ROOT / "alerting" / "playbook" / "cost.toml").read_bytes(),
        (_ROOT / "demo" / "experiments.toml").read_bytes(),
        (PROVISIONED / "notifications.yaml").read_bytes(),
        b"jailbreak=0.9, toxicity=0.95",
    ]
    return [bytes([kind]) + data for kind, data in enumerate(found)]


SEEDS = _seeds()


def check(data: bytes) -> None:
    """Raises whatever is not meant for people."""
    if not data:
        return
    read, error = _KINDS[data[0] % len(_KINDS)]
    try:
        read(data[1:])
    except error as told:
        if not str(told):
            raise BrokenPromise("an error without a word") from told
