"""What the golden scripts of causal decoders share: labels, and a run of a transformers model."""

import torch
from golden import IGNORED


def next_labels(ids: torch.Tensor, mask: torch.Tensor, seed: int = 2) -> torch.Tensor:
    """labels[t] is the token at t + 1, for about half of the places that have a real one; -100 elsewhere."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.full_like(ids, IGNORED)
    asked = (torch.rand(ids.shape, generator=generator)[:, :-1] < 0.5) & (mask[:, 1:] == 1)
    labels[:, :-1] = torch.where(asked, ids[:, 1:], labels[:, :-1])
    return labels


def runner(model):
    """Hidden states as `output_hidden_states` gives them; the last is the normalised one that the head reads."""

    def run(ids, mask):
        output = model(input_ids=ids, attention_mask=mask, output_hidden_states=True, use_cache=False)
        assert torch.equal(model.get_output_embeddings()(output.hidden_states[-1]), output.logits)
        return output.hidden_states, output.logits

    return run
