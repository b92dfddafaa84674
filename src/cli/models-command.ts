/** `models list`: every contender, baselines and models alike, and the probes that models are read out with. */
import { listModels, listProbes, listShipped } from '../harness/registry.ts';
import { createOutput, table } from './output.ts';

export async function listContenders(flags: { json?: boolean }): Promise<number> {
  const output = createOutput(flags.json ?? false);
  const baselines = (await listShipped('baseline')).map(({ definition: { fit: _fit, ...facts } }) => facts);
  const models = (await listModels()).map(
    ({ definition: { load: _load, representations: _offer, ...facts } }) => facts,
  );
  const probes = Object.values(await listProbes()).map(({ id, title, citation, kinds, stochastic, options }) => ({
    ...{ id, title, citation, kinds, stochastic, options },
  }));
  output.document({ baselines, models, probes });
  output.print(
    table([
      ['ID', 'KIND', 'TITLE'],
      ...baselines.map(({ id, family, title }) => [id, `baseline (${family})`, title]),
      ...models.map(({ id, kind, title }) => [id, kind, title]),
    ]),
  );
  output.print(`\n${table([['PROBE', 'FOR', 'TITLE'], ...probes.map((p) => [p.id, p.kinds.join(', '), p.title])])}`);
  output.print('\nUse them with: run --contender ID ... --probe ID ...');
  return 0;
}
