"""Goldens of single ONNX operators: forward values and input gradients by PyTorch in float64.

Each case is {name, op, opset, attributes, inputs, outputs, outputGradient, inputGradients}. Inputs are named by the ONNX schema's
formal parameters and listed in its order (variadic ones as inputs_0, inputs_1 or data_0_0, data_0_1, ...); `outputGradient` maps the outputs that
carry a gradient to their cotangents, loss = sum over them of sum(output * cotangent); `inputGradients` maps the inputs
that are differentiated. Every case is also run as an ONNX node by onnxruntime in float32, which must agree with PyTorch,
so attributes and parameter order are ONNX's own. Kinks and ties are avoided: there a subgradient would be a matter of taste.
"""

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F

from golden import away_from_zero, distinct, gradients, ints, normal, seed, tensor_json, tensors_json, uniform, write

OPSET = 23
cases = []


def golden(name, op, inputs, function, attributes=None, outputs=("Y",), differentiate=None, gradient_of=None, extra=None):
    """Adds a case. `inputs` is a dict or a function making one after seeding; `function(**inputs)` is the PyTorch side."""
    attributes = attributes or {}
    seed(name)
    values = inputs() if callable(inputs) else inputs
    names = differentiate if differentiate is not None else [k for k, v in values.items() if v.is_floating_point()]
    leaves = {k: (v.clone().requires_grad_(k in names)) for k, v in values.items()}
    result = function(**leaves)
    result = result if isinstance(result, (tuple, list)) else (result,)
    named = dict(zip(outputs, result, strict=True))
    carrying = gradient_of or list(outputs)
    cotangents = {k: normal(*named[k].shape) for k in carrying}
    loss = sum((named[k] * cotangents[k]).sum() for k in carrying)
    check_with_onnxruntime(name, op, attributes, values, named)
    case = {
        "name": name,
        "op": op,
        "opset": OPSET,
        "attributes": attributes,
        "inputs": tensors_json(values),
        "outputs": tensors_json(named),
        "outputGradient": tensors_json(cotangents),
        "inputGradients": tensors_json(gradients(loss, {k: leaves[k] for k in names})),
    }
    if extra:
        case["extra"] = {k: tensor_json(v) for k, v in extra(**values).items()}
    cases.append(case)


def check_with_onnxruntime(name, op, attributes, values, expected):
    """Runs the operator as a one-node graph and compares with PyTorch: relative and absolute 2e-5, float32 against float64."""
    schema = onnx.defs.get_schema(op, OPSET)
    formal = [p.name for p in schema.inputs]
    variadic = schema.inputs[-1].option == onnx.defs.OpSchema.FormalParameterOption.Variadic
    slots = list(values) if variadic else [n if n in values else "" for n in formal]
    while slots and slots[-1] == "":
        slots.pop()
    assert [s for s in slots if s] == list(values), f"{name}: inputs {list(values)} are not in the order of {formal}"
    arrays = {k: v.numpy().astype(np.float32) if v.is_floating_point() else v.numpy() for k, v in values.items()}
    element = {np.dtype(np.float32): 1, np.dtype(np.int64): 7, np.dtype(np.bool_): 9}
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(op, slots, list(expected), **attributes)],
        op,
        [onnx.helper.make_tensor_value_info(k, element[a.dtype], a.shape) for k, a in arrays.items()],
        [onnx.helper.make_tensor_value_info(k, 1, None) for k in expected],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    for key, actual in zip(expected, session.run(None, arrays)):
        want = expected[key].detach().numpy()
        assert actual.shape == want.shape, f"{name}: {key} has shape {actual.shape} in ONNX Runtime, {want.shape} in PyTorch"
        np.testing.assert_allclose(actual, want, rtol=2e-5, atol=2e-5, err_msg=f"{name}: {key}")


# --- Arithmetic with broadcasting ------------------------------------------------------------------------------------

BROADCASTS = [
    ("same shape", (2, 3), (2, 3)),
    ("scalar", (2, 3), ()),
    ("row", (2, 3, 4), (4,)),
    ("middle axis", (2, 3, 4), (3, 1)),
    ("both ways", (3, 1), (2, 1, 4)),
]
for label, left, right in BROADCASTS:
    for op, function in [("Add", torch.add), ("Sub", torch.sub), ("Mul", torch.mul), ("Div", torch.div)]:
        golden(
            f"{op} {label}",
            op,
            lambda left=left, right=right: {"A": normal(*left), "B": away_from_zero(*right, least=0.5)},
            lambda A, B, function=function: function(A, B),
            outputs=("C",),
        )
    golden(
        f"Pow {label}",
        "Pow",
        lambda left=left, right=right: {"X": uniform(*left), "Y": normal(*right)},
        lambda X, Y: X**Y,
        outputs=("Z",),
    )
    for op, function in [("Min", torch.minimum), ("Max", torch.maximum)]:
        golden(
            f"{op} {label}",
            op,
            lambda left=left, right=right: {"data_0_0": normal(*left), "data_0_1": normal(*right)},
            lambda data_0_0, data_0_1, function=function: function(data_0_0, data_0_1),
            outputs=("max",) if op == "Max" else ("min",),
        )
for exponent in (2.0, 3.0):
    golden(
        f"Pow negative base to the {int(exponent)}",
        "Pow",
        lambda exponent=exponent: {"X": away_from_zero(2, 3), "Y": torch.tensor(exponent)},
        lambda X, Y: X**Y,
        outputs=("Z",),
        differentiate=["X"],
    )
