"""Goldens of BarcodeMAE, BarcodeBERT and the causal comparison: losses, activations, gradients, a short training run. See reference.py for the models.

    cd test/models/goldens/barcode && python goldens.py          needs torch and transformers; writes the files below beside itself

Weights are multiples of 1/128, exact in float32 and in the file; the arithmetic is float64. Values have 9 significant digits, and 0 stands for
anything smaller than 1e-14 in size (the gradient of every attention key's bias is 0 in theory: compare with an absolute tolerance).

mae-v2, mae-v2-narrow-decoder, mae-v1, mae-v1-weighted, mlm, mlm-fates, causal (.json), each:
  objective          mae_v2, mae_v1, mlm or causal
  config             Hugging Face fields: {encoder, decoder} for MAE, {model} otherwise; num_labels = 4^k
  batch              shape [batch, tokens]; flat, row-major: ids (of the sequence itself), attentionMask, labels (k-mer index, -100 at [UNK]),
                     masked (1 = counted as masked; MAE removes these from the encoder), inputIds (what the model is given)
  maskedLossWeight   w in w * CE(masked) + (1 - w) * CE(other k-mers); absent for causal
  packed             mae_v2 only: shape [batch, longest]; ids, positionIds, attentionMask as they enter the encoder
  parameters         name (state_dict of transformers; MAE: encoder.*, projection_layer.*, decoder.bert.*, decoder.classifier.*; else bert.*,
                     classifier.*) -> shape, values, gradient of `loss`, zeros included
  encoderHiddenStates  shape [batch, tokens or longest, hidden]; layers: the embeddings' output, then each layer's. Places under a mask of 0 are
                     there too, as transformers computes them, but influence nothing
  decoderInputs      MAE: shape, values, the decoder's inputs_embeds
  logits             shape [attended, labels]: at the places of attentionMask 1 in row-major order, `places` their flat indices
  loss, maskedLoss, visibleLoss, maskedAccuracy (MAE, mlm); loss, accuracy, predictedTokens (causal)
  maskRowGradient    mlm: gradient of row 0 of the word embeddings if it were not padding_idx; `parameters` has transformers' default, zeros

trajectory.json: five steps from the weights of mae-v2.json (`start`) on its ids, a fresh mask each step:
  optimiser          torch.optim.AdamW on every parameter (decay too), clip_grad_norm_, OneCycleLR with torch's defaults
  runs               cycleMomentum true (torch's default: beta1 goes .95 -> .85 -> .95) and false (beta1 stays .9):
    steps            masked, learningRate and beta1 that the step used, gradientNorm before clipping, loss before the step
    parameters       name -> shape, values after the last step. In float32 an attention key's bias moves by up to 4e-4, for Adam magnifies the
                     rounding of a gradient that is 0; the rest of PyTorch's own float32 run stays within 1e-6

tokenizer.json is written by kmers.py.
"""

import json
from pathlib import Path

import kmers
import torch
import transformers
from reference import CausalModel, MaskedAutoencoder, MaskedLanguageModel, bert_config, causal_loss, labels_of, masked_loss

HERE = Path(__file__).parent
VOCABULARY, POSITIONS = 2 + 4**2, 12
IDS = torch.tensor([[7, 3, 12, 17, 1, 2, 12, 9, 16], [5, 14, 14, 2, 8, 11, 1, 1, 1], [10, 6, 17, 4, 15, 3, 13, 1, 1]])
ATTENTION = torch.tensor([[1] * 9, [1] * 6 + [0] * 3, [1] * 7 + [0] * 2])  # row 0 has an attended [UNK], the padding is [UNK] too
SELECTED = [{1, 2, 6, 8}, {0, 3}, {0, 4, 5, 6}]
FATES = [{1: 0, 2: 5, 6: 12, 8: 0}, {0: 0, 3: 17}, {0: 0, 4: 15, 5: 0, 6: 2}]  # place -> id given: 0 masked, another replaced, its own kept
STEP_SELECTIONS = [
    SELECTED,
    [{0, 3, 5}, {1, 2, 4}, {1, 2, 3}],
    [{7, 8}, {5}, {0, 1, 2, 3, 6}],
    [{0, 1, 2, 3, 5, 6, 7}, {0, 1, 5}, {4}],
    [{2, 5, 7}, {2, 3, 4}, {2, 5}],
]
OPTIMISER = {"learningRate": 1e-3, "betas": [0.9, 0.999], "epsilon": 1e-8, "weightDecay": 1e-2, "clipNorm": 1.0, "totalSteps": 5}
CONFIG_FIELDS = (
    "vocab_size hidden_size num_hidden_layers num_attention_heads intermediate_size max_position_embeddings type_vocab_size hidden_act"
    " layer_norm_eps hidden_dropout_prob attention_probs_dropout_prob initializer_range pad_token_id is_decoder num_labels"
).split()


