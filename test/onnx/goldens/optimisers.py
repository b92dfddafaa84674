"""Goldens of optimisers and learning-rate schedules, by torch.optim and transformers in float64.

Optimiser cases: {name, optimiser, settings, problem: {inputs, targets}, initial, steps}. The problem is
loss = mean((tanh(inputs weight^T + bias) - targets)^2) + 0.05 sum(weight^4), over the parameters weight [3, 4] and bias [3]. Every step
lists learningRate, loss, gradients and gradientNorm (both before clipping; the norm is over all parameters together),
then parameters and state after the update, so either the whole path or each update alone can be checked. `clipNorm` is that
of torch.nn.utils.clip_grad_norm_: gradients times min(1, clipNorm / (norm + 1e-6)).

Schedule cases: {name, schedule, settings, learningRates}: learningRates[i] is in force during step i, counted from 0. For
reduceOnPlateau settings.metrics[i] is reported at the end of epoch i, and one more rate follows: that after the last report.
The threshold is PyTorch's relative 1e-4 (Keras' is absolute).
"""

import torch
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau
from transformers import get_cosine_schedule_with_warmup

from golden import normal, number, seed, tensor_json, tensors_json, write

STEPS = 6
cases = []


def problem_loss(inputs, targets, weight, bias):
    return ((torch.tanh(inputs @ weight.T + bias) - targets) ** 2).mean() + 0.05 * (weight**4).sum()


def optimiser_golden(name, optimiser, make, settings, clip_norm=None, rates=None):
    seed("the same problem for all")
    problem = {"inputs": normal(5, 4), "targets": normal(5, 3, scale=0.7)}
    initial = {"weight": normal(3, 4), "bias": normal(3)}
    parameters = {k: v.clone().requires_grad_() for k, v in initial.items()}
    torch_optimiser = make(list(parameters.values()))
    steps = []
    for step in range(STEPS):
        if rates:
            torch_optimiser.param_groups[0]["lr"] = rates[step]
        torch_optimiser.zero_grad()
        loss = problem_loss(**problem, **parameters)
        loss.backward()
        grads = {k: v.grad.clone() for k, v in parameters.items()}
        total = torch.sqrt(sum((g**2).sum() for g in grads.values()))
        if clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(list(parameters.values()), clip_norm)
        torch_optimiser.step()
        states = {k: torch_optimiser.state[v] for k, v in parameters.items()}
        kinds = {"momentum_buffer": "momentum", "exp_avg": "firstMoment", "exp_avg_sq": "secondMoment"}
        steps.append(
            {
                "learningRate": number(torch_optimiser.param_groups[0]["lr"]),
                "loss": number(loss.item()),
                "gradients": tensors_json(grads),
                "gradientNorm": number(total.item()),
                "parameters": tensors_json(parameters),
                "state": {
                    ours: {k: tensor_json(s[theirs]) for k, s in states.items()}
                    for theirs, ours in kinds.items()
                    if all(s.get(theirs) is not None for s in states.values())
                },
            }
        )
    cases.append(
        {
            "name": name,
            "optimiser": optimiser,
            "settings": settings | {"clipNorm": clip_norm},
            "problem": tensors_json(problem),
            "initial": tensors_json(initial),
            "steps": steps,
        }
    )


def sgd(name, learning_rate, momentum=0.0, weight_decay=0.0, **options):
    settings = {"learningRate": learning_rate, "momentum": momentum, "weightDecay": weight_decay}
    optimiser_golden(name, "sgd", lambda p: torch.optim.SGD(p, learning_rate, momentum, weight_decay=weight_decay), settings, **options)


def adam(name, learning_rate, betas=(0.9, 0.999), epsilon=1e-8, weight_decay=0.0, decoupled=False, **options):
    settings = {"learningRate": learning_rate, "beta1": betas[0], "beta2": betas[1], "epsilon": epsilon, "weightDecay": weight_decay}
    make = torch.optim.AdamW if decoupled else torch.optim.Adam
    kind = "adamW" if decoupled else "adam"
    optimiser_golden(name, kind, lambda p: make(p, learning_rate, betas, epsilon, weight_decay), settings, **options)