golden(
    "Max of three",
    "Max",
    lambda: {f"data_0_{i}": normal(*s) for i, s in enumerate([(2, 3), (3,), (2, 1)])},
    lambda data_0_0, data_0_1, data_0_2: torch.maximum(torch.maximum(data_0_0, data_0_1), data_0_2),
    outputs=("max",),
)
golden(
    "Sum of three",
    "Sum",
    lambda: {f"data_0_{i}": normal(*s) for i, s in enumerate([(2, 3), (3,), (2, 1)])},
    lambda data_0_0, data_0_1, data_0_2: data_0_0 + data_0_1 + data_0_2,
    outputs=("sum",),
)

# --- Elementwise -----------------------------------------------------------------------------------------------------

SHAPES = [(5,), (2, 3), (2, 1, 4)]
ELEMENTWISE = [
    ("Neg", torch.neg, normal, {}),
    ("Exp", torch.exp, normal, {}),
    ("Log", torch.log, uniform, {}),
    ("Sqrt", torch.sqrt, uniform, {}),
    ("Abs", torch.abs, away_from_zero, {}),
    ("Sin", torch.sin, normal, {}),
    ("Cos", torch.cos, normal, {}),
    ("Erf", torch.erf, normal, {}),
    ("Tanh", torch.tanh, normal, {}),
    ("Sigmoid", torch.sigmoid, normal, {}),
    ("Relu", torch.relu, away_from_zero, {}),
    ("Softplus", lambda x: F.softplus(x, threshold=1e9), normal, {}),
    ("LeakyRelu", lambda x: F.leaky_relu(x, 0.01), away_from_zero, {}),
    ("LeakyRelu", lambda x: F.leaky_relu(x, 0.2), away_from_zero, {"alpha": 0.2}),
    ("Elu", lambda x: F.elu(x, 0.7), away_from_zero, {"alpha": 0.7}),
    ("Gelu", lambda x: F.gelu(x), normal, {}),
    ("Gelu", lambda x: F.gelu(x, approximate="none"), normal, {"approximate": "none"}),
    ("Gelu", lambda x: F.gelu(x, approximate="tanh"), normal, {"approximate": "tanh"}),
    ("Reciprocal", torch.reciprocal, lambda *s: away_from_zero(*s, least=0.5), {}),
    ("Identity", lambda x: x * 1, normal, {}),
]
for op, function, draw, attributes in ELEMENTWISE:
    schema = onnx.defs.get_schema(op, OPSET)
    source, target = schema.inputs[0].name, schema.outputs[0].name
    for shape in SHAPES:
        label = " ".join(f"{k}={v}" for k, v in attributes.items())
        golden(
            " ".join(filter(None, [op, label, "x".join(map(str, shape))])),
            op,
            lambda draw=draw, shape=shape, source=source: {source: draw(*shape)},
            lambda function=function, **given: function(*given.values()),
            attributes,
            outputs=(target,),
        )
EXTREME = [-80.0, -20.0, -8.0, -1e-4, 1e-4, 8.0, 20.0, 80.0]
for op, function in [
    ("Sigmoid", torch.sigmoid),
    ("Tanh", torch.tanh),
    ("Softplus", lambda x: F.softplus(x, threshold=1e9)),
    ("Gelu", F.gelu),
    ("Erf", torch.erf),
]:
    schema = onnx.defs.get_schema(op, OPSET)
    golden(
        f"{op} at extreme values",
        op,
        lambda schema=schema: {schema.inputs[0].name: torch.tensor(EXTREME).float().double()},
        lambda function=function, **given: function(*given.values()),
        outputs=(schema.outputs[0].name,),
    )


def clip(low, high):
    def inputs():
        given = {"input": away_from_zero(3, 4)}
        given |= {"min": torch.tensor(low)} if low is not None else {}
        return given | ({"max": torch.tensor(high)} if high is not None else {})

    return inputs


for low, high in [(-0.5, 0.75), (0.0, None), (None, 0.5)]:
    golden(
        f"Clip {low} to {high}",
        "Clip",
        clip(low, high),
        lambda input, min=None, max=None: torch.clamp(input, min, max),
        outputs=("output",),
        differentiate=["input"],
    )
for label, condition, left, right in [
    ("same shape", (2, 3), (2, 3), (2, 3)),
    ("scalar else", (2, 3), (2, 3), ()),
    ("mask over the middle axis", (2, 1, 4), (2, 3, 4), (1,)),
    ("condition is the largest", (2, 3, 4), (4,), (3, 1)),
]:
    golden(
        f"Where {label}",
        "Where",
        lambda c=condition, left=left, right=right: {"condition": torch.rand(c) < 0.5, "X": normal(*left), "Y": normal(*right)},
        lambda condition, X, Y: torch.where(condition, X, Y),
        outputs=("output",),
    )

# --- Matrix products -------------------------------------------------------------------------------------------------

for label, left, right in [
    ("2-D", (3, 4), (4, 5)),
    ("2-D single row", (1, 4), (4, 2)),
    ("batched", (2, 3, 4), (2, 4, 5)),
    ("4-D heads", (2, 2, 3, 4), (2, 2, 4, 3)),
    ("batch by matrix", (2, 3, 4), (4, 5)),
    ("matrix by batch", (3, 4), (2, 4, 5)),
    ("broadcast batch axes", (2, 1, 3, 4), (3, 4, 2)),
    ("batch of one", (1, 3, 4), (2, 4, 2)),
    ("vector by vector", (4,), (4,)),
    ("vector by matrix", (4,), (4, 3)),
    ("matrix by vector", (3, 4), (4,)),
    ("batch by vector", (2, 3, 4), (4,)),
    ("vector by batch", (3,), (2, 3, 4)),
]:
    golden(
        f"MatMul {label}",
        "MatMul",
        lambda left=left, right=right: {"A": normal(*left), "B": normal(*right)},
        lambda A, B: A @ B,
    )
