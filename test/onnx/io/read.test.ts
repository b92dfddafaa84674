/** `.onnx` files that PyTorch wrote: read, run, differentiated, written again (goldens/onnx_files.py); and files that are broken. */
import { describe, expect, it } from 'vitest';
import { gradients } from '../../../src/onnx/autodiff.ts';
import type { Tensor } from '../../../src/onnx/graph.ts';
import { readModel } from '../../../src/onnx/io/read.ts';
import { serialise } from '../../../src/onnx/io/serialise.ts';
import { expectClose, type GoldenTensors, magnitude, readGolden, runGraph, value } from '../helpers.ts';

interface Run {
  readonly inputs: GoldenTensors;
  readonly outputs: GoldenTensors;
  readonly outputGradient: GoldenTensors;
  readonly inputGradients: GoldenTensors;
  readonly initializerGradients: GoldenTensors;
}
interface Case {
  readonly name: string;
  readonly opset: number;
  readonly onnx: string;
  readonly runs: readonly Run[];
}

const cases = readGolden<Case[]>('onnx_files.golden.json');
const bytesOf = (item: Case) => new Uint8Array(Buffer.from(item.onnx, 'base64'));
const feedsOf = (run: Run) =>
  Object.fromEntries(Object.entries(run.inputs).map(([name, tensor]) => [name, value(tensor)]));

describe('a file PyTorch exported', () => {
  it.each(cases.map((item) => [item.name, item] as const))('%s: read and written again', async (_name, item) => {
    const { graph } = readModel(bytesOf(item));
    const again = readModel(serialise(graph).bytes).graph;
    for (const run of item.runs) {
      for (const version of [graph, again]) {
        const { output } = await runGraph(version, feedsOf(run));
        expectClose(output, run.outputs.output, 'output');
      }
    }
  });

  it.each(cases.map((item) => [item.name, item] as const))(
    '%s: gradients of every input and initializer, at every batch size',
    async (_name, item) => {
      const names = new Set(Object.keys(item.runs[0].initializerGradients));
      const { graph, tensors, values } = readModel(bytesOf(item), { trainable: (name) => names.has(name) });
      expect([...graph.parameters.keys()].sort()).toEqual([...names].sort());
      const output = tensors.get('output') as Tensor;
      const seed = graph.input('seed', 'float32', output.shape);
      const wanted = [...Object.keys(item.runs[0].inputGradients), ...names];
      gradients(
        output,
        wanted.map((name) => tensors.get(name) as Tensor),
        { seed },
      ).forEach((gradient, i) => {
        graph.output(`grad:${wanted[i]}`, gradient);
      });
      const { bytes } = serialise(graph, { values });
      const session = readModel(bytes).graph; // what was written is itself a model the engine reads
      for (const run of item.runs) {
        const expected = { ...run.inputGradients, ...run.initializerGradients };
        const results = await runGraph(session, { ...feedsOf(run), seed: value(run.outputGradient.output) });
        const floor = 0.05 * magnitude(expected);
        for (const name of wanted)
          expectClose(results[`grad:${name}`], expected[name], `gradient of ${name}`, { tolerance: 5e-5, floor });
      }
    },
  );
});
