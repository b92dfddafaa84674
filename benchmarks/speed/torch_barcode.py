"""Pre-training steps of BarcodeMAE, BarcodeBERT and the causal comparison in PyTorch on the CPU: the other side of barcode.ts. Run by hand.

    python torch_barcode.py --objective mae --hidden 256 --layers 4 --decoder-layers 4 --heads 4 --k 6 --batch 32 --tokens 110 --threads 2 --steps 5

prints one JSON line {objective, secondsPerStep, min, max, tokensPerSecond, parameters, loss, version, ...}: the median over --steps after --warmup
steps that do not count. Needs torch and transformers. float32; forward, backward, clipping to norm 1, fused AdamW, OneCycle; dropout 0.1;
feed-forward 4 times as wide. A batch of random k-mers without padding is made beforehand and reused; each k-mer is masked with probability 1/2, a
fresh mask per step (drawn outside the timed part).

mae      encoder of --layers on the visible tokens, packed; projection; decoder of --decoder-layers on all of them; the same --heads in both
mlm      BertForTokenClassification of --layers, [MASK] at the masked tokens
causal   BertModel with is_decoder=True of --layers, next-token loss at all positions

mlm and causal take no notice of --decoder-layers: give them as many --layers as the comparison wants.

--attention fastest (the default) times transformers' eager attention and scaled_dot_product_attention in turns, step by step, and reports the
faster; with dropout inside attention either may win on a CPU.

--clock cpu counts the seconds the processor spent on this process instead of those that went by.

--logits masked (the default) evaluates the classifier where the loss looks only, --logits all at every position, as the authors' code does; the loss
is the same. Either way every layer is computed at every position, as transformers' models do. causal has a label nearly everywhere. --compile lets
torch.compile have the model (needs a C++ compiler; warm-up then takes minutes and --warmup should be more).
"""

import argparse
import json
import math
import os
import statistics
import time

MASK, UNKNOWN, SPECIAL_TOKENS = 0, 1, 2
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objective", required=True, choices=["mae", "mlm", "causal"])
    for name, value in [("hidden", 256), ("layers", 4), ("decoder-layers", 4), ("heads", 4), ("k", 6), ("batch", 32), ("tokens", 110)]:
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--attention", choices=["fastest", "sdpa", "eager"], default="fastest")
    parser.add_argument("--logits", choices=["masked", "all"], default="masked")
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall")
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()
    if arguments.hidden % arguments.heads:
        parser.error(f"--hidden {arguments.hidden} is not divisible by --heads {arguments.heads}")
    sizes = {name: value for name, value in vars(arguments).items() if type(value) is int and name != "warmup"}
    if min(sizes.values()) < 1 or arguments.warmup < 0:
        parser.error(f"sizes, threads and steps must be at least 1: {sizes}")
    return arguments


def config_of(arguments, attention, layers, **more):
    from transformers import BertConfig

    labels = 4**arguments.k
    return BertConfig(
        vocab_size=labels + SPECIAL_TOKENS,
        num_labels=labels,
        hidden_size=arguments.hidden,
        num_hidden_layers=layers,
        num_attention_heads=arguments.heads,
        intermediate_size=4 * arguments.hidden,
        max_position_embeddings=max(512, math.ceil(1536 / arguments.k)),
        hidden_dropout_prob=arguments.dropout,
        attention_probs_dropout_prob=arguments.dropout,
        attn_implementation=attention,
        **more,
    )


