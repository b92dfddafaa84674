"""Goldens of `.onnx` files as PyTorch writes them: the graph reader and differentiation are judged on graphs that others made.

Each case is {name, exporter, opset, operators, onnx, runs}: `onnx` is the file in base64 (batch axis "batch" dynamic, weights inside),
`operators` lists the op types in it, and every run is {inputs, outputs, outputGradient, inputGradients, initializerGradients} at
another batch size, computed by PyTorch in float64 from the float32 weights in the file. Gradients are given for every float input and,
under the initializer's name in the file and in its layout there (an exporter may transpose), for every initializer that
is a trained parameter; constants and BatchNorm's running statistics are not. onnxruntime must agree with the outputs.
Two exporters, because both kinds of file are about: "torchscript" (opset 17) and "dynamo" (opset 20).
Needs onnxscript besides torch, onnx and onnxruntime.
"""

import base64
import io
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
from golden import gradients, ints, normal, seed, tensors_json, uniform, write
from torch import nn

cases = []


class Mlp(nn.Module):
    """[batch, 6] -> Linear, LayerNorm, GELU, Linear, GELU (tanh), Linear -> [batch, 3]."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(6, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 5), nn.GELU(approximate="tanh"), nn.Linear(5, 3)
        )  # fmt: skip

    def forward(self, features):
        return self.layers(features)


class ConvNet(nn.Module):
    """[batch, 4, 24] -> conv k5 (same), BN, ReLU, max-pool 2; dilated depthwise conv, SiLU, global average; Linear -> [batch, 2]."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.pool = nn.Conv1d(4, 6, 5, padding=2), nn.BatchNorm1d(6), nn.MaxPool1d(2)
        self.depthwise, self.average = nn.Conv1d(6, 6, 3, padding=2, dilation=2, groups=6), nn.AdaptiveAvgPool1d(1)
        self.head = nn.Linear(6, 2)

    def forward(self, sequence):
        x = self.pool(torch.relu(self.norm(self.conv(sequence))))
        return self.head(self.average(nn.functional.silu(self.depthwise(x))).flatten(1))


class Encoder(nn.Module):
    """Hidden states [batch, 5, 8] and attention mask [batch, 5] -> one pre-norm block with 2 heads, masked mean -> [batch, 8]."""

    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(8), nn.LayerNorm(8)
        self.qkv, self.out, self.up, self.down = nn.Linear(8, 24), nn.Linear(8, 8), nn.Linear(8, 12), nn.Linear(12, 8)

    def forward(self, hidden_states, attention_mask):
        x = hidden_states
        q, k, v = (t.unflatten(-1, (2, 4)).transpose(1, 2) for t in self.qkv(self.norm1(x)).chunk(3, -1))
        visible = (attention_mask != 0)[:, None, None, :]
        scores = (q @ k.transpose(-1, -2) / 2.0).masked_fill(~visible, -1e9)
        x = x + self.out((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))
        x = x + self.down(nn.functional.gelu(self.up(self.norm2(x))))
        weight = attention_mask.to(x.dtype)[:, :, None]
        return (x * weight).sum(1) / weight.sum(1)


class TokenEncoder(nn.Module):
    """Tokens [batch, 5] -> embedding and learned positions, nn.TransformerEncoderLayer (post-norm), logits [batch, 5, 7]."""

    def __init__(self):
        super().__init__()
        self.embedding, self.positions = nn.Embedding(7, 8), nn.Parameter(torch.zeros(5, 8))
        self.block = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, activation="gelu", batch_first=True)
        self.head = nn.Linear(8, 7)

    def forward(self, tokens):
        return self.head(self.block(self.embedding(tokens) + self.positions))


