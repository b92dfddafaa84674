"""Goldens of one training step's forward and backward pass through whole small networks, by PyTorch in float64.

Each case is {name, network, settings, inputs, parameters, runningStatistics, logits, loss, inputGradients, parameterGradients,
runningStatisticsAfter, runningStatisticsAfterBiased, evaluationLogits}: training mode with every dropout at 0, batch statistics in the
forward pass. `runningStatisticsAfter` is PyTorch's (unbiased variance), the biased one is ONNX's and Keras'; `evaluationLogits` are those
of evaluation mode with the running statistics from before. Parameters bear PyTorch state-dict names: Conv weights
[out, in / groups, kernel...], Linear weights [out, in], BatchNorm weight (scale), bias (shift), running_mean, running_var.
settings.momentum is PyTorch's: running = (1 - momentum) running + momentum batch. The one-hot inputs carry noise, so that no max-pool
ties. The BERT case is in evaluation mode, has no running statistics, and gives every layer's hidden states.
A float32 run of the same network must agree, so that an engine working in float32 can.

chipCnn, resNet: benchmarks/speed/torch_networks.py, after Tang et al.; barcodeCnn: after BarcodeBERT's baselines/cnn;
genomicBenchmarksCnn: after genomic_benchmarks' models/torch.py, but with the loss on logits (there sigmoid is applied twice);
bertForMaskedLM: transformers, decoder weight tied to bert.embeddings.word_embeddings.weight, its bias is cls.predictions.bias.
"""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from golden import float32, gradients, ints, normal, number, seed, tensor_json, tensors_json, uniform, write
from torch import nn
from transformers import BertConfig, BertForMaskedLM

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "benchmarks" / "speed"))
from torch_networks import ChipCnn, ResNet  # noqa: E402

cases = []


