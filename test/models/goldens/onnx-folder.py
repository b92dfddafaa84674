"""Exports a tiny random BERT of transformers to ONNX in several ways, and writes what transformers itself gives for four sequences.

    python onnx-folder.py        # needs torch, transformers, onnx, onnxscript, safetensors

Each folder of onnx-folder/ is a model folder; golden.safetensors holds `hidden.N` [sequence, tokens, width] for the ids below (2-mers, padded).
"""
import json
import os

import onnx
import torch
from onnx import external_data_helper
from safetensors.torch import save_file
from transformers import BertConfig, BertModel

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "onnx-folder")
# ACGTAC, TTGCATTAGCCA, GG, ACGNNAACGT in non-overlapping 2-mers.
IDS = [[3, 13, 3, 1, 1, 1], [17, 11, 5, 14, 11, 6], [12, 1, 1, 1, 1, 1], [3, 1, 1, 3, 13, 1]]
MASK = [[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1], [1, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 0]]


class Encoder(torch.nn.Module):
    def __init__(self, model, every_layer, half):
        super().__init__()
        self.model, self.every_layer, self.half_precision = model, every_layer, half

    def forward(self, input_ids, attention_mask=None, token_type_ids=None):
        out = self.model(input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids, output_hidden_states=True)
        states = out.hidden_states if self.every_layer else (out.last_hidden_state,)
        return tuple(state.half() for state in states) if self.half_precision else tuple(states)


def export(name, model, every_layer=False, half=False, masked=True, types=False, outputs=None, external=False):
    folder = os.path.join(HERE, name)
    os.makedirs(folder, exist_ok=True)
    batch, tokens = torch.export.Dim("batch"), torch.export.Dim("tokens")
    arguments = {"input_ids": torch.tensor(IDS)}
    if masked:
        arguments["attention_mask"] = torch.tensor(MASK)
    if types:
        arguments["token_type_ids"] = torch.zeros(4, 6, dtype=torch.int64)
    outputs = outputs or ([f"hidden_states.{i}" for i in range(3)] if every_layer else ["last_hidden_state"])
    program = torch.onnx.export(
        Encoder(model, every_layer, half).eval(),
        kwargs=arguments,
        dynamo=True,
        dynamic_shapes={argument: {0: batch, 1: tokens} for argument in arguments},
        output_names=outputs,
    )
    proto = program.model_proto
    for part in [proto.graph, *proto.graph.node, *proto.graph.value_info, *proto.functions]:
        part.doc_string = ""
        del part.metadata_props[:]
    del proto.graph.value_info[:]
    path = os.path.join(folder, "model.onnx")
    data = os.path.join(folder, "model.onnx_data")
    if os.path.exists(data):
        os.remove(data)
    if external:
        onnx.save(proto, path, save_as_external_data=True, location="model.onnx_data", size_threshold=64)
    else:
        onnx.save(proto, path)
    with open(os.path.join(folder, "kmer_tokenizer.json"), "w") as stream:
        json.dump({"k": 2}, stream)
    with open(os.path.join(folder, "config.json"), "w") as stream:
        json.dump({"model_type": "bert", "max_position_embeddings": 8}, stream)
    return folder


def main():
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=18, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
        max_position_embeddings=8, type_vocab_size=2, attn_implementation="eager",
    )
    model = BertModel(config, add_pooling_layer=False).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
        states = model(torch.tensor(IDS), attention_mask=torch.tensor(MASK), output_hidden_states=True).hidden_states
        unmasked = model(torch.tensor(IDS)).last_hidden_state
    golden = {f"hidden.{i}": state.contiguous() for i, state in enumerate(states)} | {"unmasked": unmasked.contiguous()}
    save_file(golden, os.path.join(HERE, "golden.safetensors"))
    export("every-layer", model, every_layer=True, external=True, types=True)
    export("last-layer-half", model, half=True)
    export("no-mask", model, masked=False)
    named = export("named", model, every_layer=True, outputs=["first", "second", "third"])
    with open(os.path.join(named, "glm.json"), "w") as stream:
        json.dump({"hiddenStates": ["first", "third"], "maxTokens": 5}, stream)


os.makedirs(HERE, exist_ok=True)
main()
