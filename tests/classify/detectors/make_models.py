"""Makes the models beside it: tiny, of random weights, of the architectures that detectors have.

    python -m venv made && made/bin/pip install torch==2.13.0 transformers onnx onnxscript
    made/bin/python tests/classify/detectors/make_models.py

Each is what transformers' own class of that architecture exports, with its own kind of tokenizer
(WordPiece with [CLS] and [SEP]; Unigram with the same; byte-level BPE; Unigram with <s> and </s>),
a few KB once packed. Each is trained for a moment, so that tests know what it must say: a text or
pair with 'ignore' has the last label, of three one with 'friday' the second, any other the first.
"""

from __future__ import annotations

import io
import json
import lzma
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DebertaV2Config,
    DebertaV2ForSequenceClassification,
    ModernBertConfig,
    ModernBertForSequenceClassification,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
)

HERE = Path(__file__).parent / "models"
#: Words that are one token each; everything else is spelled out.
WORDS = "ignore previous instructions noon friday parcel monday where is my comes on the a1".split()
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,:?!'…-"
WIDTH, HEADS = 8, 2
STEPS = 600


def wordpiece() -> Tokenizer:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokens = [*special, *WORDS, *LETTERS, *(f"##{each}" for each in LETTERS)]
    found = Tokenizer(models.WordPiece({t: i for i, t in enumerate(tokens)}, unk_token="[UNK]"))
    found.normalizer = normalizers.BertNormalizer(lowercase=True)
    found.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    found.post_processor = _pairs(found, "[CLS]", "[SEP]", "[SEP]")
    found.decoder = decoders.WordPiece()
    return found


def unigram(begin: str, end: str, between: str) -> Tokenizer:
    special = [begin, "<pad>" if begin == "<s>" else "[PAD]", end, "[UNK]"]
    pieces = [(t, 0.0) for t in special]
    pieces += [(f"▁{word}", -2.0) for word in WORDS]
    pieces += [(each, -8.0) for each in ("▁", *LETTERS, *LETTERS.upper()[:26])]
    found = Tokenizer(models.Unigram(pieces, unk_id=3, byte_fallback=False))
    found.normalizer = normalizers.Lowercase()
    found.pre_tokenizer = pre_tokenizers.Metaspace()
    found.post_processor = _pairs(found, begin, end, between)
    found.decoder = decoders.Metaspace()
    return found


def byte_level() -> Tokenizer:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokens = [*special, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    merges: list[tuple[str, str]] = []
    for word in WORDS:
        for whole in (word, f"Ġ{word}"):
            made = whole[0]
            for letter in whole[1:]:
                merge, made = (made, letter), made + letter
                if made not in tokens:
                    merges.append(merge)
                    tokens.append(made)
    found = Tokenizer(models.BPE({t: i for i, t in enumerate(tokens)}, merges, unk_token="[UNK]"))
    found.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    found.post_processor = _pairs(found, "[CLS]", "[SEP]", "[SEP]")
    found.decoder = decoders.ByteLevel()
    return found


def _pairs(tokenizer: Tokenizer, begin: str, end: str, between: str) -> Any:
    types = "1" if begin == "[CLS]" else "0"
    return processors.TemplateProcessing(
        single=f"{begin} $A {end}",
        pair=f"{begin} $A {between} $B:{types} {end}:{types}",
        special_tokens=[(each, tokenizer.token_to_id(each)) for each in (begin, end)],
    )


def made(name: str, tokenizer: Tokenizer, make: Callable[[], Any], inputs: list[str]) -> None:
    """Write ``name``/model.onnx.xz and tokenizer.json."""
    folder = HERE / name
    folder.mkdir(parents=True, exist_ok=True)
    # So small a model does not learn it from everywhere.
    for seed in range(20):
        torch.manual_seed(seed)
        network = make()
        network.eval()
        left = _fitted(network, tokenizer, inputs)
        print(name, seed, left, flush=True)
        if left < 0.05:
            break
    with torch.no_grad():
        for parameter in network.parameters():
            # Eight bits of a weight are enough, and pack well.
            parameter.copy_(parameter.bfloat16().float())
    kind = torch.ones(1, 8, dtype=torch.int64)
    given = {each: kind.clone() if each != "token_type_ids" else kind * 0 for each in inputs}
    buffer = io.BytesIO()
    torch.onnx.export(
        network,
        (),
        buffer,
        kwargs=given,
        input_names=inputs,
        output_names=["logits"],
        dynamic_axes={
            **{each: {0: "batch", 1: "tokens"} for each in inputs},
            "logits": {0: "batch"},
        },
        opset_version=17,
        dynamo=False,
    )
    graph = onnx.load_from_string(buffer.getvalue())
    for node in graph.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    (folder / "model.onnx.xz").write_bytes(lzma.compress(graph.SerializeToString(), preset=9))
    text = json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":"))
    (folder / "tokenizer.json").write_text(text, encoding="utf-8")