sgd("SGD", 0.1)
sgd("SGD with momentum", 0.1, 0.9)
sgd("SGD with momentum and weight decay", 0.1, 0.9, 0.02)
sgd("SGD with weight decay", 0.1, 0.0, 0.05)
sgd("SGD clipped", 0.1, 0.9, 0.0, clip_norm=0.3)
sgd("SGD clipped above the norm", 0.05, 0.0, 0.01, clip_norm=100.0)
adam("Adam", 0.05)
adam("Adam with other betas and epsilon", 0.02, (0.8, 0.95), 1e-5)
adam("Adam with L2 penalty", 0.05, weight_decay=0.1)
adam("Adam clipped", 0.05, clip_norm=0.5)
adam("Adam with a changing learning rate", 0.05, rates=[0.01, 0.03, 0.05, 0.04, 0.02, 0.001])
adam("AdamW without weight decay", 0.05, decoupled=True)
adam("AdamW", 0.05, weight_decay=0.1, decoupled=True)
adam(
    "AdamW with a changing learning rate, clipped",
    0.05,
    weight_decay=0.2,
    decoupled=True,
    clip_norm=0.4,
    rates=[0.01, 0.03, 0.05, 0.04, 0.02, 0.001],
)

# --- Schedules -------------------------------------------------------------------------------------------------------

COUNT = 40


def fresh(learning_rate):
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], learning_rate)


def schedule_golden(name, schedule, settings, optimiser, scheduler, reports=None):
    rates = []
    for step in range(COUNT):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        if reports:
            scheduler.step(reports[step])
        elif step < COUNT - 1:
            scheduler.step()
    rates += [optimiser.param_groups[0]["lr"]] if reports else []
    cases.append({"name": name, "schedule": schedule, "settings": settings, "learningRates": [number(r) for r in rates]})


for rate, warm_up, total in [(1e-3, 0, 40), (1e-3, 8, 40), (0.5, 5, 40)]:
    optimiser = fresh(rate)
    schedule_golden(
        f"cosine, {warm_up} warm-up steps of {total}",
        "cosineWithWarmUp",
        {"learningRate": rate, "warmUpSteps": warm_up, "totalSteps": total},
        optimiser,
        get_cosine_schedule_with_warmup(optimiser, warm_up, total),
    )
for rate, start, initial, final in [(1e-2, 0.3, 25.0, 1e4), (1e-3, 0.1, 10.0, 100.0), (1e-4, 0.3, 25.0, 1e4)]:
    optimiser = fresh(rate)
    schedule_golden(
        f"OneCycle to {rate} at {start}",
        "oneCycle",
        {"maximum": rate, "totalSteps": COUNT, "startFraction": start, "initialDivisor": initial, "finalDivisor": final},
        optimiser,
        OneCycleLR(optimiser, rate, COUNT, pct_start=start, div_factor=initial, final_div_factor=final, cycle_momentum=False),
    )
falling = [round(1 / (1 + 0.3 * i), 4) for i in range(10)]
stalling = falling + [0.27, 0.26999, 0.26998, 0.28, 0.29, 0.27, 0.2699, 0.25] + [0.26] * 8 + [0.2, 0.21, 0.19] + [0.3] * 11
for name, rate, metrics, mode in [
    ("that stalls", 1e-3, stalling, "min"),
    ("down to the floor", 1e-6, [1.0] * COUNT, "min"),
    ("of a score to be raised", 1e-3, [round(1 - m, 5) for m in stalling], "max"),
    ("that keeps improving", 1e-3, [round(0.9**i, 6) for i in range(COUNT)], "min"),
]:
    optimiser = fresh(rate)
    metrics = metrics[:COUNT]
    schedule_golden(
        f"plateau, a metric {name}",
        "reduceOnPlateau",
        {"learningRate": rate, "factor": 0.2, "patience": 5, "minimum": 1e-8, "threshold": 1e-4, "mode": mode, "metrics": metrics},
        optimiser,
        ReduceLROnPlateau(optimiser, mode, factor=0.2, patience=5, min_lr=1e-8),
        metrics,
    )

write(__file__, cases)
