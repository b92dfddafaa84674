"""The other side of diagnose.ts: the parts of `diagnose` for a BERT in transformers + PyTorch on the CPU, and the folder that both sides read. Run by hand.

    python torch_diagnose.py make --folder FOLDER --layers 6 --width 768
    python torch_diagnose.py serve --folder FOLDER --threads 1 --clock cpu

make   writes a folder in the hub's layout: BertForMaskedLM on overlapping 6-mers, random weights of transformers' own initialisation.
serve  loads FOLDER and what is asked (FOLDER/questions.json, which diagnose.ts writes: token ids, hidden places, samples), then answers each line
       {"part": NAME} of standard input with one JSON line {seconds, numbers, way}. An empty line ends it; the last line is {"peak_mib": ...} (VmHWM).

Nothing is computed that isn't asked for: logits at the hidden places alone, no gradient where none is needed, sums of squares in one pass over each
gradient. All windows are of one length, so no padding mask is given. Each part is run in several ways on a few windows before it is
timed, and the fastest way counts: scaled_dot_product_attention or eager attention, batches of 4 or 8 windows where the batch is free.

predictions, shuffled   log-softmax, entropy, both KL to uniform (and with the paper's clamps), accuracy, calibration error, ranked distribution
hidden                  all hidden states: means over tokens and the tokens asked for; effective rank, participation ratio, uniformity, anisotropy, mean
                        cosine and distances of every layer (float64, torch.linalg.svdvals), linear CKA of all pairs of layers
table                   the same measures of the word embeddings asked for, lengths, cosine of the nearest
batch-mean              one backward pass per batch of 8 windows; look-up and output matrix are two leaves, so that each role of the tied table is told
per-token               for every asked token a forward and a backward pass of its window: a loop, or torch.func.vmap(grad) over 4 tokens at a time, where
                        the asked tokens' gradients are all held at once

Needs torch, transformers, safetensors and numpy.
"""

import argparse
import itertools
import json
import sys
import time
from pathlib import Path

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WARM_UP = 8
EPSILON = 1e-10
BINS = 15
TOGETHER = 4


