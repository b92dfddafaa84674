/**
 * Embeds the rows of a .npy file with several seeds, for umap-compare.py, which compares them with umap-learn's embeddings.
 * Usage: node --import tsx test/probes/umap-compare.ts FEATURES.npy COMPONENTS NEIGHBOURS METRIC MIN_DIST SEEDS OUT_PREFIX
 */

import { umap } from '../../src/probes/clustering/umap.ts';
import type { Distance } from '../../src/probes/neighbours/knn.ts';
import { readNpy, writeNpy } from '../../src/runtime/arrays/npy.ts';

const [file, components, neighbours, metric, minDist, seeds, prefix] = process.argv.slice(2);
const features = await readNpy(file);
if (features.values instanceof Int32Array) throw new Error(`${file} holds whole numbers; save it as float32.`);
for (let seed = 0; seed < Number(seeds); seed++) {
  const start = performance.now();
  const embedding = await umap(
    { ...features, values: features.values },
    {
      components: Number(components),
      neighbours: Number(neighbours),
      metric: metric as Distance,
      minDist: Number(minDist),
      seed,
      device: 'cpu',
      threads: 1,
      progress: (fraction, message) => {
        if (seed === 0)
          console.log(`${((performance.now() - start) / 1000).toFixed(1)} s  ${fraction.toFixed(2)} ${message}`);
      },
    },
  );
  if (seed === 0) console.log(JSON.stringify(embedding.details));
  console.log(`seed ${seed}: ${((performance.now() - start) / 1000).toFixed(2)} s`);
  await writeNpy(`${prefix}-${seed}.npy`, embedding);
}