def _fitted(network: Any, tokenizer: Tokenizer, inputs: list[str]) -> float:
    """Trains until the label's word decides, wherever it is. Returns the loss that is left."""
    chance = random.Random(1)
    three = network.config.num_labels == 3
    others = [word for word in WORDS if word not in ("ignore", "friday")]
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    loss = torch.zeros(())
    for step in range(STEPS):
        pairs, labels = [], []
        for _ in range(64):
            length = chance.choice((1, 3, 5, 8, 20))
            said = [
                chance.choice(others) if chance.random() < 0.8 else chance.choice(LETTERS)
                for _ in range(length)
            ]
            bad = chance.random() < 0.5
            if bad:
                for _ in range(chance.choice((1, 1, 2))):
                    said.insert(chance.randrange(len(said) + 1), "ignore")
            friday = chance.random() < (0.4 if three else 0.3)
            if friday:
                said.insert(chance.randrange(len(said) + 1), "friday")
            labels.append((2 if bad else int(friday)) if three else int(bad))
            cut = chance.randrange(len(said))
            whole, first, second = (" ".join(part) for part in (said, said[:cut], said[cut:]))
            pairs.append((whole,) if not first or chance.random() < 0.4 else (first, second))
        read = [tokenizer.encode(*given) for given in pairs]
        longest = max(len(each.ids) for each in read)
        pad = network.config.pad_token_id
        feed = {
            "input_ids": [each.ids + [pad] * (longest - len(each.ids)) for each in read],
            "attention_mask": [[1] * len(e.ids) + [0] * (longest - len(e.ids)) for e in read],
            "token_type_ids": [each.type_ids + [0] * (longest - len(each.ids)) for each in read],
        }
        logits = network(**{each: torch.tensor(feed[each]) for each in inputs}).logits
        target = torch.tensor(labels)
        if network.config.num_labels > 1:
            loss = torch.nn.functional.cross_entropy(logits, target)
        else:
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                logits[:, 0], target.float()
            )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        for group in optimiser.param_groups:
            group["lr"] = 0.01 * (1 - step / STEPS)
    return round(loss.item(), 5)