def make(arguments):
    import torch
    from safetensors.torch import save_file
    from transformers import BertConfig, BertForMaskedLM

    words = [*SPECIAL, *("".join(letters) for letters in itertools.product("ATCG", repeat=6))]
    config = BertConfig(
        architectures=["BertForMaskedLM"],
        vocab_size=len(words),
        hidden_size=arguments.width,
        num_hidden_layers=arguments.layers,
        num_attention_heads=arguments.width // 64,
        intermediate_size=4 * arguments.width,
    )
    torch.manual_seed(0)
    folder = Path(arguments.folder)
    (folder / "vocab.txt").write_text("\n".join(words))
    settings = {"do_lower_case": False, "model_max_length": 512, "tokenizer_class": "BertTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "config.json").write_text(json.dumps(config.to_dict()))
    model = BertForMaskedLM(config)
    # The initialisation of transformers, sharpened: predictions and Fisher information of exactly uniform models have nothing to tell.
    weights = {name: 2 * value.detach().clone() if value.dim() > 1 else value.detach().clone() for name, value in model.named_parameters()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def load(folder, attention):
    from safetensors.torch import load_file
    from transformers import BertConfig, BertForMaskedLM

    model = BertForMaskedLM._from_config(BertConfig.from_pretrained(folder), attn_implementation=attention)
    missing, unexpected = model.load_state_dict(load_file(Path(folder) / "model.safetensors"), strict=False)
    tied = [name for name in missing if "decoder" not in name and "position_ids" not in name]
    if tied or unexpected:
        sys.exit(f"weights missing {tied}, unknown {unexpected}")
    return model.eval()


def untie(model):
    """Look-up and output matrix as two leaves of the same values."""
    from torch import nn

    decoder = model.cls.predictions.decoder
    decoder.weight = nn.Parameter(decoder.weight.detach().clone())
    decoder.bias = model.cls.predictions.bias
    return model


def states_at(model, ids, rows):
    """ids [b, t], flat places [m] -> [m, d]"""
    return model.bert(input_ids=ids).last_hidden_state.flatten(0, 1)[rows]


def predictions(model, asked, batch, windows=None):
    import torch

    ids, places, targets = asked["ids"][:windows], asked["places"], asked["targets"]
    tokens = ids.shape[1]
    vocabulary = model.config.vocab_size
    log2_vocabulary = torch.log2(torch.tensor(float(vocabulary)))
    sums = torch.zeros(7, dtype=torch.float64)
    ranked = torch.zeros(vocabulary, dtype=torch.float64)
    reliability = torch.zeros(3, BINS, dtype=torch.float64)
    for start in range(0, len(ids), batch):
        some = ids[start : start + batch]
        chosen = (places >= start * tokens) & (places < (start + len(some)) * tokens)
        truth = targets[chosen]
        log_p = model.cls(states_at(model, some, places[chosen] - start * tokens)).log_softmax(-1)  # [m, vocabulary]
        p = log_p.exp()
        clamped = p.clamp(min=EPSILON)
        log_clamped = clamped.log2() + log2_vocabulary
        picked = log_p.gather(1, truth[:, None])
        confidence, top = p.max(1)
        right = (top == truth).double()
        parts = [
            -(p * log_p).sum(),
            -(log_p.mean(1) + log2_vocabulary * torch.log(torch.tensor(2.0))).sum(),
            -picked.sum(),
            right.sum(),
            -(p * (p + EPSILON).log2()).sum(),
            (clamped * log_clamped).sum(),
            -(log_clamped / vocabulary).sum(),
        ]
        sums += torch.stack([part.double() for part in parts])
        ranked += p.sort(1, descending=True).values.sum(0, dtype=torch.float64)
        bins = ((confidence * BINS).ceil().long() - 1).clamp(0, BINS - 1)
        for kind, values in enumerate([torch.ones_like(right), confidence.double(), right]):
            reliability[kind].index_add_(0, bins, values)
    rows = reliability[0].sum()
    names = ["entropy", "uniformToModel", "nll", "top1", "paperEntropy", "paperModel", "paperUniform"]
    return {
        **dict(zip(names, (sums / rows).tolist())),
        "calibrationError": float((reliability[2] - reliability[1]).abs().sum() / rows),
        "first": float(ranked[0] / rows),
        "tenth": float(ranked[9] / rows),
    }


def centred(x):
    return x - x.mean(0)


def describe(x):
    """Measures of rows [n, d], in the order of `geometryNumbers` in diagnose.ts."""
    import torch

    x = x.double()
    n = len(x)
    unit = torch.nn.functional.normalize(x)
    distances = torch.pdist(x)
    s = torch.linalg.svdvals(centred(x))
    share = s / s.sum()
    length = unit.mean(0).norm()
    return [
        float(value)
        for value in (
            torch.special.entr(share).sum().exp(),
            (s**2).sum() ** 2 / (s**4).sum(),
            torch.pdist(unit).square_().mul_(-2).exp_().mean().log(),
            length,
            (n * n * length**2 - unit.square().sum()) / (n * (n - 1)),
            distances.mean(),
            distances.std(),
        )
    ]


def hidden(model, asked, batch, windows=None):
    import torch

    ids, picked = asked["ids"][:windows], asked["picked"]
    tokens = ids.shape[1]
    layers = model.config.num_hidden_layers + 1
    pooled, single = [[] for _ in range(layers)], [[] for _ in range(layers)]
    for start in range(0, len(ids), batch):
        some = ids[start : start + batch]
        rows = picked[(picked >= start * tokens) & (picked < (start + len(some)) * tokens)] - start * tokens
        for layer, state in enumerate(model.bert(input_ids=some, output_hidden_states=True).hidden_states):
            pooled[layer].append(state.mean(1))
            single[layer].append(state.flatten(0, 1)[rows])
    pooled, single = [[torch.cat(parts) for parts in kind] for kind in (pooled, single)]
    flat = [centred(x.double()) for x in pooled]
    kernels = torch.stack([(x @ x.T).flatten() for x in flat])
    cka = torch.nn.functional.normalize(kernels) @ torch.nn.functional.normalize(kernels).T
    return {
        **{f"pooled {layer}": describe(x) for layer, x in enumerate(pooled)},
        **{f"tokens {layer}": describe(x) for layer, x in enumerate(single)},
        "cka": cka.flatten().tolist(),
    }


def table(model, asked, batch, windows=None):
    import torch

    words = model.bert.embeddings.word_embeddings.weight.double()
    some = words[asked["words"]]
    unit = torch.nn.functional.normalize(some)
    cosines = (unit @ unit.T).fill_diagonal_(-1)
    lengths = words.norm(dim=1)
    return {
        "geometry": describe(some),
        "lengths": [float(value) for value in (lengths.mean(), lengths.min(), lengths.max())],
        "nearest": float(cosines.max(1).values.mean()),
    }


def squares(gradients):
    """Sums of squares of tensors: norms along the last axis, then in float64. One float32 norm of millions of numbers would be off by 3e-4, and no faster."""
    import torch

    return torch.stack([torch.linalg.vector_norm(gradient, dim=-1).double().square_().sum() for gradient in gradients])


def fisher_numbers(names, sums, cross, loss, tokens):
    """By tensor; the tied table's own square is that of the sum of its roles."""
    lookup, output = "bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"
    by_name = dict(zip(names, (sums / tokens).tolist()))
    roles = [by_name[lookup], by_name.pop(output)]
    by_name[lookup] = float(cross / tokens) + roles[0] + roles[1]
    return {"loss": float(loss / tokens), "roles": roles, **by_name}


def leaves(model):
    named = dict(model.named_parameters())
    lookup = model.bert.embeddings.word_embeddings.weight
    return list(named), list(named.values()), lookup, model.cls.predictions.decoder.weight


def add_backward(model, ids, places, targets, totals):
    """One backward pass of the mean loss; adds to [sums, cross]. -> loss"""
    import torch

    names, parameters, lookup, output = leaves(model)
    for parameter in parameters:
        parameter.grad = None
    logits = model.cls(states_at(model, ids, places))
    loss = torch.nn.functional.cross_entropy(logits, targets)
    loss.backward()
    totals[0] += squares([parameter.grad for parameter in parameters])
    totals[1] += 2 * torch.dot(lookup.grad.flatten(), output.grad.flatten()).double()
    return float(loss.detach())


def fresh_totals(model):
    import torch

    return [torch.zeros(len(leaves(model)[0]), dtype=torch.float64), torch.zeros((), dtype=torch.float64)]


def batch_mean(model, asked, batch, windows=None):
    totals, loss, tokens = fresh_totals(model), 0.0, 0
    for ids, places, targets in asked["batches"][: windows and windows // 8]:
        loss += len(targets) * add_backward(model, ids, places, targets, totals)
        tokens += len(targets)
    return fisher_numbers(leaves(model)[0], *totals, loss, tokens)


def per_token(model, asked, batch, windows=None):
    """A loop, a token at a time."""
    totals, loss = fresh_totals(model), 0.0
    sample = asked["sample"][: windows and TOGETHER]
    for ids, place, target in sample:
        loss += add_backward(model, ids[None], place[None], target[None], totals)
    return fisher_numbers(leaves(model)[0], *totals, loss, len(sample))


def per_token_vmap(model, asked, batch, windows=None):
    """torch.func.vmap over the gradient function."""
    import torch
    from torch.func import functional_call, grad_and_value, vmap

    names, parameters, _, _ = leaves(model)
    weights = {name: parameter.detach() for name, parameter in zip(names, parameters)}
    lookup, output = [names.index(name) for name in ("bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight")]

    class Asked(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, ids, place, target):
            state = self.model.bert(input_ids=ids[None]).last_hidden_state[0].index_select(0, place[None])
            return torch.nn.functional.cross_entropy(self.model.cls(state), target[None])

    module = Asked()
    named = {f"model.{name}": value for name, value in weights.items()}
    each = vmap(grad_and_value(lambda w, *example: functional_call(module, w, example)), in_dims=(None, 0, 0, 0), chunk_size=TOGETHER)
    sums, cross = fresh_totals(model)
    loss = 0.0
    sample = asked["sample"][: windows and TOGETHER]
    for start in range(0, len(sample), TOGETHER):
        examples = [torch.stack(parts) for parts in zip(*sample[start : start + TOGETHER])]
        gradients, losses = each(named, *examples)
        gradients = list(gradients.values())
        sums += squares(gradients)
        cross += 2 * torch.dot(gradients[lookup].flatten(), gradients[output].flatten()).double()
        loss += float(losses.sum())
    return fisher_numbers(names, sums, cross, loss, len(sample))


# part -> (functions, batches that are tried, whether gradients are needed)
PARTS = {
    "predictions": ([predictions], [4, 8], False),
    "shuffled": ([predictions], [4, 8], False),
    "hidden": ([hidden], [4, 8], False),
    "table": ([table], [8], False),
    "batch-mean": ([batch_mean], [8], True),
    "per-token": ([per_token, per_token_vmap], [8], True),
}


def read_questions(folder):
    import torch

    asked = json.loads((Path(folder) / "questions.json").read_text())
    tensors = {
        part: {name: torch.tensor(values) for name, values in asked[part].items()} for part in ("predictions", "shuffled", "hidden", "table")
    }
    batches = [tuple(torch.tensor(values) for values in batch) for batch in asked["batch-mean"]]
    sample = [tuple(torch.tensor(values) for values in token) for token in asked["per-token"]]
    return {**tensors, "batch-mean": {"batches": batches}, "per-token": {"sample": sample}}


def serve(arguments):
    import torch
    import transformers

    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    clock = CLOCKS[arguments.clock]
    kinds = ("sdpa", "eager")
    models = {kind: load(arguments.folder, kind) for kind in kinds}
    untied = {kind: untie(load(arguments.folder, kind)) for kind in kinds}
    asked = read_questions(arguments.folder)
    fastest = {}

    def timed(part, way, windows=None):
        measure, kind, batch = way
        model = (untied if PARTS[part][2] else models)[kind]
        began = clock()
        with torch.set_grad_enabled(PARTS[part][2]):
            numbers = measure(model, asked[part], batch, windows)
        return clock() - began, numbers

    def choose(part):
        """The fastest way of a part on a few windows, the second of two tries."""
        measures, batches, _ = PARTS[part]
        ways = list(itertools.product(measures, kinds, batches))
        tried = {}
        for way in ways:
            try:
                tried[way] = min(timed(part, way, WARM_UP)[0] for _ in range(2))
            except RuntimeError as error:
                print(f"{part}, {way[0].__name__}, {way[1]}: {error}", file=sys.stderr)
        return min(tried, key=tried.get), {f"{m.__name__} {kind} {batch}": seconds for (m, kind, batch), seconds in tried.items()}

    print(json.dumps({"version": f"PyTorch {torch.__version__}, transformers {transformers.__version__}"}), flush=True)
    for line in sys.stdin:
        if not line.strip():
            break
        part = json.loads(line)["part"]
        like = "predictions" if part == "shuffled" else part
        if like not in fastest:
            fastest[like] = choose(like)
        way, tried = fastest[like]
        seconds, numbers = timed(part, way)
        named = f"{way[0].__name__}, {way[1]}, {way[2]} windows"
        print(json.dumps({"seconds": seconds, "numbers": numbers, "way": named, "tried": tried}), flush=True)
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    print(json.dumps({"peak_mib": peak / 1024}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=["make", "serve"])
    parser.add_argument("--folder", required=True)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall")
    arguments = parser.parse_args()
    {"make": make, "serve": serve}[arguments.mode](arguments)


if __name__ == "__main__":
    main()
