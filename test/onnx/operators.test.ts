/** Every operator's value and adjoint against PyTorch (goldens/operators.py). */
import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/onnx/autodiff.ts';
import { type Attributes, Graph, type Tensor } from '../../src/onnx/graph.ts';
import * as op from '../../src/onnx/operators/functions.ts';
import { RULES } from '../../src/onnx/operators/index.ts';
import { expectClose, type GoldenTensors, place, readGolden, runGraph, value } from './helpers.ts';

interface Case {
  readonly name: string;
  readonly op: string;
  readonly attributes: Attributes;
  readonly inputs: GoldenTensors;
  readonly outputs: GoldenTensors;
  readonly outputGradient: GoldenTensors;
  readonly inputGradients: GoldenTensors;
}

const cases = readGolden<Case[]>('operators.golden.json');
const groups = new Map<string, Case[]>();
for (const item of cases) groups.set(item.op, [...(groups.get(item.op) ?? []), item]);

/** Formal inputs of operators whose optional ones the goldens leave out in the middle. */
const FORMAL: Readonly<Record<string, readonly string[]>> = {
  Clip: ['input', 'min', 'max'],
  Pad: ['data', 'pads', 'constant_value', 'axes'],
};

/** What the engine refuses rather than gets wrong: these goldens must be answered by an error that says so. */
const REFUSED: readonly [RegExp, RegExp][] = [
  [/(Conv|Pool) 2-D/, /covers one spatial axis/],
  [/^BatchNormalization training/, /training_mode has no adjoint/],
  [/^GatherND batch_dims/, /batch_dims is not supported/],
  [/^Max of three/, /Max of 3 tensors is not supported/],
];

describe.each([...groups])('%s', (_op, group) => {
  it.each(group.map((item) => [item.name, item] as const))('%s', async (name, item) => {
    const refusal = REFUSED.find(([pattern]) => pattern.test(name));
    if (refusal) await expect(check(item)).rejects.toThrow(refusal[1]);
    else await check(item);
  });
});

async function check(item: Case): Promise<void> {
  const graph = new Graph();
  const placed = new Map(Object.entries(item.inputs).map(([name, tensor]) => [name, place(graph, name, tensor)]));
  const order = FORMAL[item.op] ?? Object.keys(item.inputs);
  const inputs = order.map((name) => placed.get(name) ?? null);
  while (inputs.at(-1) === null) inputs.pop();
  const names = Object.keys(item.outputs);
  const outputs = graph.node(item.op, inputs, item.attributes, { outputs: names.length });
  let loss: Tensor | undefined;
  names.forEach((name, i) => {
    graph.output(`out:${name}`, outputs[i]);
    const seed = item.outputGradient[name];
    if (!seed) return;
    const term = op.reduceSum(op.multiply(outputs[i], graph.constant(Float32Array.from(seed.data), seed.shape)));
    loss = loss ? op.add(loss, term) : term;
  });
  const wanted = Object.keys(item.inputGradients);
  if (loss && wanted.length > 0)
    gradients(
      loss,
      wanted.map((name) => placed.get(name) as Tensor),
    ).forEach((gradient, i) => {
      graph.output(`grad:${wanted[i]}`, gradient);
    });
  const feeds = Object.fromEntries(Object.entries(item.inputs).map(([name, tensor]) => [name, value(tensor)]));
  const results = await runGraph(graph, feeds);
  for (const name of names) expectClose(results[`out:${name}`], item.outputs[name], name);
  for (const name of wanted) expectClose(results[`grad:${name}`], item.inputGradients[name], `gradient of ${name}`);
}

describe('the table of rules', () => {
  it('has a golden for every operator with an adjoint', () => {
    const covered = new Set(cases.map((item) => item.op));
    // The identity on values and a permutation: finite-difference tests cover them, and scan.test.ts.
    const elsewhere = ['Cast', 'Dropout', 'ReverseSequence'];
    const missing = Object.keys(RULES).filter(
      (name) => RULES[name].adjoint && !covered.has(name) && !elsewhere.includes(name),
    );
    expect(missing).toEqual([]);
  });

  it('refuses an operator it does not know, by name', () => {
    const graph = new Graph();
    expect(() => graph.node('Foo', [graph.input('x', 'float32', [1])])).toThrow(/operator 'Foo' has no rule/);
  });
});