for trans_a, trans_b, alpha, beta, bias in [
    (0, 0, 1.0, 1.0, (5,)),
    (0, 1, 1.0, 1.0, (5,)),
    (1, 0, 0.5, 2.0, (3, 5)),
    (1, 1, 2.0, 0.25, (3, 1)),
    (0, 1, 1.5, 0.5, ()),
    (0, 0, 0.5, 1.0, None),
]:

    def gemm_inputs(trans_a=trans_a, trans_b=trans_b, bias=bias):
        given = {"A": normal(*((4, 3) if trans_a else (3, 4))), "B": normal(*((5, 4) if trans_b else (4, 5)))}
        return given if bias is None else given | {"C": normal(*bias)}

    golden(
        f"Gemm transA={trans_a} transB={trans_b} alpha={alpha} beta={beta} C={bias}",
        "Gemm",
        gemm_inputs,
        lambda A, B, C=0.0, ta=trans_a, tb=trans_b, alpha=alpha, beta=beta: alpha * (A.T if ta else A) @ (B.T if tb else B) + beta * C,
        {"transA": trans_a, "transB": trans_b, "alpha": alpha, "beta": beta},
    )

# --- Shape and movement ----------------------------------------------------------------------------------------------

golden("Transpose default", "Transpose", lambda: {"data": normal(2, 3, 4)}, lambda data: data.permute(2, 1, 0), outputs=("transposed",))
for shape, perm in [
    ((2, 3), (1, 0)),
    ((2, 3, 4), (0, 2, 1)),
    ((2, 3, 4), (2, 0, 1)),
    ((2, 3, 2, 4), (0, 2, 1, 3)),
    ((2, 3, 2, 4), (3, 0, 2, 1)),
]:
    golden(
        f"Transpose {perm} of {shape}",
        "Transpose",
        lambda shape=shape: {"data": normal(*shape)},
        lambda data, perm=perm: data.permute(*perm),
        {"perm": list(perm)},
        outputs=("transposed",),
    )
for before, target, after in [
    ((2, 6), (3, 4), (3, 4)),
    ((2, 3, 4), (0, -1), (2, 12)),
    ((2, 3, 4), (-1,), (24,)),
    ((2, 12), (0, 3, -1), (2, 3, 4)),
    ((1,), (), ()),
]:
    golden(
        f"Reshape {before} to {target}",
        "Reshape",
        lambda before=before, target=target: {"data": normal(*before), "shape": ints(list(target))},
        lambda data, shape, after=after: data.reshape(after),
        outputs=("reshaped",),
    )
for axis, shape, after in [(1, (2, 3, 4), (2, 12)), (2, (2, 3, 4), (6, 4)), (0, (2, 3), (1, 6))]:
    golden(
        f"Flatten axis={axis} of {shape}",
        "Flatten",
        lambda shape=shape: {"input": normal(*shape)},
        lambda input, after=after: input.reshape(after),
        {"axis": axis},
        outputs=("output",),
    )
for axis, shapes in [(0, [(2, 3), (1, 3)]), (1, [(2, 3), (2, 1), (2, 2)]), (-1, [(2, 2, 3), (2, 2, 1)])]:
    golden(
        f"Concat axis={axis} of {len(shapes)}",
        "Concat",
        lambda shapes=shapes: {f"inputs_{i}": normal(*s) for i, s in enumerate(shapes)},
        lambda axis=axis, **given: torch.cat(list(given.values()), axis),
        {"axis": axis},
        outputs=("concat_result",),
    )
for axis, shape, sizes in [(0, (4, 3), (1, 3)), (1, (2, 6), (1, 2, 3)), (-1, (2, 3, 4), (2, 2))]:
    golden(
        f"Split axis={axis} into {sizes}",
        "Split",
        lambda shape=shape, sizes=sizes: {"input": normal(*shape), "split": ints(list(sizes))},
        lambda input, split, axis=axis: torch.split(input, split.tolist(), axis),
        {"axis": axis},
        outputs=tuple(f"outputs_{i}" for i in range(len(sizes))),
    )
