"""Is our UMAP as good as umap-learn's? Ward on both embeddings over several seeds, and trustworthiness. Not run by the tests.

Needs: numpy, scikit-learn, umap-learn 0.5, and Node. Run in the repository's root:

    python test/probes/umap-compare.py digits
    python test/probes/umap-compare.py FEATURES.npy LABELS.npy [COMPONENTS NEIGHBOURS METRIC MIN_DIST SEEDS]

Prints mean and standard deviation over the seeds of AMI, ARI and trustworthiness, a Mann-Whitney test of the two AMI samples, and
seconds per embedding: umap-learn with a seed is single-threaded, ours is run with one thread.
"""

import subprocess
import sys
import tempfile
import time
import warnings

import numpy as np
from scipy.stats import mannwhitneyu
from sklearn.cluster import AgglomerativeClustering
from sklearn.datasets import load_digits
from sklearn.manifold import trustworthiness
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score
from umap import UMAP

warnings.filterwarnings("ignore")
if sys.argv[1] == "digits":
    x, truth = load_digits(return_X_y=True)
    settings = sys.argv[2:]
else:
    x, truth = np.load(sys.argv[1]), np.load(sys.argv[2])
    settings = sys.argv[3:]
x = x.astype(np.float32)
components, neighbours, metric, min_dist, seeds = [*settings, *["50", "5", "cosine", "0.1", "10"][len(settings):]]
sample = np.random.default_rng(0).permutation(len(x))[:3000]
classes = len(np.unique(truth))

with tempfile.TemporaryDirectory() as folder:
    np.save(f"{folder}/features.npy", x)
    command = ["node", "--import", "tsx", "test/probes/umap-compare.ts", f"{folder}/features.npy", components, neighbours]
    subprocess.run([*command, metric, min_dist, seeds, f"{folder}/ours"], check=True)
    ours = [np.load(f"{folder}/ours-{seed}.npy") for seed in range(int(seeds))]

theirs = []
for seed in range(int(seeds)):
    start = time.perf_counter()
    reducer = UMAP(int(neighbours), int(components), metric=metric, min_dist=float(min_dist), random_state=seed)
    theirs.append(reducer.fit_transform(x))
    print(f"umap-learn, seed {seed}: {time.perf_counter() - start:.2f} s", flush=True)

scores = {}
for name, embeddings in [("ours", ours), ("umap-learn", theirs)]:
    clusters = [AgglomerativeClustering(classes).fit_predict(y) for y in embeddings]
    scores[name] = {
        "AMI": [adjusted_mutual_info_score(truth, c) for c in clusters],
        "ARI": [adjusted_rand_score(truth, c) for c in clusters],
        "trustworthiness": [trustworthiness(x[sample], y[sample], n_neighbors=10, metric=metric) for y in embeddings],
    }
    for score, values in scores[name].items():
        print(f"{name:12s}{score:17s}{np.mean(values):.4f} +- {np.std(values, ddof=1):.4f}")
for score in scores["ours"]:
    test = mannwhitneyu(scores["ours"][score], scores["umap-learn"][score])
    print(f"{score}: Mann-Whitney p = {test.pvalue:.3f}")
