"""Exports the tiny BERT and GPT-2 of architectures/ with their heads to ONNX, as stock code does it, and writes what PyTorch's logits say of some tokens.

    python onnx-logits.py        (needs torch, transformers, onnx, onnxscript, onnxruntime, safetensors, numpy)

Each folder of onnx-logits/ is a model folder. bert-script: TorchScript at opset 14, inputs as Optimum has them, logits alone. bert-dynamo: torch.export,
weights in a file beside it, hidden states too; gpt2-script: opset 17. golden.json holds, for the batches of test/diagnostics/goldens/fisher.json, means over the
asked tokens by NumPy in float64.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel

HERE = Path(__file__).parent
CHECKPOINTS = HERE / "architectures"
OUT = HERE / "onnx-logits"
BATCHES = json.loads((HERE.parents[1] / "diagnostics/goldens/fisher.json").read_text())
CLASSES = {"bert": (BertConfig, BertForMaskedLM), "gpt2": (GPT2Config, GPT2LMHeadModel)}


def load(name):
    config_class, model_class = CLASSES[name]
    config = json.loads((CHECKPOINTS / name / "config.json").read_text())
    model = model_class(config_class(**{**config, "use_cache": False}))
    missing, unexpected = model.load_state_dict(load_file(CHECKPOINTS / name / "model.safetensors"), strict=False)
    assert not unexpected, unexpected
    model.tie_weights()
    return model.eval()


class Exported(torch.nn.Module):
    def __init__(self, model, states):
        super().__init__()
        self.model, self.states = model, states

    def forward(self, input_ids, attention_mask, token_type_ids=None):
        types = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        out = self.model(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=self.states, **types)
        return (out.logits, *(out.hidden_states if self.states else ()))


def export(folder, name, dynamo=False, opset=17, types=False, states=False):
    model = load(name)
    ids, mask = (torch.tensor(BATCHES[name]["batches"][0][key]) for key in ("ids", "mask"))
    arguments = {"input_ids": ids, "attention_mask": mask, **({"token_type_ids": torch.zeros_like(ids)} if types else {})}
    layers = model.config.num_hidden_layers + 1
    outputs = ["logits", *(f"hidden_states.{i}" for i in range(layers if states else 0))]
    path = OUT / folder / "model.onnx"
    shutil.rmtree(path.parent, ignore_errors=True)
    path.parent.mkdir(parents=True)
    wrapped = Exported(model, states).eval()
    if dynamo:
        batch, tokens = torch.export.Dim("batch"), torch.export.Dim("tokens")
        shapes = {key: {0: batch, 1: tokens} for key in arguments}
        proto = torch.onnx.export(wrapped, kwargs=arguments, dynamo=True, dynamic_shapes=shapes, output_names=outputs).model_proto
    else:
        axes = {key: {0: "batch_size", 1: "sequence_length"} for key in [*arguments, *outputs]}
        torch.onnx.export(wrapped, tuple(arguments.values()), path, input_names=list(arguments), output_names=outputs, dynamic_axes=axes, opset_version=opset, dynamo=False)
        proto = onnx.load(path)
    for part in [proto.graph, *proto.graph.node]:  # what only tells where the Python code lies
        part.doc_string = ""
        for entry in list(part.metadata_props):
            if entry.key != "pkg.torch.onnx.name_scopes":
                part.metadata_props.remove(entry)
    del proto.graph.value_info[:]
    if dynamo:
        onnx.save(proto, path, save_as_external_data=True, location="model.onnx.data", size_threshold=256)
    else:
        onnx.save(proto, path)
    for file in (CHECKPOINTS / name).iterdir():
        if file.suffix in (".json", ".txt") and "golden" not in file.name:
            shutil.copy(file, path.parent)
    if name == "gpt2":  # its golden comes without a tokenizer
        (path.parent / "tokenizer_config.json").write_text('{"tokenizer_class": "HyenaDNATokenizer"}')
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    feeds = {key: value.numpy() for key, value in arguments.items()}
    difference = np.abs(session.run(["logits"], feeds)[0] - wrapped(**arguments)[0].detach().numpy()).max()
    assert difference < 1e-4, difference
    print(folder, sum(file.stat().st_size for file in path.parent.iterdir()), "bytes; differs by", difference)


def golden(name):
    model = load(name).double()
    rows, targets = [], []
    for batch in BATCHES[name]["batches"]:
        ids, mask, places = (torch.tensor(batch[key]) for key in ("ids", "mask", "places"))
        with torch.no_grad():
            rows.append(model(input_ids=ids, attention_mask=mask).logits.flatten(0, 1)[places].numpy())
        targets += batch["targets"]
    logits = np.concatenate(rows)
    shifted = logits - logits.max(1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    entropy = -(np.exp(logs) * logs).sum(1)
    vocabulary = logits.shape[1]
    return {
        "vocabulary": vocabulary,
        "entropyNats": entropy.mean(),
        "klModelToUniformBits": (np.log(vocabulary) - entropy).mean() / np.log(2),
        "klUniformToModelBits": (-np.log(vocabulary) - logs.mean(1)).mean() / np.log(2),
        "nllNats": -logs[np.arange(len(targets)), targets].mean(),
        "top1": float((logits.argmax(1) == targets).mean()),
        "firstLogits": logits[0].tolist(),
    }


def main():
    export("bert-script", "bert", opset=14, types=True)
    export("bert-dynamo", "bert", dynamo=True, states=True)
    export("gpt2-script", "gpt2")
    (OUT / "golden.json").write_text(json.dumps({name: golden(name) for name in CLASSES}) + "\n")


if __name__ == "__main__":
    main()