golden(
    "Split into equal parts by num_outputs",
    "Split",
    lambda: {"input": normal(2, 6)},
    lambda input: torch.split(input, 2, 1),
    {"axis": 1, "num_outputs": 3},
    outputs=("outputs_0", "outputs_1", "outputs_2"),
)
golden(
    "Split of which only the first part is used",
    "Split",
    lambda: {"input": normal(2, 4), "split": ints([1, 3])},
    lambda input, split: torch.split(input, [1, 3], 1),
    {"axis": 1},
    outputs=("outputs_0", "outputs_1"),
    gradient_of=["outputs_0"],
)
FAR = 2**31 - 1
for label, shape, starts, ends, axes, steps, index in [
    ("first axis", (5, 3), [1], [4], [0], [1], np.s_[1:4]),
    ("negative bounds", (5, 3), [-4], [-1], [0], [1], np.s_[-4:-1]),
    ("to the end", (2, 6), [2], [FAR], [1], [1], np.s_[:, 2:]),
    ("two axes", (4, 5), [1, 0], [3, 4], [0, 1], [1, 1], np.s_[1:3, 0:4]),
    ("step 2", (2, 7), [1], [7], [1], [2], np.s_[:, 1:7:2]),
    ("step 3 on the last axis", (2, 2, 8), [0], [FAR], [-1], [3], np.s_[..., ::3]),
    ("reversed", (2, 5), [-1], [-FAR], [1], [-1], np.s_[:, ::-1]),
    ("reversed by 2", (6, 2), [4], [0], [0], [-2], np.s_[4:0:-2]),
    ("axes and steps of three", (3, 4, 6), [0, 1, 5], [2, 4, 0], [0, 1, 2], [1, 2, -2], np.s_[0:2, 1:4:2, 5:0:-2]),
]:

    def numpy_slice(data, index):
        positions = torch.from_numpy(np.arange(data.numel()).reshape(data.shape)[index].copy())
        return data.reshape(-1)[positions]

    golden(
        f"Slice {label}",
        "Slice",
        lambda shape=shape, s=starts, e=ends, a=axes, t=steps: {
            "data": normal(*shape),
            "starts": ints(s),
            "ends": ints(e),
            "axes": ints(a),
            "steps": ints(t),
        },
        lambda data, index=index, **_: numpy_slice(data, index),
        outputs=("output",),
    )
golden(
    "Slice without axes and steps",
    "Slice",
    lambda: {"data": normal(3, 4), "starts": ints([1, 0]), "ends": ints([3, 2])},
    lambda data, **_: data[1:3, 0:2],
    outputs=("output",),
)
for label, shape, pads, torch_pads, value in [
    ("1-D", (4,), [1, 2], (1, 2), None),
    ("last axis", (2, 3, 4), [0, 0, 2, 0, 0, 1], (2, 1), None),
    ("two axes and a value", (2, 3), [1, 0, 0, 2], (0, 2, 1, 0), 0.5),
    ("negative pads crop", (2, 5), [0, -1, 0, -2], (-1, -2), None),
]:
    golden(
        f"Pad {label}",
        "Pad",
        lambda shape=shape, pads=pads, value=value: (
            {"data": normal(*shape), "pads": ints(pads)} | ({"constant_value": torch.tensor(value)} if value else {})
        ),
        lambda data, pads, constant_value=None, t=torch_pads, value=value: F.pad(data, t, value=value or 0.0),
        {"mode": "constant"},
        outputs=("output",),
        differentiate=["data"],
    )
golden(
    "Pad with axes",
    "Pad",
    lambda: {"data": normal(2, 3), "pads": ints([2, 1]), "axes": ints([-1])},
    lambda data, **_: F.pad(data, (2, 1)),
    {"mode": "constant"},
    outputs=("output",),
    differentiate=["data"],
)
for before, target, after in [
    ((3,), (2, 3), (2, 3)),
    ((2, 1, 4), (2, 3, 4), (2, 3, 4)),
    ((), (2, 2), (2, 2)),
    ((3, 4), (3, 1), (3, 4)),
    ((3, 1), (2, 1, 4), (2, 3, 4)),
]:
    golden(
        f"Expand {before} by {target}",
        "Expand",
        lambda before=before, target=target: {"input": normal(*before), "shape": ints(list(target))},
        lambda input, shape, after=after: input.expand(after),
        outputs=("output",),
    )
for shape, repeats in [((3,), (2,)), ((2, 3), (2, 1)), ((2, 1, 2), (1, 3, 2))]:
    golden(
        f"Tile {shape} by {repeats}",
        "Tile",
        lambda shape=shape, repeats=repeats: {"input": normal(*shape), "repeats": ints(list(repeats))},
        lambda input, repeats: input.tile(tuple(repeats.tolist())),
        outputs=("output",),
    )
for before, axes, after in [((1, 3, 1), [0, 2], (3,)), ((2, 1, 3), [1], (2, 3)), ((2, 3, 1), [-1], (2, 3))]:
    golden(
        f"Squeeze {before} at {axes}",
        "Squeeze",
        lambda before=before, axes=axes: {"data": normal(*before), "axes": ints(axes)},
        lambda data, axes, after=after: data.reshape(after),
        outputs=("squeezed",),
    )
golden("Squeeze all", "Squeeze", lambda: {"data": normal(1, 3, 1, 2)}, lambda data: data.squeeze(), outputs=("squeezed",))
for before, axes, after in [((3,), [0, 2], (1, 3, 1)), ((2, 3), [1], (2, 1, 3)), ((2, 3), [-1], (2, 3, 1))]:
    golden(
        f"Unsqueeze {before} at {axes}",
        "Unsqueeze",
        lambda before=before, axes=axes: {"data": normal(*before), "axes": ints(axes)},
        lambda data, axes, after=after: data.reshape(after),
        outputs=("expanded",),
    )

# --- Gather and scatter ----------------------------------------------------------------------------------------------

for label, shape, axis, indices in [
    ("embedding", (5, 3), 0, [[0, 2, 2], [4, 0, 2]]),
    ("scalar index", (4, 3), 0, 2),
    ("axis 1 with duplicates", (2, 5, 2), 1, [3, 3, 0]),
    ("last axis", (2, 4), -1, [[1], [0]]),
    ("negative indices", (4, 2), 0, [-1, 0, -4, -1]),
    ("axis 1, scalar index (first token)", (2, 3, 4), 1, 0),
]:

    def gather(data, indices, axis):
        axis %= data.dim()
        flat = data.index_select(axis, (indices % data.shape[axis]).reshape(-1))
        return flat.reshape(data.shape[:axis] + indices.shape + data.shape[axis + 1 :])

    golden(
        f"Gather {label}",
        "Gather",
        lambda shape=shape, indices=indices: {"data": normal(*shape), "indices": ints(indices)},
        lambda data, indices, axis=axis: gather(data, indices, axis),
        {"axis": axis},
        outputs=("output",),
    )
