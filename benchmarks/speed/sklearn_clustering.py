"""The other side of clustering.ts: scikit-learn on the same points. Called by it, or by hand:

    python sklearn_clustering.py --case ward --points points.npy --clusters 4363 --answers labels.npy --threads 2
    python sklearn_clustering.py --case nearest --points train.npy --labels y.npy --queries queries.npy --answers labels.npy --threads 2

prints one JSON line {case, seconds, cpu_seconds, peak_rss_mib, version}. `seconds` is what the call takes without reading files:
AgglomerativeClustering(linkage="ward").fit_predict, which is SciPy's linkage, in float64; or
KNeighborsClassifier(n_neighbors=1, metric="cosine", algorithm="brute"), fit and predict, in the dtype of the points. No repeats.
"""

import argparse
import json
import os
import resource
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--case", required=True, choices=["ward", "nearest"])
parser.add_argument("--points", required=True, help=".npy, float32 [rows, columns]")
parser.add_argument("--clusters", type=int, default=2)
parser.add_argument("--labels", help=".npy, int32 [rows, 1], of the points")
parser.add_argument("--queries", help=".npy, float32 [queries, columns]")
parser.add_argument("--answers", required=True, help="written: .npy, int32 [rows or queries, 1]")
parser.add_argument("--threads", type=int, default=2)
arguments = parser.parse_args()
for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = str(arguments.threads)

import numpy as np  # noqa: E402
import sklearn  # noqa: E402
from sklearn.cluster import AgglomerativeClustering  # noqa: E402
from sklearn.neighbors import KNeighborsClassifier  # noqa: E402

points = np.load(arguments.points)
if arguments.case == "nearest":
    labels, queries = np.load(arguments.labels).ravel(), np.load(arguments.queries)
started, cpu = time.perf_counter(), time.process_time()
if arguments.case == "ward":
    answers = AgglomerativeClustering(n_clusters=arguments.clusters, linkage="ward").fit_predict(points)
else:
    model = KNeighborsClassifier(n_neighbors=1, metric="cosine", algorithm="brute")
    answers = model.fit(points, labels).predict(queries)
seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
np.save(arguments.answers, np.asarray(answers, dtype=np.int32).reshape(-1, 1))
print(
    json.dumps(
        {
            "case": arguments.case,
            "seconds": seconds,
            "cpu_seconds": cpu,
            "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "version": f"scikit-learn {sklearn.__version__}",
        }
    )
)