class BarcodeCnn(nn.Module):
    """Input [batch, 1, length, letters]; three times Conv2d 3x1, ReLU, BN, max-pool 3x1; flatten, BN, fc1 (the embedding), tanh, fc2."""

    def __init__(self, length, letters, widths, embedding, outputs):
        super().__init__()
        into = [1, *widths[:-1]]
        for i, (a, b) in enumerate(zip(into, widths, strict=True), 1):
            setattr(self, f"conv{i}", nn.Conv2d(a, b, (3, 1), padding=(1, 0)))
            setattr(self, f"bn{i}", nn.BatchNorm2d(b))
        flat = widths[-1] * (length // 3 // 3 // 3) * letters
        self.bn4, self.fc1, self.fc2 = nn.BatchNorm1d(flat), nn.Linear(flat, embedding), nn.Linear(embedding, outputs)

    def forward(self, x):
        for conv, norm in ((self.conv1, self.bn1), (self.conv2, self.bn2), (self.conv3, self.bn3)):
            x = F.max_pool2d(norm(torch.relu(conv(x))), (3, 1))
        return self.fc2(torch.tanh(self.fc1(self.bn4(x.flatten(1)))))


class GenomicBenchmarksCnn(nn.Module):
    """Tokens [batch, length] -> embedding; three times conv k8 (no padding), BN, ReLU, max-pool 2; flatten; two linear layers."""

    def __init__(self, vocabulary, embedding, length, widths, dense, outputs):
        super().__init__()
        self.embeddings = nn.Embedding(vocabulary, embedding)
        into = [embedding, *widths[:-1]]
        for i, (a, b) in enumerate(zip(into, widths, strict=True), 1):
            setattr(self, f"conv{i}", nn.Conv1d(a, b, 8))
            setattr(self, f"norm{i}", nn.BatchNorm1d(b))
            length = (length - 7) // 2
        self.lin1, self.lin2 = nn.Linear(widths[-1] * length, dense), nn.Linear(dense, outputs)

    def forward(self, tokens):
        x = self.embeddings(tokens).transpose(1, 2)
        for conv, norm in ((self.conv1, self.norm1), (self.conv2, self.norm2), (self.conv3, self.norm3)):
            x = F.max_pool1d(torch.relu(norm(conv(x))), 2)
        return self.lin2(self.lin1(x.flatten(1)))


def randomise(model):
    """Non-trivial weights and running statistics, all float32 numbers."""
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            continue
        if name.endswith("running_var"):
            value = uniform(*tensor.shape)
        elif tensor.dim() < 2:
            scale_of_norm = name.endswith("weight")
            value = normal(*tensor.shape, scale=0.3, shift=1.0 if scale_of_norm else 0.0)
        else:
            value = float32(tensor)
        tensor.copy_(value)


def running(model):
    return {k: v.clone() for k, v in model.state_dict().items() if "running_" in k}


def settle(values):
    """Gradients that are zero but for rounding (a bias before a BatchNorm, an attention key's bias) become zero."""
    return {k: torch.where(v.abs() < 1e-13, torch.zeros_like(v), v) for k, v in values.items()}


def check_in_float32(model, losses, leaves, expected):
    """The same backward pass in float32 agrees to 2e-4 of each gradient's largest entry (plus 1e-6)."""
    named = dict(model.named_parameters())
    single = {k: v.float().requires_grad_() for k, v in leaves.items()}
    model.float()
    grads = gradients(losses(model, single), single | named)
    for name, value in grads.items():
        error = (value.double() - expected[name]).abs().max()
        assert error <= 2e-4 * expected[name].abs().max() + 1e-6, f"{name}: float32 is off by {error:.1e}"
    model.double()


def golden(name, network, settings, make, inputs, loss_kind):
    seed(name)
    model = make().train()
    randomise(model)
    given = inputs()
    leaves = {k: v.requires_grad_() for k, v in given.items() if v.is_floating_point() and k != "targets"}
    before = running(model)
    sizes = {}
    for path, module in model.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.register_forward_hook(lambda m, x, _, path=path: sizes.update({path: x[0].numel() // m.num_features}))

    def forward(model, leaves):
        logits = model((given | leaves)["input"])
        if loss_kind == "crossEntropy":
            return logits, F.cross_entropy(logits, given["labels"])
        if loss_kind == "binaryCrossEntropyWithLogits":
            return logits, F.binary_cross_entropy_with_logits(logits, given["labels"].to(logits.dtype))
        return logits, F.mse_loss(logits, given["targets"].to(logits.dtype))

    logits, loss = forward(model, leaves)
    after = running(model)
    biased = dict(after)
    for path, size in sizes.items():
        key, momentum = f"{path}.running_var", settings["momentum"]
        biased[key] = (1 - momentum) * before[key] + (after[key] - (1 - momentum) * before[key]) * (size - 1) / size
    parameters = {k: v.detach().clone() for k, v in model.named_parameters()}
    grads = gradients(loss, leaves | dict(model.named_parameters()))
    check_in_float32(model, lambda m, single: forward(m, single)[1], leaves, grads)
    model.load_state_dict(parameters | before, strict=False)
    evaluated = forward(model.eval(), leaves)[0]
    cases.append(
        {
            "name": name,
            "network": network,
            "settings": settings | {"loss": loss_kind},
            "inputs": tensors_json(given),
            "parameters": tensors_json(parameters),
            "runningStatistics": tensors_json(before),
            "logits": tensor_json(logits),
            "loss": number(loss.item()),
            "inputGradients": tensors_json(settle({k: grads[k] for k in leaves})),
            "parameterGradients": tensors_json(settle({k: grads[k] for k in parameters})),
            "runningStatisticsAfter": tensors_json(after),
            "runningStatisticsAfterBiased": tensors_json(biased),
            "evaluationLogits": tensor_json(evaluated),
        }
    )


def noisy_one_hot(batch, letters, length):
    letters_drawn = F.one_hot(torch.randint(letters, (batch, length)), letters).double()
    return float32(letters_drawn.transpose(1, 2) + 0.1 * torch.randn(batch, letters, length))


PYTORCH = {"epsilon": 1e-5, "momentum": 0.1}
KERAS = {"epsilon": 1e-3, "momentum": 0.01}
NO_DROPOUT = (0.0, 0.0, 0.0)
for label, norm in [("PyTorch's", PYTORCH), ("Keras'", KERAS)]:
    options = {"eps": norm["epsilon"], "momentum": norm["momentum"]}
    settings = {"channels": 4, "length": 64, "outputs": 1, "widths": [5, 6, 7], "dense": 8} | norm
    golden(
        f"chip_cnn, binary, {label} BatchNorm", "chipCnn", settings,
        lambda options=options: ChipCnn(4, 64, 1, (5, 6, 7), 8, NO_DROPOUT[:2], **options),
        lambda: {"input": noisy_one_hot(6, 4, 64), "labels": ints([[0], [1], [1], [0], [1], [0]])}, "binaryCrossEntropyWithLogits",
    )  # fmt: skip
    settings = {"channels": 4, "length": 100, "outputs": 1, "widths": [6, 7], "dense": [5, 8]} | norm
    golden(
        f"ResNet, regression, {label} BatchNorm", "resNet", settings,
        lambda options=options: ResNet(4, 100, 1, (6, 7), (5, 8), NO_DROPOUT, **options),
        lambda: {"input": noisy_one_hot(5, 4, 100), "targets": normal(5, 1)}, "meanSquaredError",
    )  # fmt: skip
golden(
    "chip_cnn, three classes", "chipCnn", {"channels": 4, "length": 40, "outputs": 3, "widths": [3, 4, 5], "dense": 6} | PYTORCH,
    lambda: ChipCnn(4, 40, 3, (3, 4, 5), 6, NO_DROPOUT[:2]), lambda: {"input": noisy_one_hot(5, 4, 40), "labels": ints([2, 0, 1, 1, 0])}, "crossEntropy",
)  # fmt: skip
golden(
    "ResNet, three classes", "resNet", {"channels": 4, "length": 57, "outputs": 3, "widths": [4, 5], "dense": [6, 7]} | PYTORCH,
    lambda: ResNet(4, 57, 3, (4, 5), (6, 7), NO_DROPOUT), lambda: {"input": noisy_one_hot(5, 4, 57), "labels": ints([2, 0, 1, 1, 0])}, "crossEntropy",
)  # fmt: skip
golden(
    "barcode CNN", "barcodeCnn", {"length": 60, "letters": 5, "outputs": 4, "widths": [4, 3, 2], "embedding": 7} | PYTORCH,
    lambda: BarcodeCnn(60, 5, (4, 3, 2), 7, 4),
    lambda: {"input": noisy_one_hot(5, 5, 60).transpose(1, 2).unsqueeze(1).contiguous(), "labels": ints([3, 0, 1, 2, 0])}, "crossEntropy",
)  # fmt: skip
golden(
    "Genomic Benchmarks CNN", "genomicBenchmarksCnn",
    {"vocabulary": 5, "embedding": 6, "length": 80, "outputs": 1, "widths": [5, 4, 3], "dense": 6} | PYTORCH,
    lambda: GenomicBenchmarksCnn(5, 6, 80, (5, 4, 3), 6, 1),
    lambda: {"input": torch.randint(5, (5, 80)), "labels": ints([[1], [0], [0], [1], [1]])}, "binaryCrossEntropyWithLogits",
)  # fmt: skip


def bert_golden(name, labelled):
    """Masked-language modelling: labels are -100 but at the positions to be predicted; the loss is their mean cross-entropy."""
    seed(name)
    settings = {
        "vocabulary": 20,
        "width": 16,
        "layers": 2,
        "heads": 2,
        "feedForward": 24,
        "positions": 10,
        "epsilon": 1e-12,
        "activation": "gelu",
    }
    config = BertConfig(
        vocab_size=20, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, max_position_embeddings=10,
        type_vocab_size=2, layer_norm_eps=1e-12, hidden_act="gelu", pad_token_id=1, attn_implementation="eager",
    )  # fmt: skip
    model = BertForMaskedLM(config).double().eval()
    for parameter_name, parameter in model.named_parameters():
        is_norm = "LayerNorm.weight" in parameter_name
        parameter.data = normal(*parameter.shape, scale=0.3, shift=1.0 if is_norm else 0.0)
    model.tie_weights()
    assert model.cls.predictions.decoder.weight is model.bert.embeddings.word_embeddings.weight
    mask = ints([[1] * 7, [1] * 4 + [0] * 3, [1, 1, 0, 1, 1, 1, 0]])
    tokens = torch.where(mask == 1, torch.randint(2, 20, (3, 7)), torch.tensor(1))
    labels = torch.where((ints(labelled) == 1) & (mask == 1), tokens, torch.tensor(-100))
    masked = torch.where(labels == -100, tokens, torch.tensor(0))
    given = {"input_ids": masked, "attention_mask": mask, "labels": labels}
    output = model(**given, output_hidden_states=True)
    named = dict(model.named_parameters())
    parameters = {k: v.detach().clone() for k, v in named.items()}
    grads = gradients(output.loss, named)
    # padding_idx stops the look-up's gradient for [PAD]; here no loss depends on that look-up anyway, and the tied decoder's stays.
    check_in_float32(model, lambda m, _: m(**given).loss, {}, grads)
    cases.append(
        {
            "name": name,
            "network": "bertForMaskedLM",
            "settings": settings | {"paddingToken": 1, "maskToken": 0, "ignoreIndex": -100, "loss": "crossEntropy"},
            "inputs": tensors_json(given),
            "parameters": tensors_json(parameters),
            "hiddenStates": [tensor_json(h) for h in output.hidden_states],
            "logits": tensor_json(output.logits),
            "loss": number(output.loss.item()),
            "parameterGradients": tensors_json(settle(grads)),
        }
    )


bert_golden("BERT masked-language model", [[0, 1, 0, 0, 1, 0, 1], [1, 0, 1, 0, 0, 0, 0], [0, 1, 0, 0, 1, 0, 0]])
write(__file__, cases)