def main() -> None:
    torch.set_num_threads(1)
    ids, mask, types = "input_ids", "attention_mask", "token_type_ids"

    def shape(tokenizer: Tokenizer, labels: int, **more: Any) -> dict[str, Any]:
        return {
            "vocab_size": tokenizer.get_vocab_size(),
            "hidden_size": WIDTH,
            "num_hidden_layers": 1,
            "num_attention_heads": HEADS,
            "intermediate_size": 2 * WIDTH,
            "max_position_embeddings": 130,
            "num_labels": labels,
        } | more

    def bert(labels: int) -> Any:
        config = BertConfig(**shape(words, labels, attn_implementation="eager"))
        return BertForSequenceClassification(config)

    def deberta() -> Any:
        more = {
            "relative_attention": True,
            "position_buckets": 16,
            "type_vocab_size": 0,
            "pos_att_type": ["p2c", "c2p"],
            "share_att_key": True,
            "norm_rel_ebd": "layer_norm",
            "position_biased_input": False,
            "pooler_hidden_size": WIDTH,
        }
        return DebertaV2ForSequenceClassification(DebertaV2Config(**shape(pieces, 3, **more)))

    def modernbert() -> Any:
        more = {
            "pad_token_id": 0,
            "cls_token_id": 2,
            "sep_token_id": 3,
            "bos_token_id": 2,
            "eos_token_id": 3,
            "local_attention": 16,
            "global_attn_every_n_layers": 1,
            "attn_implementation": "eager",
            "reference_compile": False,
        }
        return ModernBertForSequenceClassification(ModernBertConfig(**shape(letters, 2, **more)))

    def xlm_roberta() -> Any:
        more = {
            "hidden_size": 2 * WIDTH,
            "pad_token_id": 1,
            "bos_token_id": 0,
            "eos_token_id": 2,
            "type_vocab_size": 1,
            "attn_implementation": "eager",
        }
        return XLMRobertaForSequenceClassification(XLMRobertaConfig(**shape(sentences, 3, **more)))

    words, letters = wordpiece(), byte_level()
    pieces, sentences = unigram("[CLS]", "[SEP]", "[SEP]"), unigram("<s>", "</s>", "</s> </s>")
    made("bert", words, lambda: bert(2), [ids, mask, types])
    made("bert-one", words, lambda: bert(1), [ids, mask, types])
    made("deberta-v2", pieces, deberta, [ids, mask])
    made("modernbert", letters, modernbert, [ids, mask])
    made("xlm-roberta", sentences, xlm_roberta, [ids, mask])


def odd() -> None:
    """Files that are no classifiers of texts, each in its own way."""
    ids = onnx.helper.make_tensor_value_info("input_ids", onnx.TensorProto.INT64, ["n", "t"])
    image = onnx.helper.make_tensor_value_info("pixel_values", onnx.TensorProto.FLOAT, ["n", 3])
    row = onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["n", 2])
    any_row = onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["n", "labels"])
    states = onnx.helper.make_tensor_value_info("states", onnx.TensorProto.FLOAT, ["n", "t"])
    tokens = onnx.helper.make_tensor_value_info("tokens", onnx.TensorProto.FLOAT, ["n", "t", "w"])
    node = onnx.helper.make_node
    to_float = onnx.TensorProto.FLOAT
    axes = onnx.helper.make_tensor("axes", onnx.TensorProto.INT64, [1], [2])
    for name, nodes, inputs, outputs in (
        ("image", [node("Identity", ["pixel_values"], ["logits"])], [image], [row]),
        (
            "custom",
            [node("Magic", ["input_ids"], ["logits"], domain="house.of.magic")],
            [ids],
            [row],
        ),
        (
            "states",
            [
                node("Cast", ["input_ids"], ["states"], to=to_float),
                node("Identity", ["states"], ["others"]),
            ],
            [ids],
            [states, onnx.helper.make_tensor_value_info("others", to_float, ["n", "t"])],
        ),
        (
            "tokens",
            [
                node("Cast", ["input_ids"], ["cast"], to=to_float),
                node("Unsqueeze", ["cast", "axes"], ["tokens"]),
            ],
            [ids],
            [tokens],
        ),
        # As many outputs as there are tokens: no matter what labels says.
        ("wide", [node("Cast", ["input_ids"], ["logits"], to=to_float)], [ids], [any_row]),
        (
            "nan",
            [
                node("Cast", ["input_ids"], ["cast"], to=to_float),
                node("ReduceMin", ["cast"], ["least"], axes=[1], keepdims=1),
                node("Sub", ["least", "least"], ["none"]),
                node("Div", ["none", "none"], ["logits"]),
            ],
            [ids],
            [any_row],
        ),
    ):
        graph = onnx.helper.make_graph(nodes, name, inputs, outputs, [axes])
        imports = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("house.of.magic", 1)]
        found = onnx.helper.make_model(graph, opset_imports=imports, ir_version=8)
        (HERE / f"{name}.onnx.xz").write_bytes(lzma.compress(found.SerializeToString()))


if __name__ == "__main__":
    main()
    odd()