for label, shape, axis, indices in [
    ("axis 1", (2, 4), 1, [[0, 3, 3], [1, 1, 1]]),
    ("axis 0", (3, 2), 0, [[2, 0], [2, 1]]),
    ("label of each row", (3, 5), 1, [[4], [0], [2]]),
    ("last axis of three, negative", (2, 2, 3), -1, [[[0, -1], [2, 2]], [[-3, 1], [1, -2]]]),
]:
    golden(
        f"GatherElements {label}",
        "GatherElements",
        lambda shape=shape, indices=indices: {"data": normal(*shape), "indices": ints(indices)},
        lambda data, indices, axis=axis: torch.gather(data, axis, indices % data.shape[axis]),
        {"axis": axis},
        outputs=("output",),
    )
for label, shape, axis, indices, reduction in [
    ("none, axis 1", (2, 5), 1, [[1, 3], [0, 4]], "none"),
    ("none, axis 0", (3, 3), 0, [[1, 0, 2], [0, 2, 1]], "none"),
    ("add, axis 1", (2, 5), 1, [[1, 3], [0, 4]], "add"),
    ("add, duplicates", (2, 4), 1, [[1, 1, 3], [0, 0, 0]], "add"),
    ("add, axis 0, negative", (3, 2), 0, [[-1, 0], [-1, -3]], "add"),
]:

    def scatter_elements(data, indices, updates, axis, reduction):
        positions = indices % data.shape[axis]
        return data.scatter_add(axis, positions, updates) if reduction == "add" else data.scatter(axis, positions, updates)

    golden(
        f"ScatterElements {label}",
        "ScatterElements",
        lambda shape=shape, indices=indices: {"data": normal(*shape), "indices": ints(indices), "updates": normal(*ints(indices).shape)},
        lambda data, indices, updates, axis=axis, reduction=reduction: scatter_elements(data, indices, updates, axis, reduction),
        {"axis": axis, "reduction": reduction},
        outputs=("output",),
    )
for label, shape, indices in [
    ("elements", (3, 4), [[0, 1], [2, 3], [0, 1]]),
    ("rows with duplicates", (4, 3), [[1], [1], [3]]),
    ("index tensor of rank three", (2, 3, 4), [[[0, 1]], [[1, 2]]]),
]:
    golden(
        f"GatherND {label}",
        "GatherND",
        lambda shape=shape, indices=indices: {"data": normal(*shape), "indices": ints(indices)},
        lambda data, indices: data[tuple(indices.unbind(-1))],
        outputs=("output",),
    )
golden(
    "GatherND batch_dims=1",
    "GatherND",
    lambda: {"data": normal(2, 4, 3), "indices": ints([[[1], [1]], [[3], [0]]])},
    lambda data, indices: torch.stack([data[b][indices[b, :, 0]] for b in range(2)]),
    {"batch_dims": 1},
    outputs=("output",),
)
for label, shape, indices, reduction in [
    ("none, elements", (3, 4), [[0, 1], [2, 3]], "none"),
    ("none, rows", (4, 3), [[2], [0]], "none"),
    ("add, rows with duplicates", (4, 3), [[1], [1], [3]], "add"),
    ("add, elements with duplicates", (3, 4), [[0, 1], [2, 3], [0, 1]], "add"),
]:

    def scatter_nd_inputs(shape=shape, indices=indices):
        data, positions = normal(*shape), ints(indices)
        return {"data": data, "indices": positions, "updates": normal(*data[tuple(positions.unbind(-1))].shape)}

    golden(
        f"ScatterND {label}",
        "ScatterND",
        scatter_nd_inputs,
        lambda data, indices, updates, add=reduction == "add": data.index_put(tuple(indices.unbind(-1)), updates, accumulate=add),
        {"reduction": reduction},
        outputs=("output",),
    )

# --- Reductions and softmax ------------------------------------------------------------------------------------------

REDUCTIONS = [
    ("ReduceSum", lambda x, axes, keep: x.sum(axes, keepdim=keep), normal),
    ("ReduceMean", lambda x, axes, keep: x.mean(axes, keepdim=keep), normal),
    ("ReduceMax", lambda x, axes, keep: x.amax(axes, keepdim=keep), distinct),
    ("ReduceMin", lambda x, axes, keep: x.amin(axes, keepdim=keep), distinct),
    ("ReduceSumSquare", lambda x, axes, keep: (x * x).sum(axes, keepdim=keep), normal),
    ("ReduceL1", lambda x, axes, keep: x.abs().sum(axes, keepdim=keep), away_from_zero),
    ("ReduceL2", lambda x, axes, keep: torch.linalg.vector_norm(x, dim=axes, keepdim=keep), normal),
    ("ReduceLogSumExp", lambda x, axes, keep: torch.logsumexp(x, axes, keepdim=keep), normal),
]
for op, function, draw in REDUCTIONS:
    for shape, axes, keep in [((2, 3), [1], 0), ((2, 3, 4), [1], 1), ((2, 3, 4), [0, 2], 0), ((2, 3, 4), [-1], 1), ((3, 4), [0], 0)]:
        golden(
            f"{op} axes={axes} keepdims={keep} of {shape}",
            op,
            lambda draw=draw, shape=shape, axes=axes: {"data": draw(*shape), "axes": ints(axes)},
            lambda data, axes, function=function, keep=keep: function(data, tuple(axes.tolist()), bool(keep)),
            {"keepdims": keep},
            outputs=("reduced",),
        )
    for keep in (0, 1):
        golden(
            f"{op} over all axes keepdims={keep}",
            op,
            lambda draw=draw: {"data": draw(2, 3)},
            lambda data, function=function, keep=keep: function(data, (0, 1), bool(keep)),
            {"keepdims": keep},
            outputs=("reduced",),
        )