def export(model, inputs, exporter):
    """The model with float32 weights; the dynamo exporter's optimiser is off where it would fold BatchNorm into the convolution."""
    folds = any(isinstance(m, nn.BatchNorm1d) for m in model.modules())
    names, batch = list(inputs), torch.export.Dim("batch", min=1, max=4096)
    example = tuple(v.float() if v.is_floating_point() else v for v in inputs.values())
    buffer = io.BytesIO()
    if exporter == "torchscript":
        axes = {name: {0: "batch"} for name in [*names, "output"]}
        options = {"dynamo": False, "opset_version": 17, "dynamic_axes": axes, "training": torch.onnx.TrainingMode.PRESERVE}
        torch.onnx.export(model, example, buffer, input_names=names, output_names=["output"], **options)
    else:
        options = {
            "dynamo": True,
            "opset_version": 20,
            "dynamic_shapes": {n: {0: batch} for n in names},
            "external_data": False,
            "optimize": not folds,
        }
        program = torch.onnx.export(model, example, input_names=names, output_names=["output"], verbose=False, **options)
        program.save(buffer)
    proto = onnx.load_from_string(buffer.getvalue())
    strip(proto)
    onnx.checker.check_model(proto)
    return proto


def strip(proto):
    """Drops documentation and metadata (they hold paths of the exporting machine)."""
    for part in [
        proto,
        proto.graph,
        *proto.graph.node,
        *proto.graph.initializer,
        *proto.graph.value_info,
        *proto.graph.input,
        *proto.graph.output,
        *proto.functions,
    ]:
        part.doc_string = ""
        del part.metadata_props[:]


def trained(proto, parameters):
    """Which initializer holds which parameter: {initializer: (parameter, transposed)}; every parameter must be found just once."""
    found = {}
    for initializer in proto.graph.initializer:
        value = onnx.numpy_helper.to_array(initializer)
        for name, parameter in parameters.items():
            array = parameter.detach().float().numpy()
            if value.shape == array.shape and np.array_equal(value, array):
                found[initializer.name] = (name, False)
            elif value.ndim == 2 and value.T.shape == array.shape and np.array_equal(value.T, array):
                found[initializer.name] = (name, True)
    assert sorted(name for name, _ in found.values()) == sorted(parameters), f"{sorted(found)} do not cover {sorted(parameters)}"
    return found


def golden(name, make, inputs):
    for exporter, opset in [("torchscript", 17), ("dynamo", 20)]:
        seed(name)
        model = make().eval()
        for key, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(uniform(*tensor.shape) if "running_var" in key else normal(*tensor.shape, scale=0.4))
        drawn = [inputs(batch) for batch in (2, 3)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            proto = export(model.float(), drawn[0], exporter)
        model.double()
        parameters = dict(model.named_parameters())
        matched = trained(proto, parameters)
        cases.append(
            {
                "name": f"{name}, {exporter}",
                "exporter": exporter,
                "opset": next(i.version for i in proto.opset_import if i.domain == ""),
                "operators": sorted({node.op_type for node in proto.graph.node}),
                "onnx": base64.b64encode(proto.SerializeToString()).decode(),
                "runs": [run(model, proto, given, parameters, matched) for given in drawn],
            }
        )
        assert cases[-1]["opset"] == opset


def run(model, proto, given, parameters, matched):
    leaves = {k: v.clone().requires_grad_() for k, v in given.items() if v.is_floating_point()}
    output = model(**(given | leaves))
    arrays = {k: v.numpy().astype(np.float32) if v.is_floating_point() else v.numpy() for k, v in given.items()}
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, arrays)[0], output.detach().numpy(), rtol=2e-5, atol=2e-5)
    cotangent = normal(*output.shape)
    grads = gradients((output * cotangent).sum(), leaves | parameters)
    return {
        "inputs": tensors_json(given),
        "outputs": tensors_json({"output": output}),
        "outputGradient": tensors_json({"output": cotangent}),
        "inputGradients": tensors_json({k: grads[k] for k in leaves}),
        "initializerGradients": tensors_json({i: grads[p].T if turned else grads[p] for i, (p, turned) in matched.items()}),
    }


def padded_mask(batch):
    return ints([[1] * (5 - i % 3) + [0] * (i % 3) for i in range(batch)])


torch.backends.mha.set_fastpath_enabled(False)
golden("MLP", Mlp, lambda batch: {"features": normal(batch, 6)})
golden("conv net", ConvNet, lambda batch: {"sequence": normal(batch, 4, 24)})
golden("encoder block", Encoder, lambda batch: {"hidden_states": normal(batch, 5, 8), "attention_mask": padded_mask(batch)})
golden("token encoder", TokenEncoder, lambda batch: {"tokens": torch.randint(7, (batch, 5))})
write(__file__, cases)
