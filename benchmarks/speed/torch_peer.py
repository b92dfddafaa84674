"""The other side of the speed comparison: PyTorch and scikit-learn on the CPU, timed by the same cases as ours. Run by hand.

    python torch_peer.py --case resnet-train --threads 2 --repeats 7
    python torch_peer.py --case logistic-100 --x features.npy --y labels.npy --threads 2 --repeats 3

prints one JSON line {case, threads, median_seconds, min, max, version, ...}: the median over the repeats, after warm-up runs that do not count.
float32 throughout; batches are made beforehand and stay the same.

chip-cnn-train, resnet-train       forward, backward, fused Adam at batch 128 on one-hot [128, 4, --length], networks at full width with their
                                   dropout (torch_networks.py); binary cross-entropy and mean squared error
encoder-LxD-TOKENS-train           L layers D wide at batch 32: token and position embeddings, LayerNorm, post-norm layers with GELU, then
                                   BERT's masked-language head (dense, GELU, LayerNorm, decoder tied to the embeddings, vocabulary 4098); logits at
                                   every position, cross-entropy over the 50% that are masked; fused Adam; no padding; --dropout (0)
encoder-LxD-TOKENS-inference       the same encoder without the head, [32, TOKENS] -> last hidden states, evaluation and inference mode;
                                   with nn.TransformerEncoder's fused path and without it, of which the faster counts (`path` says which)
logistic-2, logistic-100           scikit-learn's LogisticRegression (lbfgs, C 1, tol 1e-4, max_iter 1000) after StandardScaler, timing the fit
                                   only, on the matrices given (logistic.ts writes them), in the dtype they are stored in; `objective` is
                                   the sum of log-losses plus |W|^2 / 2, intercepts unpenalised
"""

import argparse
import json
import os
import statistics
import sys
import time

ENCODERS = {"4x256": {"layers": 4, "width": 256, "heads": 4}, "6x768": {"layers": 6, "width": 768, "heads": 12}}
TOKENS = (110, 165)
CASES = [
    "chip-cnn-train",
    "resnet-train",
    *(f"encoder-{size}-{tokens}-{mode}" for size in ENCODERS for tokens in TOKENS for mode in ("train", "inference")),
    "logistic-2",
    "logistic-100",
]
VOCABULARY = 4098
MASK_TOKEN = 0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", required=True, choices=CASES, metavar="NAME", help=", ".join(CASES))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--batch", type=int, help="128 for the CNNs, 32 for the encoders")
    parser.add_argument("--length", type=int, default=200, help="nucleotides, for the CNNs")
    parser.add_argument("--dropout", type=float, default=0.0, help="of the encoders in training")
    parser.add_argument("--x", help="logistic: .npy, float [rows, columns]")
    parser.add_argument("--y", help="logistic: .npy, int [rows] or [rows, 1]")
    arguments = parser.parse_args()
    if arguments.case.startswith("logistic") and not (arguments.x and arguments.y):
        parser.error(f"--case {arguments.case} needs --x FEATURES.npy and --y LABELS.npy (logistic.ts writes such files)")
    if min(arguments.threads, arguments.repeats) < 1:
        parser.error("--threads and --repeats must be at least 1")
    return arguments


def timed(step, repeats, warmup):
    """Seconds of each of the repeats, after the warm-up runs."""
    for _ in range(warmup):
        step()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return seconds


def train_step(model, loss_of):
    """One closure: zero the gradients, forward, backward, fused Adam."""
    import torch

    optimiser = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)

    def step():
        optimiser.zero_grad(set_to_none=True)
        loss_of().backward()
        optimiser.step()

    return step


def time_cnn(arguments):
    import torch
    from torch.nn import functional
    from torch_networks import ChipCnn, ResNet

    batch, length = arguments.batch or 128, arguments.length
    letters = functional.one_hot(torch.randint(4, (batch, length)), 4)
    inputs = letters.transpose(1, 2).float().contiguous()  # [batch, 4, length]
    if arguments.case == "chip-cnn-train":
        model, targets, loss = ChipCnn(4, length, 1), torch.randint(2, (batch, 1)).float(), functional.binary_cross_entropy_with_logits
    else:
        model, targets, loss = ResNet(4, length, 1), torch.randn(batch, 1), functional.mse_loss
    model.train()
    step = train_step(model, lambda: loss(model(inputs), targets))
    return timed(step, arguments.repeats, arguments.warmup), {"batch": batch, "length": length, "parameters": size_of(model)}


def size_of(model):
    return sum(p.numel() for p in model.parameters())