golden(
    "ReduceLogSumExp of large values",
    "ReduceLogSumExp",
    lambda: {"data": normal(2, 4, shift=500.0), "axes": ints([1])},
    lambda data, axes: torch.logsumexp(data, 1),
    {"keepdims": 0},
    outputs=("reduced",),
)
for op, function in [("Softmax", torch.softmax), ("LogSoftmax", torch.log_softmax)]:
    for shape, axis in [((2, 5), -1), ((2, 3, 4), 1), ((3, 4), 0), ((1, 2, 3, 3), 3)]:
        golden(
            f"{op} axis={axis} of {shape}",
            op,
            lambda shape=shape: {"input": normal(*shape, scale=2.0)},
            lambda input, function=function, axis=axis: function(input, axis),
            {"axis": axis},
            outputs=("output",),
        )
    golden(
        f"{op} of large values",
        op,
        lambda: {"input": normal(2, 4, scale=3.0, shift=300.0)},
        lambda input, function=function: function(input, -1),
        {"axis": -1},
        outputs=("output",),
    )
for shape, axis, exclusive, reverse in [((5,), 0, 0, 0), ((2, 4), 1, 0, 0), ((2, 4), 1, 1, 0), ((2, 3, 2), 1, 0, 1), ((3, 2), 0, 1, 1)]:

    def cumulative(x, axis, exclusive, reverse):
        turned = x.flip(axis) if reverse else x
        total = turned.cumsum(axis) - (turned if exclusive else 0)
        return total.flip(axis) if reverse else total

    golden(
        f"CumSum axis={axis} exclusive={exclusive} reverse={reverse} of {shape}",
        "CumSum",
        lambda shape=shape, axis=axis: {"x": normal(*shape), "axis": ints(axis)},
        lambda x, axis, e=exclusive, r=reverse: cumulative(x, int(axis), e, r),
        {"exclusive": exclusive, "reverse": reverse},
        outputs=("y",),
    )

# --- Normalisation ---------------------------------------------------------------------------------------------------

for shape, axis, bias, epsilon in [
    ((2, 4), -1, True, 1e-5),
    ((2, 3, 5), -1, True, 1e-12),
    ((2, 3, 4), 1, True, 1e-5),
    ((3, 4), 1, False, 1e-3),
]:
    extent = shape[axis:]

    def layer_norm_inputs(shape=shape, extent=extent, bias=bias):
        given = {"X": normal(*shape, scale=1.5, shift=0.5), "Scale": normal(*extent, scale=0.5, shift=1.0)}
        return given | ({"B": normal(*extent)} if bias else {})

    golden(
        f"LayerNormalization axis={axis} epsilon={epsilon} bias={bias} of {shape}",
        "LayerNormalization",
        layer_norm_inputs,
        lambda X, Scale, B=None, extent=extent, epsilon=epsilon: F.layer_norm(X, extent, Scale, B, epsilon),
        {"axis": axis, "epsilon": epsilon},
    )
for shape, axis, epsilon in [((2, 4), -1, 1e-5), ((2, 3, 5), -1, 1e-6), ((2, 3, 4), 1, 1e-5)]:
    extent = shape[axis:]
    golden(
        f"RMSNormalization axis={axis} epsilon={epsilon} of {shape}",
        "RMSNormalization",
        lambda shape=shape, extent=extent: {"X": normal(*shape, shift=0.3), "scale": normal(*extent, scale=0.5, shift=1.0)},
        lambda X, scale, extent=extent, epsilon=epsilon: F.rms_norm(X, extent, scale, epsilon),
        {"axis": axis, "epsilon": epsilon},
    )


def batch_norm_inputs(shape):
    channels = shape[1]
    return {
        "X": normal(*shape, scale=1.5, shift=0.5),
        "scale": normal(channels, scale=0.5, shift=1.0),
        "B": normal(channels),
        "input_mean": normal(channels),
        "input_var": uniform(channels),
    }


def batch_norm_training(X, scale, B, input_mean, input_var, momentum, epsilon):
    """ONNX: running = input * momentum + batch * (1 - momentum), with the biased variance for the running one too."""
    axes = [0, *range(2, X.dim())]
    mean, var = X.mean(axes), X.var(axes, unbiased=False)
    Y = F.batch_norm(X, None, None, scale, B, training=True, eps=epsilon)
    return Y, input_mean * momentum + mean * (1 - momentum), input_var * momentum + var * (1 - momentum)