def build(arguments, attention):
    """Module of (ids, masked) -> mean cross-entropy."""
    import torch
    from torch import nn
    from torch.nn import functional
    from transformers import BertForTokenClassification, BertModel

    def classified(head, states, labels, chosen):
        """Cross-entropy of head(states) at the chosen places. states: [batch, tokens, hidden]."""
        if arguments.logits == "masked":
            return functional.cross_entropy(head(states[chosen]), labels[chosen])
        return functional.cross_entropy(head(states)[chosen], labels[chosen])

    def head_of(model):
        return nn.Sequential(model.dropout, model.classifier)

    class Autoencoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = BertModel(config_of(arguments, attention, arguments.layers), add_pooling_layer=False)
            self.projection_layer = nn.Linear(arguments.hidden, arguments.hidden)
            self.decoder = BertForTokenClassification(config_of(arguments, attention, arguments.decoder_layers))

        def forward(self, ids, masked):
            rows, tokens = ids.shape
            kept = (~masked).sum(1)
            filled = torch.arange(int(kept.max())) < kept.unsqueeze(1)  # [batch, longest]
            place = torch.arange(tokens).expand(rows, tokens)[~masked]
            packed = torch.full(filled.shape, UNKNOWN)
            positions = torch.zeros_like(packed)
            packed[filled], positions[filled] = ids[~masked], place
            encoded = self.encoder(input_ids=packed, attention_mask=filled.long(), position_ids=positions).last_hidden_state
            mask_vector = self.decoder.bert.embeddings.word_embeddings.weight[MASK]
            inputs = mask_vector.expand(rows, tokens, -1).clone()
            inputs[~masked] = self.projection_layer(encoded[filled])
            states = self.decoder.bert(inputs_embeds=inputs).last_hidden_state
            return classified(head_of(self.decoder), states, ids - SPECIAL_TOKENS, masked)

    class MaskedLanguage(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = BertForTokenClassification(config_of(arguments, attention, arguments.layers))

        def forward(self, ids, masked):
            states = self.model.bert(input_ids=torch.where(masked, MASK, ids)).last_hidden_state
            return classified(head_of(self.model), states, ids - SPECIAL_TOKENS, masked)

    class Causal(nn.Module):
        def __init__(self):
            super().__init__()
            config = config_of(arguments, attention, arguments.layers, is_decoder=True)
            self.bert = BertModel(config, add_pooling_layer=False)
            self.dropout = nn.Dropout(arguments.dropout)
            self.classifier = nn.Linear(arguments.hidden, config.num_labels)

        def forward(self, ids, masked):
            states = self.bert(input_ids=ids, use_cache=False).last_hidden_state
            logits = self.classifier(self.dropout(states[:, :-1]))
            return functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten() - SPECIAL_TOKENS)

    return {"mae": Autoencoder, "mlm": MaskedLanguage, "causal": Causal}[arguments.objective]()


def trainer(arguments, attention):
    """(parameters, one training step as a function of ids and masked that returns the loss)."""
    import torch

    model = build(arguments, attention).train()
    run = torch.compile(model, dynamic=True) if arguments.compile else model
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=1e-5, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-4, total_steps=arguments.warmup + arguments.steps + 1)

    def step(ids, masked):
        optimiser.zero_grad(set_to_none=True)
        loss = run(ids, masked)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        return float(loss.detach())

    return sum(p.numel() for p in model.parameters()), step


def time_steps(arguments):
    """(attention, seconds of each step after the warm-up, last loss, parameters) of the faster attention."""
    import torch

    clock = CLOCKS[arguments.clock]
    kinds = ["eager", "sdpa"] if arguments.attention == "fastest" else [arguments.attention]
    trainers = {kind: trainer(arguments, kind) for kind in kinds}
    seconds, losses = {kind: [] for kind in kinds}, {}
    ids = torch.randint(SPECIAL_TOKENS, SPECIAL_TOKENS + 4**arguments.k, (arguments.batch, arguments.tokens))
    for _ in range(arguments.warmup + arguments.steps):
        masked = torch.rand(ids.shape) < 0.5
        for kind in kinds:
            start = clock()
            losses[kind] = trainers[kind][1](ids, masked)
            seconds[kind].append(clock() - start)
    counted = {kind: times[arguments.warmup :] for kind, times in seconds.items()}
    best = min(kinds, key=lambda kind: statistics.median(counted[kind]))
    return best, counted[best], losses[best], trainers[best][0]


def main():
    arguments = parse_arguments()
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(arguments.threads)
    import torch
    import transformers

    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(1)
    attention, seconds, loss, parameters = time_steps(arguments)
    median = statistics.median(seconds)
    facts = {name: value for name, value in vars(arguments).items() if name != "compile"}
    line = {
        "attention": attention,
        "secondsPerStep": median,
        "min": min(seconds),
        "max": max(seconds),
        "tokensPerSecond": arguments.batch * arguments.tokens / median,
        "parameters": parameters,
        "loss": loss,
        "version": f"torch {torch.__version__}, transformers {transformers.__version__}" + (", compiled" if arguments.compile else ""),
    }
    print(json.dumps(facts | line))


if __name__ == "__main__":
    main()