def places(sets):
    return torch.tensor([[t in chosen for t in range(IDS.shape[1])] for chosen in sets])


def given(fates):
    return torch.tensor([[fate.get(t, int(IDS[b, t])) for t in range(IDS.shape[1])] for b, fate in enumerate(fates)])


def small(hidden, layers, heads, feed_forward, **more):
    return bert_config(VOCABULARY, hidden, layers, heads, feed_forward, POSITIONS, **more)


def with_weights(model, seed):
    """Multiples of 1/128 of a size at which every part of the model matters."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            draw = torch.randn(parameter.shape, generator=generator, dtype=torch.float64) * (0.1 if "LayerNorm" in name else 0.35)
            parameter.copy_(((draw + (name.endswith("LayerNorm.weight"))) * 128).round() / 128)
    return model.eval()


def evaluate(model, objective, inputs, selected, weight):
    logits, hidden_states, facts = model(inputs, ATTENTION, selected)
    labels = labels_of(IDS)
    loss, parts = causal_loss(logits, labels, ATTENTION) if objective == "causal" else masked_loss(logits, labels, selected, weight)
    return loss, parts, logits, hidden_states, facts


def numbers(tensor):
    """Flat list: integers as they are, others with 9 significant digits."""
    flat = tensor.detach().flatten().tolist()
    if not tensor.dtype.is_floating_point:
        return [int(value) for value in flat]
    return [0 if abs(value) < 1e-14 else float(f"{value:.9g}") for value in flat]


def with_shape(tensor, key="values"):
    return {"shape": list(tensor.shape), key: numbers(tensor)}


def described(configs):
    return {part: {field: getattr(config, field) for field in CONFIG_FIELDS} for part, config in configs.items()}


def golden(model, configs, objective, inputs, selected, weight):
    loss, parts, logits, hidden_states, facts = evaluate(model, objective, inputs, selected, weight)
    loss.backward()
    attended = ATTENTION == 1
    record = {
        "objective": objective,
        "config": described(configs),
        "batch": {
            "shape": list(IDS.shape),
            "ids": numbers(IDS),
            "attentionMask": numbers(ATTENTION),
            "labels": numbers(labels_of(IDS)),
            "masked": numbers(selected),
            "inputIds": numbers(inputs),
        },
    }
    if objective != "causal":
        record["maskedLossWeight"] = weight
    if "packed" in facts:
        packed = facts["packed"]
        record["packed"] = {"shape": list(packed["ids"].shape)} | {key: numbers(tensor) for key, tensor in packed.items()}
    record["parameters"] = {
        name: with_shape(parameter) | {"gradient": numbers(parameter.grad)} for name, parameter in model.named_parameters()
    }
    record["encoderHiddenStates"] = {"shape": list(hidden_states[0].shape), "layers": [numbers(states) for states in hidden_states]}
    if "decoderInputs" in facts:
        record["decoderInputs"] = with_shape(facts["decoderInputs"])
    record["logits"] = with_shape(logits[attended]) | {"places": numbers(attended.flatten().nonzero())}
    return record | {key: numbers(value)[0] for key, value in ({"loss": loss} | parts).items()}


def autoencoder(version, encoder, decoder, seed):
    configs = {"encoder": small(*encoder), "decoder": small(*decoder)}
    return with_weights(MaskedAutoencoder(configs["encoder"], configs["decoder"], version), seed), configs


def autoencoder_golden(version, encoder, decoder, seed, weight):
    model, configs = autoencoder(version, encoder, decoder, seed)
    selected = places(SELECTED)
    return golden(model, configs, version, torch.where(selected, 0, IDS), selected, weight)


def masked_language_golden(seed, inputs):
    config = small(12, 2, 3, 24)
    record = golden(with_weights(MaskedLanguageModel(config), seed), {"model": config}, "mlm", inputs, places(SELECTED), 1.0)
    twin = with_weights(MaskedLanguageModel(small(12, 2, 3, 24, pad_token_id=None)), seed)
    evaluate(twin, "mlm", inputs, places(SELECTED), 1.0)[0].backward()
    return record | {"maskRowGradient": numbers(twin.bert.embeddings.word_embeddings.weight.grad[0])}


def causal_golden(seed):
    config = small(16, 2, 4, 32, is_decoder=True)
    return golden(with_weights(CausalModel(config), seed), {"model": config}, "causal", IDS, torch.zeros_like(IDS, dtype=torch.bool), None)


V2 = ("mae_v2", (12, 2, 3, 24), (12, 2, 2, 32), 13)  # version, encoder and decoder (hidden, layers, heads, feed-forward), seed


def trained(cycle_momentum):
    model, _ = autoencoder(*V2)
    optimiser = torch.optim.AdamW(
        model.parameters(),
        lr=OPTIMISER["learningRate"],
        betas=OPTIMISER["betas"],
        eps=OPTIMISER["epsilon"],
        weight_decay=OPTIMISER["weightDecay"],
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, OPTIMISER["learningRate"], total_steps=OPTIMISER["totalSteps"], cycle_momentum=cycle_momentum
    )
    steps = []
    for number, sets in enumerate(STEP_SELECTIONS):
        selected = places(sets)
        loss = evaluate(model, "mae_v2", torch.where(selected, 0, IDS), selected, 1.0)[0]
        optimiser.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), OPTIMISER["clipNorm"])
        group = optimiser.param_groups[0]
        used = {"learningRate": float(f"{group['lr']:.12g}"), "beta1": float(f"{group['betas'][0]:.12g}")}
        steps.append({"masked": numbers(selected)} | used | {"gradientNorm": numbers(norm)[0], "loss": numbers(loss)[0]})
        optimiser.step()
        if number + 1 < len(STEP_SELECTIONS):
            schedule.step()
    parameters = {name: with_shape(parameter) for name, parameter in model.named_parameters()}
    return {"cycleMomentum": cycle_momentum, "steps": steps, "parameters": parameters}


def laid_out(value, depth=2):
    """JSON with one line per entry of the outer levels."""
    if depth == 0 or not isinstance(value, dict | list) or not value or not isinstance(next(iter(value)), str | dict):
        return json.dumps(value, separators=(",", ":"))
    if isinstance(value, list):
        return "[\n" + ",\n".join(laid_out(item, depth) for item in value) + "\n]"
    return "{\n" + ",\n".join(f"{json.dumps(key)}: {laid_out(item, depth - 1)}" for key, item in value.items()) + "\n}"


def write(name, record):
    made_with = {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__}
    (HERE / f"{name}.json").write_text(laid_out({"madeWith": made_with} | record, 2) + "\n")


def main():
    torch.set_default_dtype(torch.float64)
    selected = places(SELECTED)
    version, encoder, decoder, seed = V2
    write("mae-v2", autoencoder_golden(version, encoder, decoder, seed, 1.0))
    write("mae-v2-narrow-decoder", autoencoder_golden("mae_v2", (16, 2, 4, 32), (12, 1, 2, 24), 4, 0.7))
    write("mae-v1", autoencoder_golden("mae_v1", (12, 2, 3, 24), (12, 1, 2, 32), 6, 1.0))
    write("mae-v1-weighted", autoencoder_golden("mae_v1", (12, 2, 2, 32), (12, 2, 3, 24), 9, 0.7))
    write("mlm", masked_language_golden(2, torch.where(selected, 0, IDS)))
    write("mlm-fates", masked_language_golden(7, given(FATES)))
    write("causal", causal_golden(13))
    write("trajectory", {"start": "mae-v2.json", "maskedLossWeight": 1.0, "optimiser": OPTIMISER, "runs": [trained(True), trained(False)]})
    write("tokenizer", kmers.golden())


if __name__ == "__main__":
    main()