def batch_norm_running(X, scale, B, input_mean, input_var, momentum, epsilon):
    """PyTorch keeps the unbiased variance as its running one; its `momentum` is 1 minus that of ONNX."""
    axes = [0, *range(2, X.dim())]
    mean, var = input_mean.clone(), input_var.clone()
    F.batch_norm(X, mean, var, scale, B, training=True, momentum=1 - momentum, eps=epsilon)
    return {
        "batch_mean": X.mean(axes),
        "batch_var_biased": X.var(axes, unbiased=False),
        "batch_var_unbiased": X.var(axes, unbiased=True),
        "pytorch_running_mean": mean,
        "pytorch_running_var": var,
    }


for shape, epsilon in [((3, 2), 1e-5), ((2, 3, 4), 1e-3), ((2, 2, 3, 2), 1e-5)]:
    golden(
        f"BatchNormalization inference epsilon={epsilon} of {shape}",
        "BatchNormalization",
        lambda shape=shape: batch_norm_inputs(shape),
        lambda X, scale, B, input_mean, input_var, epsilon=epsilon: F.batch_norm(X, input_mean, input_var, scale, B, False, 0.0, epsilon),
        {"epsilon": epsilon},
        differentiate=["X", "scale", "B"],
    )
for shape, momentum, epsilon in [((4, 2), 0.9, 1e-5), ((3, 2, 4), 0.9, 1e-3), ((2, 2, 3, 2), 0.99, 1e-5)]:
    golden(
        f"BatchNormalization training momentum={momentum} epsilon={epsilon} of {shape}",
        "BatchNormalization",
        lambda shape=shape: batch_norm_inputs(shape),
        lambda momentum=momentum, epsilon=epsilon, **given: batch_norm_training(**given, momentum=momentum, epsilon=epsilon),
        {"epsilon": epsilon, "momentum": momentum, "training_mode": 1},
        outputs=("Y", "running_mean", "running_var"),
        differentiate=["X", "scale", "B"],
        gradient_of=["Y"],
        extra=lambda momentum=momentum, epsilon=epsilon, **given: batch_norm_running(**given, momentum=momentum, epsilon=epsilon),
    )

# --- Convolution and pooling -----------------------------------------------------------------------------------------


