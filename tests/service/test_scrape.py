"""What docs/operations.md has Prometheus scrape says each metric once, and all of them."""

from __future__ import annotations

import re

import yaml

from cli import metrics_table
from tests.everyspan_up import ROOT, Up

#: The ports that ``up`` has unless it is told others.
OPTION = {4318: "otlp-http", 8085: "alerting", 8080: "web", 8086: "classify"}


def test_no_metric_is_scraped_twice_and_none_is_missed(up: Up) -> None:
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    (config,) = re.findall(r"```yaml\n(scrape_configs:.*?)```", text, re.S)
    (job,) = yaml.safe_load(config)["scrape_configs"]
    (targets,) = (each["targets"] for each in job["static_configs"])
    said = []
    for target in targets:
        answer = up.request("GET", "/metrics", port=OPTION[int(target.split(":")[1])])
        assert answer.status == 200
        said += re.findall(r"^# TYPE (everyspan_\w+) ", answer.body.decode(), re.M)
    # Of counters, `_created` is another that belongs to it.
    said = [name for name in said if not name.endswith("_created")]
    assert sorted(said) == sorted(set(said))
    documented = set(re.findall(r"^\| `(everyspan_\w+)`", metrics_table.page(), re.M))
    assert documented <= set(said)
