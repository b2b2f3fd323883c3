"""Exported files in the hands of the tools that they are for, each by its own loader.

LangSmith's and OpenAI's clients are test requirements. DeepEval, RAGAS and promptfoo are large and
disagree with each other about versions: they are used where they are installed, or where their
command is on PATH (an environment of its own, as .ci/run makes one for DeepEval).
"""

from __future__ import annotations

import email
import email.policy
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from experiments.datasets.dataset_definition import Definition
from experiments.datasets.errors import ExportError
from experiments.datasets.export import FORMATS, export, formats
from experiments.datasets.item import Item, Version, content_hash, item_id
from experiments.datasets.layouts import LAYOUTS, promptfoo
from tests.experiments.datasets.stand_in import stand_in

WHEN = datetime(2026, 11, 1, 12, tzinfo=UTC)
DATASET_ID = "11111111-1111-4111-8111-111111111111"
#: What users write and tools could take for more than text.
HOSTILE = (
    "{{ env.HOME }} {% for x in [1] %}y{% endfor %} {# c #} {{request}} #} }} {{{",
    "file:///etc/passwd",
    "package:fs:readFileSync",
    'quotes " and \\ and\nlines, ünïcödé ☃ \u2028 and {"json": true}',
)


def item(number: int, kind: str, text: str, **fields: Any) -> Item:
    answer = f"answer {number}"
    return Item(
        id=item_id("t", str(number)),
        kind=kind,  # type: ignore[arg-type]
        cluster=1,
        topic="refund, tent",
        request=text,
        input=f"Pages: p\n\nCustomer: {text}",
        output=answer,
        expected=answer if kind == "control" else "",
        messages=[
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": f"Pages: p\n\nCustomer: {text}"},
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": "c1", "type": "function",
                 "function": {"name": "get_order", "arguments": '{"order": "LF-1"}'}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "{}"},
        ],
        context=["a document", text],
        tool_calls=[{"name": "get_order", "arguments": '{"order": "LF-1"}', "result": "{}",
                     "failed": False}],
        failed=["hallucination"] if kind == "failure" else [],
        evidence={"hallucination": f"not in a document: {text}"} if kind == "failure" else {},
        scores={"hallucination": 0.9},
        service_name="support",
        name="chat",
        step_kind="llm",
        provider="openai",
        model="gpt-4.1-mini",
        prompt_version="7",
        trace_id="ab" * 16,
        span_id="cd" * 8,
        start_time=WHEN,
        **fields,
    )  # fmt: skip


@pytest.fixture(scope="module")
def version() -> Version:
    """Four failures and four controls, odd texts among them."""
    items = [item(i, "failure", text) for i, text in enumerate(HOSTILE)]
    items += [
        item(10 + i, "control", f"healthy: {text}", matched_to=items[i].id)
        for i, text in enumerate(HOSTILE)
    ]
    items.sort(key=lambda each: each.id)
    return Version(
        dataset="refunds",
        number=3,
        content_hash=content_hash(items),
        parent=2,
        parent_hash="ef" * 32,
        created_at=WHEN,
        author="me",
        definition=Definition(where="hallucination = 'fail'", window_seconds=3600),
        since=WHEN,
        until=WHEN,
        failure_count=4,
        control_count=4,
        items=items,
    )


