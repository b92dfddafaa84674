"""BarcodeMAE, BarcodeBERT and the causal comparison, composed from transformers' BertModel and BertForTokenClassification.

The composition follows the MIT-licensed code of the papers (github bioscan-ml/BarcodeMAE: barcodebert/maelm_model.py and pretraining.py),
including what one would not guess from the papers:

mae_v2  the tokens that are not removed, [UNK]s and padding among them, are packed to the left with their own positions and attention; the packed
        rows are filled up with id 1, position 0, attention 0. Encoder -> projection (always) -> back to their places; a removed place is filled
        with row 0 of the decoder's word embeddings; the decoder adds its own positions. (The authors' code allots the decoder's input at the
        encoder's width and therefore stops where the widths differ; here it has the decoder's width, as the projection means.)
mae_v1  full length; a removed token enters as the zero vector with attention 0. The encoder's position embedding is added once by hand and once
        more inside the encoder; the decoder's input gets the *encoder's* position embedding by hand, and its own inside. No projection.
mlm     BertForTokenClassification on the ids as given.
causal  BertModel with is_decoder=True (lower-triangular attention under the padding mask) and a linear classifier on its last hidden states.

Words of transformers' configuration: pad_token_id is left at BertConfig's default 0, as in the authors' code, so torch.nn.Embedding treats row 0,
[MASK], as padding: a look-up of id 0 sends no gradient to that row (a direct use of the row, as the decoder of mae_v2 makes, does).
Everything is evaluated without dropout, with eager attention, without the pooler.
"""

import torch
from torch import nn
from torch.nn import functional
from transformers import BertConfig, BertForTokenClassification, BertModel

MASK, UNKNOWN, SPECIAL_TOKENS, IGNORED = 0, 1, 2, -100


def bert_config(vocabulary, hidden, layers, heads, feed_forward, positions, attention="eager", **more):
    return BertConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=feed_forward,
        max_position_embeddings=positions,
        num_labels=vocabulary - SPECIAL_TOKENS,
        attn_implementation=attention,
        **more,
    )


class MaskedAutoencoder(nn.Module):
    """Encoder of the visible tokens, projection, decoder of all of them. `version` is mae_v2 or mae_v1."""

    def __init__(self, encoder_config, decoder_config, version):
        super().__init__()
        self.version = version
        self.encoder = BertModel(encoder_config, add_pooling_layer=False)
        if version == "mae_v2":
            self.projection_layer = nn.Linear(encoder_config.hidden_size, decoder_config.hidden_size)
        self.decoder = BertForTokenClassification(decoder_config)

    def forward(self, ids, attention, removed):
        run = self.visible_packed if self.version == "mae_v2" else self.visible_in_place
        encoded, decoder_inputs, facts = run(ids, attention, removed)
        logits = self.decoder(inputs_embeds=decoder_inputs, attention_mask=attention).logits
        return logits, encoded.hidden_states, facts | {"decoderInputs": decoder_inputs}

    def visible_packed(self, ids, attention, removed):
        rows = [(~row).nonzero().flatten() for row in removed]  # places kept, per sequence
        longest = max(map(len, rows))
        packed_ids = torch.full((len(rows), longest), UNKNOWN)
        packed_positions = torch.zeros(len(rows), longest, dtype=torch.long)
        packed_attention = torch.zeros(len(rows), longest, dtype=torch.long)
        for b, places in enumerate(rows):
            packed_ids[b, : len(places)] = ids[b, places]
            packed_positions[b, : len(places)] = places
            packed_attention[b, : len(places)] = attention[b, places]
        encoded = self.encoder(
            input_ids=packed_ids, attention_mask=packed_attention, position_ids=packed_positions, output_hidden_states=True
        )
        projected = self.projection_layer(encoded.last_hidden_state)  # [batch, longest, decoder hidden]
        mask_vector = self.decoder.bert.embeddings.word_embeddings.weight[MASK]
        decoder_inputs = torch.stack(
            [
                mask_vector.expand(removed.shape[1], -1).index_copy(0, places, projected[b, : len(places)])
                for b, places in enumerate(rows)
            ]
        )  # [batch, tokens, decoder hidden]
        packed = {"ids": packed_ids, "positionIds": packed_positions, "attentionMask": packed_attention}
        return encoded, decoder_inputs, {"packed": packed}

    def visible_in_place(self, ids, attention, removed):
        embeddings = self.encoder.embeddings
        positions = embeddings.position_embeddings.weight[: ids.shape[1]]  # [tokens, hidden]
        gone = removed.unsqueeze(-1)
        inputs = (embeddings.word_embeddings(ids) + positions) * ~gone
        encoded = self.encoder(inputs_embeds=inputs, attention_mask=attention * ~removed, output_hidden_states=True)
        mask_vector = self.decoder.bert.embeddings.word_embeddings.weight[MASK]
        return encoded, torch.where(gone, mask_vector, encoded.last_hidden_state) + positions, {}


class MaskedLanguageModel(BertForTokenClassification):
    """BarcodeBERT: transformers' own class, with hidden states always returned."""

    def forward(self, ids, attention, removed=None):
        out = super().forward(input_ids=ids, attention_mask=attention, output_hidden_states=True)
        return out.logits, out.hidden_states, {}


class CausalModel(nn.Module):
    """The next token from those before it. `config` must have is_decoder=True."""

    def __init__(self, config):
        super().__init__()
        self.bert = BertModel(config, add_pooling_layer=False)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)

    def forward(self, ids, attention, removed=None):
        out = self.bert(input_ids=ids, attention_mask=attention, use_cache=False, output_hidden_states=True)
        return self.classifier(out.last_hidden_state), out.hidden_states, {}


def labels_of(ids):
    """Index of the k-mer, 0 .. 4^k - 1; -100 at [MASK] and [UNK]."""
    return torch.where(ids >= SPECIAL_TOKENS, ids - SPECIAL_TOKENS, IGNORED)


def masked_loss(logits, labels, selected, weight):
    """w * mean CE of the selected k-mers + (1 - w) * mean CE of the other k-mers: (loss, parts)."""
    visible = (labels != IGNORED) & ~selected
    on_selected = functional.cross_entropy(logits[selected], labels[selected])
    on_visible = functional.cross_entropy(logits[visible], labels[visible])
    accuracy = (logits.argmax(-1) == labels)[selected].double().mean()
    return weight * on_selected + (1 - weight) * on_visible, {
        "maskedLoss": on_selected,
        "visibleLoss": on_visible,
        "maskedAccuracy": accuracy,
    }


def causal_loss(logits, labels, attention):
    """Mean CE of token t + 1 given tokens 0 .. t, over the t that are attended and whose t + 1 is an attended k-mer: (loss, parts)."""
    counted = (attention[:, :-1] == 1) & (attention[:, 1:] == 1) & (labels[:, 1:] != IGNORED)
    predictions, targets = logits[:, :-1][counted], labels[:, 1:][counted]
    accuracy = (predictions.argmax(-1) == targets).double().mean()
    return functional.cross_entropy(predictions, targets), {"accuracy": accuracy, "predictedTokens": counted.sum()}
