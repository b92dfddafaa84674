"""HyenaDNA: the authors' own code, its parameters under the names of their port for the hub.

Usage: python hyena_dna.py PATH/standalone_hyenadna.py
(github.com/HazyResearch/hyena-dna at 372625a797eb579e32c500f0ff9fa384fbd4b02f; needs einops, and torchvision or nothing in its place:
the only thing imported from there, stochastic depth, is the identity at rate 0.)
"""

import importlib.util
import sys
import types

import torch
from decoders import next_labels
from golden import batch, randomise, write

CONFIG = {
    "activation_freq": 10,
    "architectures": ["HyenaDNAForCausalLM"],
    "d_inner": 32,
    "d_model": 16,
    "emb_dim": 5,
    "embed_dropout": 0.1,
    "filter_order": 8,
    "hyena_dropout": 0.0,
    "hyena_filter_dropout": 0.0,
    "hyena_order": 2,
    "initializer_range": 0.02,
    "layer_norm_epsilon": 1e-05,
    "max_seq_len": 24,
    "model_type": "hyenadna",
    "n_layer": 2,
    "num_inner_mlps": 2,
    "pad_vocab_size_multiple": 8,
    "short_filter_order": 3,
    "tie_word_embeddings": False,
    "train_freq": True,
    "use_bias": True,
    "vocab_size": 12,
}


def standalone(path: str):
    """The authors' file as a module. Parts of transformers and torchvision that it imports for other purposes may be missing."""
    try:
        import torchvision.ops  # noqa: F401
    except ImportError:
        stub = types.ModuleType("torchvision.ops")
        stub.StochasticDepth = lambda rate, mode: torch.nn.Identity()
        sys.modules["torchvision"] = types.ModuleType("torchvision")
        sys.modules["torchvision.ops"] = stub
    import transformers
    from transformers import PreTrainedTokenizer
    from transformers.tokenization_utils_base import AddedToken

    tokens = types.ModuleType("transformers.tokenization_utils")
    tokens.AddedToken, tokens.PreTrainedTokenizer = AddedToken, PreTrainedTokenizer
    sys.modules["transformers.tokenization_utils"] = transformers.tokenization_utils = tokens
    spec = importlib.util.spec_from_file_location("standalone_hyenadna", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Model(torch.nn.Module):
    """`hyena.backbone.*` and `lm_head.weight`, as the hub's class has them."""

    def __init__(self, code, config):
        super().__init__()
        layer = {
            "d_model": config["d_model"],
            "emb_dim": config["emb_dim"],
            "filter_order": config["filter_order"],
            "l_max": config["max_seq_len"],
            "num_inner_mlps": config["num_inner_mlps"],
            "w": config["activation_freq"],
        }
        self.hyena = code.HyenaDNAModel(
            d_model=config["d_model"],
            n_layer=config["n_layer"],
            d_inner=config["d_inner"],
            vocab_size=config["vocab_size"],
            layer=layer,
            embed_dropout=config["embed_dropout"],
            layer_norm_epsilon=config["layer_norm_epsilon"],
            pad_vocab_size_multiple=config["pad_vocab_size_multiple"],
        )
        self.lm_head = torch.nn.Linear(config["d_model"], 16, bias=False)

    def forward(self, ids):
        """Embeddings, every block's output but the last one's, the normalised last; logits."""
        backbone = self.hyena.backbone
        hidden = [backbone.embeddings(ids)]
        handles = [
            block.register_forward_hook(lambda _module, _inputs, output: hidden.append(output[0] + output[1]))
            for block in backbone.layers[:-1]
        ]
        hidden.append(backbone(ids))
        for handle in handles:
            handle.remove()
        return hidden, self.lm_head(hidden[-1])


def main() -> None:
    torch.manual_seed(0)
    model = Model(standalone(sys.argv[1]), CONFIG)
    places = {name: p.detach().clone() for name, p in model.named_parameters() if name.endswith("pos_emb.z")}
    randomise(model)
    with torch.no_grad():
        # What the filter is made of stays near what training leaves there, so that it is neither noise nor zero.
        for name, parameter in model.named_parameters():
            if name in places:
                parameter.mul_(0.1).add_(places[name])
            elif name.endswith("freq"):
                parameter.add_(2.0)
    ids, mask = batch(12, 7, 4)
    write("hyena-dna", CONFIG, model, ids, mask, next_labels(ids, mask), lambda ids, mask: model(ids))


if __name__ == "__main__":
    main()
