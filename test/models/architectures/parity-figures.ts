/**
 * Prints the parity table of docs/models.md: how far each golden folder's hidden states, logits and gradients are from the reference implementation
 * that made it, each the largest difference relative to the tensor's largest entry, the worst tensor counting. Run by hand:
 *
 *     node --import tsx test/models/architectures/parity-figures.ts
 */
import { readdirSync } from 'node:fs';
import { architectureOf } from '../../../src/models/architectures/known-architectures.ts';
import { GOLDENS, goldenCase, readGoldenFolder } from './golden-case.ts';

const scientific = (error: number) => error.toExponential(0);
const worst = (errors: readonly number[]) => scientific(Math.max(...errors));

const folders = readdirSync(GOLDENS, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() && !entry.name.startsWith('_') ? [entry.name] : [],
);
console.log('| architecture | golden | hidden states | logits | loss | gradients |');
console.log('| --- | --- | --- | --- | --- | --- |');
for (const name of folders) {
  const architecture = architectureOf(readGoldenFolder(name).config, name);
  const { valueErrors, gradientErrors, golden } = goldenCase(name, architecture);
  if (!golden.tensors.has('logits')) {
    console.log(`| ${architecture.id} | ${name} | no logits: see its test |`);
    continue;
  }
  const { logits, ...hidden } = await valueErrors();
  const { loss, byParameter } = await gradientErrors();
  const figures = [
    worst(Object.values(hidden)),
    scientific(logits),
    scientific(loss),
    worst(Object.values(byParameter)),
  ];
  console.log(`| ${[architecture.id, name, ...figures].join(' | ')} |`);
}