def same_pads(length, kernel, stride, dilation, upper):
    total = max(((length + stride - 1) // stride - 1) * stride + dilation * (kernel - 1) + 1 - length, 0)
    return (total // 2, total - total // 2) if upper else (total - total // 2, total // 2)


CONVOLUTIONS = [  # label, X, W, bias, attributes
    ("kernel 1", (2, 3, 5), (4, 3, 1), True, {}),
    ("kernel 3", (2, 3, 7), (4, 3, 3), True, {}),
    ("no bias", (2, 2, 6), (3, 2, 3), False, {}),
    ("same padding", (2, 4, 8), (3, 4, 7), True, {"pads": [3, 3]}),
    ("stride 2", (2, 2, 9), (3, 2, 3), True, {"strides": [2], "pads": [1, 1]}),
    ("stride 3 leaving a remainder", (1, 2, 12), (2, 2, 4), True, {"strides": [3], "pads": [1, 0]}),
    ("stride above the kernel", (1, 2, 11), (2, 2, 2), True, {"strides": [3]}),
    ("dilation 2", (2, 2, 9), (3, 2, 3), True, {"dilations": [2], "pads": [2, 2]}),
    ("dilation 4 beyond the input", (1, 2, 6), (2, 2, 3), False, {"dilations": [4], "pads": [4, 4]}),
    ("stride and dilation", (1, 2, 13), (2, 2, 3), True, {"strides": [2], "dilations": [3], "pads": [2, 2]}),
    ("asymmetric pads", (2, 2, 6), (3, 2, 4), True, {"pads": [1, 2]}),
    ("causal", (1, 3, 6), (2, 3, 3), True, {"pads": [2, 0]}),
    ("groups 2", (2, 4, 6), (6, 2, 3), True, {"group": 2, "pads": [1, 1]}),
    ("depthwise", (2, 3, 6), (3, 1, 3), True, {"group": 3, "pads": [1, 1]}),
    ("depthwise, multiplier 2, stride 2", (1, 3, 7), (6, 1, 3), False, {"group": 3, "strides": [2], "pads": [1, 1]}),
    ("SAME_UPPER", (1, 2, 7), (2, 2, 4), True, {"auto_pad": "SAME_UPPER"}),
    ("SAME_LOWER", (1, 2, 7), (2, 2, 4), True, {"auto_pad": "SAME_LOWER"}),
    ("one channel, one row", (1, 1, 5), (1, 1, 2), False, {}),
    ("2-D, kernel 3x1", (2, 1, 6, 5), (3, 1, 3, 1), True, {"pads": [1, 0, 1, 0]}),
    ("2-D, stride 2x1, dilation 1x2", (1, 2, 7, 6), (2, 2, 3, 2), True, {"strides": [2, 1], "dilations": [1, 2], "pads": [1, 1, 0, 1]}),
]
for label, x_shape, w_shape, bias, given in CONVOLUTIONS:
    rank = len(x_shape) - 2
    kernel = list(w_shape[2:])
    strides, dilations = given.get("strides", [1] * rank), given.get("dilations", [1] * rank)
    pads, group = given.get("pads", [0] * 2 * rank), given.get("group", 1)
    if "auto_pad" in given:
        pads = list(same_pads(x_shape[2], kernel[0], strides[0], dilations[0], given["auto_pad"] == "SAME_UPPER"))

    def conv_inputs(x_shape=x_shape, w_shape=w_shape, bias=bias):
        return {"X": normal(*x_shape), "W": normal(*w_shape, scale=0.5)} | ({"B": normal(w_shape[0])} if bias else {})

    def convolve(X, W, B=None, rank=rank, strides=strides, dilations=dilations, pads=pads, group=group):
        around = [p for axis in reversed(range(rank)) for p in (pads[axis], pads[axis + rank])]
        operator = F.conv1d if rank == 1 else F.conv2d
        return operator(F.pad(X, around), W, B, tuple(strides), 0, tuple(dilations), group)

    golden(f"Conv {label}", "Conv", conv_inputs, convolve, {"kernel_shape": kernel} | given)

for label, x_shape, w_shape, bias, given in [
    ("kernel 3", (2, 3, 5), (3, 2, 3), True, {}),
    ("stride 2", (2, 2, 4), (2, 3, 4), True, {"strides": [2], "pads": [1, 1]}),
    ("stride 2 with output padding", (1, 2, 4), (2, 2, 3), False, {"strides": [2], "pads": [1, 1], "output_padding": [1]}),
    ("dilation 2", (1, 2, 5), (2, 2, 3), True, {"dilations": [2]}),
    ("groups 2", (2, 4, 4), (4, 2, 3), True, {"group": 2, "pads": [1, 1]}),
    ("asymmetric pads", (1, 2, 5), (2, 2, 4), True, {"pads": [2, 0]}),
]:

    def transpose_inputs(x_shape=x_shape, w_shape=w_shape, bias=bias, given=given):
        channels = w_shape[1] * given.get("group", 1)
        return {"X": normal(*x_shape), "W": normal(*w_shape, scale=0.5)} | ({"B": normal(channels)} if bias else {})

    def transpose_convolve(X, W, B=None, given=given):
        stride, dilation = given.get("strides", [1])[0], given.get("dilations", [1])[0]
        before, after = given.get("pads", [0, 0])
        extra = given.get("output_padding", [0])[0]
        full = F.conv_transpose1d(X, W, B, stride, 0, extra, given.get("group", 1), dilation)
        return full[..., before : full.shape[-1] - after]

    golden(f"ConvTranspose {label}", "ConvTranspose", transpose_inputs, transpose_convolve, {"kernel_shape": list(w_shape[2:])} | given)

POOLS = [  # label, X, attributes
    ("kernel = stride", (2, 3, 8), {"kernel_shape": [4], "strides": [4]}),
    ("kernel = stride, remainder dropped", (2, 2, 11), {"kernel_shape": [5], "strides": [5]}),
    ("kernel > stride", (2, 2, 9), {"kernel_shape": [3], "strides": [2]}),
    ("stride 1", (1, 2, 6), {"kernel_shape": [3], "strides": [1]}),
    ("padding", (2, 2, 7), {"kernel_shape": [3], "strides": [2], "pads": [1, 1]}),
    ("asymmetric padding", (1, 2, 7), {"kernel_shape": [3], "strides": [2], "pads": [0, 1]}),
    ("ceil mode", (2, 2, 10), {"kernel_shape": [3], "strides": [2], "ceil_mode": 1}),
    ("kernel < stride", (1, 2, 9), {"kernel_shape": [2], "strides": [3]}),
    ("2-D, kernel 3x1", (2, 2, 7, 3), {"kernel_shape": [3, 1], "strides": [3, 1]}),
    ("2-D, kernel 2x2", (1, 2, 4, 6), {"kernel_shape": [2, 2], "strides": [2, 2]}),
]


def pool(X, given, mode):
    rank = X.dim() - 2
    pads = given.get("pads", [0] * 2 * rank)
    around = [p for axis in reversed(range(rank)) for p in (pads[axis], pads[axis + rank])]
    kernel, strides, ceil = tuple(given["kernel_shape"]), tuple(given["strides"]), bool(given.get("ceil_mode", 0))
    if mode == "max":
        operator = F.max_pool1d if rank == 1 else F.max_pool2d
        return operator(F.pad(X, around, value=-1e30), kernel, strides, ceil_mode=ceil)
    operator = F.avg_pool1d if rank == 1 else F.avg_pool2d
    mean = operator(F.pad(X, around), kernel, strides, ceil_mode=ceil)
    if mode == "average with pads":
        return mean
    return mean / operator(F.pad(torch.ones_like(X), around), kernel, strides, ceil_mode=ceil)


for label, shape, given in POOLS:
    golden(f"MaxPool {label}", "MaxPool", lambda shape=shape: {"X": distinct(*shape)}, lambda X, given=given: pool(X, given, "max"), given)
    for include in (0, 1):
        if include and "ceil_mode" in given:
            continue
        golden(
            f"AveragePool {label} count_include_pad={include}",
            "AveragePool",
            lambda shape=shape: {"X": normal(*shape)},
            lambda X, given=given, include=include: pool(X, given, "average with pads" if include else "average"),
            given | {"count_include_pad": include},
        )
for shape in [(2, 3, 4), (1, 2, 7), (2, 2, 3, 2)]:
    axes = tuple(range(2, len(shape)))
    golden(
        f"GlobalAveragePool of {shape}",
        "GlobalAveragePool",
        lambda shape=shape: {"X": normal(*shape)},
        lambda X, axes=axes: X.mean(axes, keepdim=True),
    )
    golden(
        f"GlobalMaxPool of {shape}",
        "GlobalMaxPool",
        lambda shape=shape: {"X": distinct(*shape)},
        lambda X, axes=axes: X.amax(axes, keepdim=True),
    )

assert len({case["name"] for case in cases}) == len(cases), "case names must be unique"
write(__file__, cases)
