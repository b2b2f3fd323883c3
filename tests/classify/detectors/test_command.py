"""``everyspan detector pull``, ``list`` and ``test``, as somebody types them."""

from __future__ import annotations

import json
from pathlib import Path

from classify.detectors.definition import own_version
from cli.status import _classifier
from tests.classify.detectors.hub import COMMIT, hub
from tests.classify.detectors.small import BAD, GOOD, entry, onnx, tokenizer, write
from tests.cli.command import everyspan


def test_from_the_hub_to_a_figure(tmp_path: Path) -> None:
    file = write(tmp_path / "detectors.toml", entry("bert", repository="maker/bert"))
    (tmp_path / "labelled.jsonl").write_text(
        "".join(
            json.dumps({"id": str(i), "input": text, "label": int(text == BAD)}) + "\n"
            for i, text in enumerate([BAD, GOOD] * 3)
        )
    )
    with hub() as at:
        at.files["maker/bert"] = {"model.onnx": onnx("bert"), "tokenizer.json": tokenizer("bert")}
        env = {"EVERYSPAN_DETECTORS": str(file), "HF_ENDPOINT": at.address, "HF_HUB_CACHE": "/x"}

        def run(*arguments: str) -> str:
            done = everyspan("detector", *arguments, **env)
            assert done.returncode == 0, done.stderr
            return done.stdout

        one = entry("bert", repository="maker/bert")
        bare = {k: v for k, v in one.items() if not k.endswith("sha256")}
        write(file, bare)
        done = everyspan("detector", "pull", **env)
        assert done.returncode == 1
        assert "bert is not pinned, and nothing was stored" in done.stderr
        assert done.stdout.splitlines()[0] == f'revision = "{COMMIT}"'
        # What it says can be pasted as it is.
        file.write_text(file.read_text() + done.stdout)
        assert "not pulled" in run("list")
        assert "`everyspan detector pull bert` brings it" in " ".join(run("list").split())
        assert "bert: model.onnx, tokenizer.json; as pinned, in " in run("pull", "bert")
        assert "all was there" in run("pull")
        ((told,)) = json.loads(run("list", "--json"))
        assert (told["files"], told["licence"]) == ("as pinned", "Apache-2.0")

        found = run("test", "bert", "--text", BAD, "--data", str(tmp_path / "labelled.jsonl"))
        assert "attack 0.99" in found
        assert "fails: 0.99" in found
        assert "with bert" in found
        line = next(each for each in found.splitlines() if each.strip(" │").startswith("auroc"))
        assert line.rstrip(" │").endswith("1.0000")
        asked = len(at.asked)
    # The hub is gone; nothing that judges misses it.
    assert "passes: 0.0" in run("test", "bert", "--text", GOOD)
    assert asked == len(at.asked)


def test_what_can_not_be_done_says_what_to_do(tmp_path: Path) -> None:
    def told(*arguments: str, **environment: str) -> str:
        done = everyspan("detector", *arguments, **environment)
        assert done.returncode in (1, 2)
        assert "Traceback" not in done.stderr
        return " ".join(done.stderr.split())

    assert "EVERYSPAN_DETECTORS names no file; set it, or give --file" in told("list")
    file = write(tmp_path / "d.toml", entry("bert", repository="maker/bert", revision=COMMIT))
    assert "names no 'other'; there are: bert" in told("test", "other", "--file", str(file))
    assert "model.onnx is missing" in told("test", "bert", "--file", str(file))
    away = told("pull", "--file", str(file), HF_ENDPOINT="http://127.0.0.1:9")
    assert "can't be had from http://127.0.0.1:9" in away
    file.write_text("[[detector]]\nname = 'xy'")
    assert "classifier: it is missing" in told("list", "--file", str(file))


def test_status_says_who_judges_with_whom() -> None:
    facts = {"version": own_version(4001002 * 10**9 + 77), "threshold": 0.97, "judged": 12,
             "abstained": 0, "detectors": {"prompt-guard-2": "signal"}}  # fmt: skip
    assert _classifier("jailbreak", facts) == (
        "jailbreak 4001002 with prompt-guard-2 (signal), fails from 0.97, judged 12 of 12"
    )
    assert own_version(4001002) == 4001002