def build_encoder(layers, width, heads, tokens, dropout):
    """Token and position embeddings, LayerNorm, nn.TransformerEncoder, and BERT's masked-language head beside it."""
    import torch
    from torch import nn

    class MaskedLanguageModel(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.positions = nn.Embedding(VOCABULARY, width), nn.Parameter(torch.randn(tokens, width) * 0.02)
            nn.init.normal_(self.embedding.weight, std=0.02)
            self.norm, self.drop = nn.LayerNorm(width), nn.Dropout(dropout)
            layer = nn.TransformerEncoderLayer(width, heads, 4 * width, dropout, "gelu", batch_first=True)
            self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
            self.transform = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width))
            self.decoder_bias = nn.Parameter(torch.zeros(VOCABULARY))

        def encode(self, ids):
            return self.layers(self.drop(self.norm(self.embedding(ids) + self.positions)))  # [batch, tokens, width]

        def forward(self, ids):
            return nn.functional.linear(self.transform(self.encode(ids)), self.embedding.weight, self.decoder_bias)

    return MaskedLanguageModel()


def time_encoder(arguments):
    import torch
    from torch.nn import functional

    _, size, tokens, mode = arguments.case.split("-")
    batch, tokens = arguments.batch or 32, int(tokens)
    model = build_encoder(**ENCODERS[size], tokens=tokens, dropout=arguments.dropout)
    ids = torch.randint(2, VOCABULARY, (batch, tokens))
    facts = {"batch": batch, "tokens": tokens, "parameters": size_of(model)}
    if mode == "train":
        chosen = torch.rand(batch, tokens) < 0.5
        masked = torch.where(chosen, MASK_TOKEN, ids)
        labels = torch.where(chosen, ids, -100).flatten()
        model.train()
        step = train_step(model, lambda: functional.cross_entropy(model(masked).flatten(0, 1), labels))
        return timed(step, arguments.repeats, arguments.warmup), facts | {"dropout": arguments.dropout}
    model.eval()
    results = {}
    for path, enabled in [("fused layer", True), ("scaled_dot_product_attention", False)]:
        torch.backends.mha.set_fastpath_enabled(enabled)
        with torch.inference_mode():
            results[path] = timed(lambda: model.encode(ids), arguments.repeats, arguments.warmup)
    best = min(results, key=lambda path: statistics.median(results[path]))
    return results[best], facts | {"path": best}


def time_logistic(arguments):
    import numpy
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    features, labels = numpy.load(arguments.x), numpy.load(arguments.y)
    if features.ndim != 2 or labels.shape not in (features.shape[:1], (len(features), 1)):
        sys.exit(f"{arguments.x} is {features.shape} and {arguments.y} {labels.shape}: expected [rows, columns] and [rows]")
    labels, expected = labels.ravel(), int(arguments.case.split("-")[1])
    if len(numpy.unique(labels)) != expected:
        sys.exit(f"{arguments.y} holds {len(numpy.unique(labels))} classes, {arguments.case} needs {expected}")
    fitted = []
    with threadpool_limits(arguments.threads):
        start = time.perf_counter()
        scaled = StandardScaler().fit_transform(features)
        scaling = time.perf_counter() - start
        model = LogisticRegression(C=1.0, tol=1e-4, max_iter=1000, solver="lbfgs")
        seconds = timed(lambda: fitted.append(model.fit(scaled, labels)), arguments.repeats, min(arguments.warmup, 1))
        scores = model.decision_function(scaled).astype(numpy.float64)
    if scores.ndim == 1:
        scores = numpy.stack([numpy.zeros_like(scores), scores], 1)
    shifted = scores - scores.max(1, keepdims=True)
    log_loss = numpy.log(numpy.exp(shifted).sum(1)) - shifted[numpy.arange(len(labels)), numpy.searchsorted(model.classes_, labels)]
    return seconds, {
        "rows": features.shape[0],
        "columns": features.shape[1],
        "classes": len(model.classes_),
        "dtype": str(features.dtype),
        "scaling_seconds": scaling,
        "iterations": int(model.n_iter_.max()),
        "objective": float(log_loss.sum() + (model.coef_.astype(numpy.float64) ** 2).sum() / 2),
        "train_accuracy": float((model.classes_[scores.argmax(1)] == labels).mean()),
    }


def main():
    arguments = parse_arguments()
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(arguments.threads)
    if arguments.case.startswith("logistic"):
        import sklearn

        version = f"scikit-learn {sklearn.__version__}"
        seconds, facts = time_logistic(arguments)
    else:
        import torch

        torch.set_num_threads(arguments.threads)
        torch.set_flush_denormal(True)
        torch.manual_seed(1)
        version = f"torch {torch.__version__}"
        seconds, facts = (time_encoder if arguments.case.startswith("encoder") else time_cnn)(arguments)
    line = {
        "case": arguments.case,
        "threads": arguments.threads,
        "median_seconds": statistics.median(seconds),
        "min": min(seconds),
        "max": max(seconds),
        "version": version,
        "repeats": arguments.repeats,
    }
    print(json.dumps(line | facts))


if __name__ == "__main__":
    main()
