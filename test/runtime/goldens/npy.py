"""Writes npy.json: arrays saved by numpy.save, as base64, with the values they hold. Run: python npy.py"""
import base64, io, json, pathlib
import numpy as np

cases = []
for name, array in {
    "float32 3x2": np.array([[0.1, -2.5], [3e-8, 4e8], [np.inf, 0.0]], dtype="<f4"),
    "float64 2x3": np.array([[0.1, -2.5, 1e-300], [3.0, 4.0, 5.5]], dtype="<f8"),
    "int32 1x4": np.array([[1, -2, 2147483647, 0]], dtype="<i4"),
    "float64 vector": np.array([1.5, 2.5, -3.5], dtype="<f8"),
    "float32 empty": np.zeros((0, 5), dtype="<f4"),
}.items():
    stream = io.BytesIO()
    np.save(stream, array)
    shape = list(array.shape) + ([1] if array.ndim == 1 else [])
    cases.append({"name": name, "dimensions": array.ndim, "type": array.dtype.name, "shape": shape,
                  "values": [str(float(v)) for v in array.ravel()], "npy": base64.b64encode(stream.getvalue()).decode()})
read = []
ORDERS = {"C": np.ascontiguousarray, "Fortran": np.asfortranarray}
for version in [(1, 0), (2, 0), (3, 0)]:
    for order, arrange in ORDERS.items():
        for dtype in ["<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "<i4", ">i4"]:
            array = arrange(np.array([[1.5, -2, 3], [0.25, 50, -6]]).astype(dtype))
            stream = io.BytesIO()
            np.lib.format.write_array(stream, array, version=version)
            read.append({"name": f"{dtype}, {order} order, version {version[0]}", "shape": [2, 3],
                         "values": [float(v) for v in array.ravel(order="C")],
                         "npy": base64.b64encode(stream.getvalue()).decode()})
refused = []
for name, array in {
    "element type <i8": np.arange(4).reshape(2, 2).astype("<i8"),
    "one or two dimensions": np.zeros((2, 2, 2)),
}.items():
    stream = io.BytesIO()
    np.save(stream, array)
    refused.append({"says": name, "npy": base64.b64encode(stream.getvalue()).decode()})
path = pathlib.Path(__file__).with_name("npy.json")
path.write_text(json.dumps({"numpy": np.__version__, "cases": cases, "read": read, "refused": refused}, indent=1) + "\n")
