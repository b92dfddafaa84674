/**
 * The second Nucleotide Transformer (Dalla-Torre et al. 2025): ESM with rotary positions and gated feed-forward layers without biases. Its hub
 * folders bring code of their own (`modeling_esm.py`); the field `add_bias_fnn`, which only that code's config has, tells it from stock ESM.
 */

import type { Architecture } from './architecture.ts';
import { classNames } from './config-fields.ts';
import { configureEsm } from './esm.ts';

export const nucleotideTransformerV2: Architecture = {
  id: 'nucleotide-transformer-v2',
  title: 'Nucleotide Transformer v2',
  models: ['InstaDeepAI/nucleotide-transformer-v2-50m-, -100m-, -250m-, -500m-multi-species'],
  source:
    "Dalla-Torre et al. 2025 (Nature Methods 22:287); checked against transformers' EsmForMaskedLM with the gated feed-forward of instadeepai/nucleotide-transformer",
  // Some of the hub's configs name no model_type, only the classes.
  matches: (config) =>
    'add_bias_fnn' in config &&
    (config.model_type === 'esm' || classNames(config).some((name) => /\bEsm(Config|ForMaskedLM|Model)\b/.test(name))),
  configure: (config, where) => configureEsm(config, where, { gated: true, label: 'Nucleotide Transformer v2' }),
};
