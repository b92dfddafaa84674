/** Logits of three members over 24 positions, clouds of embeddings, and what SciPy, scikit-learn and the paper's code say of them (goldens/predictions.py). */
import { readFileSync } from 'node:fs';

interface Golden {
  logits: number[][][];
  targets: number[];
  spans: number[];
  predictive: {
    entropyNats: number;
    entropyBits: number;
    klModelToUniformBits: number;
    klUniformToModelBits: number;
    paper: { entropyBits: number; klModelToUniformBits: number; klUniformToModelBits: number };
    entropyBitsPerNucleotide: number;
    nllBitsPerNucleotide: number;
    nllNats: number;
    perplexity: number;
    top1: number;
    calibrationError: number;
    binRows: number[];
    rankedDistribution: number[];
  }[];
  disagreement: {
    levels: { p: number; scipy: number[]; paper: number }[];
    top1Agreement: number[];
    mutualInformationBits: number;
  };
  geometry: {
    rows: number[][];
    effectiveRank: number;
    participationRatio: number;
    uniformity: number;
    anisotropy: number;
    meanCosine: number;
    meanDistance: number;
    distanceStandardDeviation: number;
  }[];
  pair: { rows: number[][]; neighbourOverlap: number; rowDistance: number; linearCka: number };
}

export const golden = JSON.parse(
  readFileSync(new URL('../goldens/predictions.json', import.meta.url), 'utf8'),
) as Golden;

export const vocabulary = golden.logits[0][0].length;

/** `[positions, vocabulary]` */
export const memberLogits = (member: number) => Float64Array.from(golden.logits[member].flat());
