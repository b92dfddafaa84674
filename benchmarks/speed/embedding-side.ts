/**
 * Our side of embedding.ts, in a process of its own: loads --folder, then answers {"sequences": FILE, "out": FILE} with {seconds}: tokenizing, batching and the
 * mean over tokens of the last hidden state. See `peer-process.ts`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { encoderOf } from '../../src/embeddings/extract.ts';
import { loadModelFolder } from '../../src/models/model-folder.ts';

const { values: flags } = parseArgs({
  options: {
    folder: { type: 'string', default: '.' },
    threads: { type: 'string', default: '2' },
    clock: { type: 'string', default: 'wall' },
  },
});
const cpuSeconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
const clock = flags.clock === 'cpu' ? cpuSeconds : () => performance.now() / 1000;
const say = (answer: unknown) => console.log(JSON.stringify(answer));

const model = await loadModelFolder(flags.folder, { external: true });
const encoder = encoderOf(model, { device: 'cpu', threads: Number(flags.threads) });
say({ version: 'ours' });
for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() === '') break;
  const { sequences: file, out } = JSON.parse(line) as { sequences: string; out: string };
  const sequences = JSON.parse(readFileSync(file, 'utf8')) as string[];
  const start = clock();
  const [{ values }] = await encoder.embed(sequences, [{ layer: encoder.layers, pooling: 'mean' }]);
  const seconds = clock() - start;
  writeFileSync(out, values as Float32Array);
  say({ seconds });
}
const peak = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
say({ peak_mib: Number(peak) / 1024 });
process.exit(0);
