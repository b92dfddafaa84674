"""Makes runtime.json: small ONNX models (base64) and a safetensors file as the reference packages write them.

Needs: onnx, numpy, safetensors. Run in this folder: python runtime.py
"""

import base64
import json

import numpy as np
from onnx import TensorProto as T
from onnx import helper as h
from safetensors.numpy import save


def model(nodes, inputs, outputs, initializers=()):
    graph = h.make_graph(nodes, "golden", inputs, outputs, initializers)
    m = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=9)
    return base64.b64encode(m.SerializeToString()).decode()


def value(name, dtype, shape):
    return h.make_tensor_value_info(name, dtype, shape)


types = {"float32": T.FLOAT, "float64": T.DOUBLE, "int64": T.INT64, "int32": T.INT32, "bool": T.BOOL, "uint8": T.UINT8}
identity = model(
    [h.make_node("Identity", [n], [n + "_out"]) for n in types],
    [value(n, t, [2]) for n, t in types.items()],
    [value(n + "_out", t, [2]) for n, t in types.items()],
)

# y[n, 2] = x[n, 3] w[3, 2], w in bytes 16..40 of weights.bin
w = T()
w.name, w.data_type, w.data_location = "w", T.FLOAT, T.EXTERNAL
w.dims.extend([3, 2])
for key, v in {"location": "weights.bin", "offset": "16", "length": "24"}.items():
    entry = w.external_data.add()
    entry.key, entry.value = key, v
external = model(
    [h.make_node("MatMul", ["x", "w"], ["y"])], [value("x", T.FLOAT, ["n", 3])], [value("y", T.FLOAT, ["n", 2])], [w]
)

# 2^45 floats: no machine has them.
huge = model(
    [h.make_node("ConstantOfShape", ["shape"], ["y"])], [value("shape", T.INT64, [1])], [value("y", T.FLOAT, ["n"])]
)

tensors = {
    "layer.weight": np.arange(6, dtype=np.float32).reshape(2, 3) / 7,
    "layer.bias": np.array([-1.5, 2.25], np.float32),
    "scalar": np.array(3, np.float32),
    "empty": np.zeros((0, 4), np.float32),
}
halves = np.array([0.0, -0.0, 1.0, -2.5, 65504, 6e-8, 6.1e-5, np.inf, 0.333], np.float16)
doubles = np.array([1 / 3, -1e300], np.float64)

json.dump(
    {
        "identity": identity,
        "external": external,
        "huge": huge,
        "safetensors": base64.b64encode(save(tensors, {"format": "pt", "note": "ä"})).decode(),
        "mixed": base64.b64encode(save({"half": halves, "double": doubles[:1], "int": np.array([1], np.int64)})).decode(),
        "halfValues": [str(float(x)) for x in halves],
        "doubleValue": float(np.float32(doubles[0])),
    },
    open("runtime.json", "w"),
    indent=1,
)