@pytest.fixture(scope="module")
def folder(version: Version, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All files of the version."""
    return export(version, FORMATS, tmp_path_factory.mktemp("out"), lambda: b"PAR1")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def python_with(tool: str) -> str:
    """An interpreter that has the tool; skips where there is none."""
    if importlib.util.find_spec(tool):
        return sys.executable
    command = shutil.which(tool)
    python = Path(command).parent / "python" if command else None
    if python is None or not python.exists():
        pytest.skip(f"{tool} is not installed here")
    return str(python)


def run(python: str, program: str, folder: Path, cwd: Path) -> list[dict[str, Any]]:
    """What a program prints as JSON, away from this environment."""
    done = subprocess.run(
        [python, "-W", "ignore", "-c", program, str(folder)],
        cwd=cwd,
        env={**os.environ, "DEEPEVAL_TELEMETRY_OPT_OUT": "YES", "RAGAS_DO_NOT_TRACK": "true"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: list[dict[str, Any]] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def test_langsmith_takes_the_examples(version: Version, folder: Path) -> None:
    from langsmith import Client
    from langsmith.schemas import ExampleCreate

    examples = lines(folder / "langsmith/examples.jsonl")
    with pytest.warns(DeprecationWarning, match="reference_outputs"):
        read = [ExampleCreate(**example) for example in examples]
    answers = {
        "/info": {"version": "0.12.0",
                  "instance_flags": {"dataset_examples_multipart_enabled": True}},
        "/datasets": [{"id": DATASET_ID, "tenant_id": DATASET_ID, "name": "refunds",
                       "created_at": "2026-01-01T00:00:00Z"}],
        "/examples": {"count": len(examples), "example_ids": []},
    }  # fmt: skip
    with stand_in(answers) as server:
        client = Client(api_url=server.address, api_key="k", auto_batch_tracing=False)
        client.create_examples(dataset_name="refunds", examples=read)
        (sent,) = server.to(f"/datasets/{DATASET_ID}/examples")
        kind = next(k for _, path, k, _ in server.requests if path.endswith("/examples"))
    message = email.message_from_bytes(
        b"Content-Type: " + kind.encode() + b"\n\n" + sent, policy=email.policy.HTTP
    )
    parts = {
        str(part.get_param("name", header="content-disposition")): json.loads(
            part.get_payload(decode=True)  # type: ignore[arg-type]
        )
        for part in message.iter_parts()  # type: ignore[attr-defined]
    }
    for each, example in zip(version.items, read, strict=True):
        name = str(example.id)
        assert parts[f"{name}.inputs"]["input"] == each.request
        assert parts[f"{name}.inputs"]["messages"] == each.messages
        assert parts[name]["split"] == each.kind
        assert parts[name]["metadata"]["id"] == each.id
        if each.kind == "control":
            assert parts[f"{name}.outputs"] == {"output": each.expected}
    assert len({example.id for example in read}) == len(version.items)


def test_openai_takes_eval_and_items(version: Version, folder: Path) -> None:
    from openai import OpenAI
    from openai.types.eval_create_params import EvalCreateParams
    from openai.types.evals.create_eval_jsonl_run_data_source_param import (
        CreateEvalJSONLRunDataSourceParam,
    )
    from pydantic import TypeAdapter

    rows = lines(folder / "openai-evals/items.jsonl")
    body = json.loads((folder / "openai-evals/eval.json").read_text())
    for row in rows:
        jsonschema.validate(row["item"], body["data_source_config"]["item_schema"])
    TypeAdapter(EvalCreateParams).validate_python(body)
    source = {"type": "jsonl", "source": {"type": "file_content", "content": rows}}
    TypeAdapter(CreateEvalJSONLRunDataSourceParam).validate_python(source)
    answers = {"/runs": {"id": "run_1", "object": "eval.run"}, "/evals": {"id": "eval_1"}}
    with stand_in(answers) as server:
        client = OpenAI(api_key="k", base_url=server.address, max_retries=0)
        made = client.evals.create(**body)
        client.evals.runs.create(made.id, name="v3", data_source=source)  # type: ignore[arg-type]
        (created,), (run_,) = server.to("/evals"), server.to("/evals/eval_1/runs")
    assert json.loads(created)["testing_criteria"][0]["passing_labels"] == ["pass"]
    content = json.loads(run_)["data_source"]["source"]["content"]
    assert [each["item"]["request"] for each in content] == [i.request for i in version.items]
    assert [each["item"]["messages"] for each in content] == [i.messages for i in version.items]
    samples = lines(folder / "openai-evals/samples.jsonl")
    assert [sample["input"] for sample in samples] == [i.messages for i in version.items]
    assert [sample.get("ideal", "") for sample in samples] == [i.expected for i in version.items]


_DEEPEVAL = """
import json, sys
from deepeval.dataset import EvaluationDataset
dataset = EvaluationDataset()
dataset.add_goldens_from_json_file(sys.argv[1] + "/deepeval/goldens.json")
print(json.dumps([
    {"name": g.name, "input": g.input, "expected": g.expected_output, "context": g.context,
     "tools": [t.name for t in g.expected_tools or []],
     "arguments": [t.input_parameters for t in g.expected_tools or []],
     "kind": g.additional_metadata["kind"]} for g in dataset.goldens]))
"""


def test_deepeval_loads_the_goldens(version: Version, folder: Path, tmp_path: Path) -> None:
    goldens = run(python_with("deepeval"), _DEEPEVAL, folder, tmp_path)
    assert [golden["name"] for golden in goldens] == [each.id for each in version.items]
    for golden, each in zip(goldens, version.items, strict=True):
        assert golden["input"] == each.request
        assert golden["context"] == each.context
        assert golden["kind"] == each.kind
        assert golden["expected"] == (each.expected or None)
        healthy = each.kind == "control"
        assert golden["tools"] == (["get_order"] if healthy else [])
        assert golden["arguments"] == ([{"order": "LF-1"}] if healthy else [])


_RAGAS = """
import json, sys
from ragas import EvaluationDataset
dataset = EvaluationDataset.from_jsonl(sys.argv[1] + "/ragas/samples.jsonl")
print(json.dumps([s.model_dump() for s in dataset]))
"""


def test_ragas_loads_the_samples(version: Version, folder: Path, tmp_path: Path) -> None:
    samples = run(python_with("ragas"), _RAGAS, folder, tmp_path)
    ids = (folder / "ragas/ids.txt").read_text().split()
    assert ids == [each.id for each in version.items]
    for sample, each in zip(samples, version.items, strict=True):
        assert sample["user_input"] == each.request
        assert sample["retrieved_contexts"] == each.context
        assert sample["response"] == each.output
        assert sample["reference"] == (each.expected or None)


def test_promptfoo_runs_the_tests(version: Version, folder: Path, tmp_path: Path) -> None:
    command = shutil.which("promptfoo")
    if command is None:
        pytest.skip("promptfoo is not installed here")
    work = tmp_path / "promptfoo"
    shutil.copytree(folder / "promptfoo", work)
    environment = {
        **os.environ,
        "PROMPTFOO_DISABLE_TELEMETRY": "1",
        "PROMPTFOO_DISABLE_UPDATE": "1",
        "PROMPTFOO_CONFIG_DIR": str(tmp_path / "config"),
    }
    config = work / "promptfooconfig.yaml"
    done = subprocess.run(
        [command, "validate", "-c", str(config)],
        env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert "Configuration is valid" in done.stdout + done.stderr
    # Without a model: the prompt comes back, and the judge is replaced by a comparison.
    text = config.read_text().replace("openai:chat:gpt-4.1-mini", "echo")
    config.write_text(text.replace("'{{messages}}'", "'{{messages}}|{{request}}|{{context}}'"))
    tests = lines(work / "tests.jsonl")
    for test in tests:
        test["assert"] = [{"type": "contains", "value": "|"}]
    (work / "tests.jsonl").write_text("".join(json.dumps(test) + "\n" for test in tests))
    subprocess.run(
        [command, "eval", "-c", str(config), "--no-cache", "--no-table", "-o", "out.json"],
        cwd=work, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    results = json.loads((work / "out.json").read_text())["results"]["results"]
    by_id = {result["testCase"]["metadata"]["id"]: result for result in results}
    assert by_id.keys() == {each.id for each in version.items}
    for each in version.items:
        result = by_id[each.id]
        assert result["success"], result.get("error")
        answer = result["response"]["output"]
        assert promptfoo.plain(each.request).strip() in answer
        messages = json.loads(answer.split("]|")[0] + "]")
        assert messages[0] == {"role": "system", "content": "Be kind."}


@pytest.mark.parametrize("text", HOSTILE)
def test_promptfoo_gets_text_and_nothing_else(text: str) -> None:
    """The rules of Nunjucks and of promptfoo's own paths, for where promptfoo is not installed."""
    plain = promptfoo.plain(text)
    assert not plain.startswith(("file://", "package:"))
    for mark in ("{{", "{%", "{#", "#}"):
        assert mark not in plain
    assert plain.replace(" ", "") == text.replace(" ", "")


def test_our_own_lines_are_records_of_everyspan_evaluate(version: Version, folder: Path) -> None:
    from classify.scoring.record import read_record

    rows = (folder / "items.jsonl").read_bytes().split(b"\n")[:-1]
    for row, each in zip(rows, version.items, strict=True):
        record = read_record(row)
        assert record.id == each.id
        assert record.output == each.output
        assert record.context == each.context
        assert record.label == (1.0 if each.kind == "failure" else 0.0)
        assert record.steps[0].name == "get_order"


def test_the_manifest_names_every_file(version: Version, folder: Path) -> None:
    import hashlib

    manifest = json.loads((folder / "manifest.json").read_text())
    assert folder.parts[-2:] == ("refunds", "v3")
    assert manifest["content_hash"] == version.content_hash
    assert manifest["definition"]["where"] == "hallucination = 'fail'"
    assert (manifest["author"], manifest["parent"]) == ("me", 2)
    listed = {each["path"]: each for each in manifest["files"]}
    there = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert listed.keys() == there - {"manifest.json"}
    for path, each in listed.items():
        content = (folder / path).read_bytes()
        assert (each["bytes"], each["sha256"]) == (
            len(content),
            hashlib.sha256(content).hexdigest(),
        )


def test_an_export_is_added_to_the_same_content_and_replaces_other(
    version: Version, tmp_path: Path
) -> None:
    export(version, ["jsonl"], tmp_path, lambda: b"")
    target = export(version, ["ragas"], tmp_path, lambda: b"")
    assert (target / "items.jsonl").exists()
    assert (target / "ragas/samples.jsonl").exists()
    other = version.model_copy(update={"content_hash": "00"})
    export(other, ["ragas"], tmp_path, lambda: b"")
    assert not (target / "items.jsonl").exists()
    assert not list(tmp_path.glob("refunds/.new-*"))


def test_formats() -> None:
    assert formats("all") == list(FORMATS)
    assert set(LAYOUTS) < set(FORMATS)
    assert formats("ragas, jsonl") == ["ragas", "jsonl"]
    with pytest.raises(ExportError, match="--format csv: use all, or some of jsonl"):
        formats("csv")


def test_a_directory_that_can_not_be_written_is_named(version: Version, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match=r"file.*--out"):
        export(version, ["jsonl"], tmp_path / "file", lambda: b"")
