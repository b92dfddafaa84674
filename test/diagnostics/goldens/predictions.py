"""Makes predictions.json: measures of output distributions and of contextual embeddings by the paper's own functions, SciPy and scikit-learn.

    python predictions.py PATH/TO/GFMs      (a checkout of github lbcb-sci/GFMs; needs torch, torchmetrics, ckatorch, tqdm, scipy, scikit-learn, numpy)

Everything in float64, so that the reference has the digits to be compared with.
"""

import importlib.util
import json
import logging
import sys
import types
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.distance import jensenshannon
from scipy.special import log_softmax
from scipy.stats import entropy
from sklearn.metrics import accuracy_score

torch.set_default_dtype(torch.float64)
root = Path(sys.argv[1])


def load(name, path, **stubs):
    """A file of the reference alone: modules it imports for data sets and models are empty stand-ins."""
    for stub, names in stubs.items():
        module = types.ModuleType(stub.replace("__", "."))
        for attribute in names:
            setattr(module, attribute, None)
        sys.modules[module.__name__] = module
    spec = importlib.util.spec_from_file_location(name, root / path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


data = ["get_dataset_wiki", "get_dna_dataset", "mlm_preprocess", "DeviceWrapper"]
sys.modules["src"] = types.ModuleType("src")
analyze = types.ModuleType("src.analyze")
sys.modules["src.analyze"] = analyze
metrics = load("src.analyze.metrics", "src/analyze/metrics.py")
analyze.metrics = metrics
distribution = load(
    "distribution",
    "src/analyze/distribution/distribution.py",
    src__analyze__data=data,
    src__utils=["DATA_TOKENIZER_PAIRS", "create_results_dict", "run_key"],
)
contextual = load("contextual", "src/analyze/embeddings/embeddings.py")

MEMBERS, ROWS, V = 3, 24, 31
random = np.random.default_rng(3)
common = random.normal(size=(ROWS, V)) * np.linspace(0.01, 12, ROWS)[:, None]
logits = np.round(np.stack([common + random.normal(size=(ROWS, V)) * s for s in (0.3, 0.8, 1.5)]), 3)
targets = random.integers(0, V, size=ROWS)
targets[::2] = common.argmax(1)[::2]
spans = random.integers(0, 7, size=ROWS)
tensors = torch.tensor(logits)
probabilities = torch.softmax(tensors, dim=-1)


def predictive(member):
    p = probabilities[member]
    n = p.numpy()
    uniform = torch.ones_like(p) / V
    confidence, right = n.max(1), (n.argmax(1) == targets).astype(float)
    edges = np.linspace(0, 1, 16)
    bins = np.clip(np.digitize(confidence, edges, right=True) - 1, 0, 14)
    present = [bins == b for b in range(15)]
    bits = entropy(n, base=2, axis=1)
    nll = -log_softmax(logits[member], axis=1)[np.arange(ROWS), targets]
    return {
        "entropyNats": entropy(n, axis=1).mean(),
        "entropyBits": bits.mean(),
        "klModelToUniformBits": entropy(n, np.full_like(n, 1 / V), base=2, axis=1).mean(),
        "klUniformToModelBits": entropy(np.full_like(n, 1 / V), n, base=2, axis=1).mean(),
        "paper": {
            "entropyBits": (-(p * torch.log2(p + 1e-10)).sum() / ROWS).item(),
            "klModelToUniformBits": metrics.kl_divergence(p, uniform).mean().item(),
            "klUniformToModelBits": metrics.kl_divergence(uniform, p).mean().item(),
        },
        "entropyBitsPerNucleotide": bits.sum() / spans.sum(),
        "nllBitsPerNucleotide": nll.sum() / np.log(2) / spans.sum(),
        "nllNats": nll.mean(),  # not log_loss, which clips probabilities below 2.2e-16
        "perplexity": torch.exp(torch.nn.functional.cross_entropy(tensors[member], torch.tensor(targets))).item(),
        "top1": accuracy_score(targets, n.argmax(1)),
        "calibrationError": sum(m.sum() / ROWS * abs(right[m].mean() - confidence[m].mean()) for m in present if m.any()),
        "binRows": [int(m.sum()) for m in present],
        "rankedDistribution": distribution.compute_mean_distribution(probabilities[member : member + 1]).tolist(),
    }


LEVELS = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
# At 1 the whole distribution is meant; the reference's running sum may pass 1 by rounding, which would drop the last token.
PASSED = {1.0: 1 + 1e-9}


def distances():
    logger = logging.getLogger()
    paper = distribution.compute_jensen_shannon(probabilities, [PASSED.get(p, p) for p in LEVELS], logger)
    rows = []
    for p in LEVELS:
        cut = distribution.top_p_reweight(probabilities, PASSED.get(p, p)).numpy()
        pairs = [
            float(np.mean([jensenshannon(x, y, base=2) for x, y in zip(cut[i], cut[j])]))
            for i in range(MEMBERS)
            for j in range(i + 1, MEMBERS)
        ]
        rows.append({"p": p, "scipy": pairs, "paper": paper[PASSED.get(p, p)]})
    return rows


mean = probabilities.numpy().mean(0)
tops = probabilities.numpy().argmax(-1)


def cloud(rows, columns, seed):
    draw = np.random.default_rng(seed)
    return np.round(draw.normal(size=(rows, columns)) * np.linspace(0.1, 1.5, columns) + 0.4, 4)


def geometry(x):
    t = torch.tensor(x)
    mean_distance, deviation = contextual.pairwise_dist_stats(t)
    return {
        "rows": x.tolist(),
        "effectiveRank": contextual.effective_rank(t),
        "participationRatio": contextual.participation_ratio(t),
        "uniformity": contextual.uniformity(t),
        "anisotropy": contextual.anisotropy(t),
        "meanCosine": contextual.avg_cosine_sim(t),
        "meanDistance": mean_distance,
        "distanceStandardDeviation": deviation,
    }


tall, wide = cloud(33, 6, 7), cloud(12, 20, 8)
other = np.round(tall + np.random.default_rng(9).normal(size=tall.shape) * 0.3, 4)
pair = [torch.tensor(tall), torch.tensor(other)]
golden = {
    "logits": logits.tolist(),
    "targets": targets.tolist(),
    "spans": spans.tolist(),
    "predictive": [predictive(m) for m in range(MEMBERS)],
    "disagreement": {
        "levels": distances(),
        "top1Agreement": [float((tops[i] == tops[j]).mean()) for i in range(MEMBERS) for j in range(i + 1, MEMBERS)],
        "mutualInformationBits": float((entropy(mean, base=2, axis=1) - entropy(probabilities.numpy(), base=2, axis=2).mean(0)).mean()),
    },
    "geometry": [geometry(tall), geometry(wide)],
    "pair": {
        "rows": other.tolist(),
        "neighbourOverlap": contextual.neighbor_alignment(*pair, k=10),
        "rowDistance": contextual.alignment(*pair),
        "linearCka": contextual.linear_cka(*pair),
    },
}
Path(__file__).with_name("predictions.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
