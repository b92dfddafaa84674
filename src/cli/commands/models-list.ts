/**
 * `models list`: lists all contenders, the probes, the known architectures, and the models fetched
 * from the hub.
 */

import { textTable } from '../../core/text-table.ts';
import { defaultCacheFolder } from '../../harness/cache-folder.ts';
import { listModels, listProbes, listShipped } from '../../harness/definitions.ts';
import { ARCHITECTURES } from '../../models/architectures/known-architectures.ts';
import { listCachedModels } from '../../models/hub/hub-cache.ts';
import { createOutput } from '../output.ts';

export async function listContenders(flags: { json?: boolean }): Promise<number> {
  const output = createOutput(flags.json ?? false);
  const baselines = (await listShipped('baseline')).map(({ definition: { fit: _fit, ...facts } }) => facts);
  const models = (await listModels()).map(
    ({ definition: { load: _load, representations: _offer, ...facts } }) => facts,
  );
  const probes = Object.values(await listProbes()).map(({ id, title, citation, kinds, stochastic, options }) => ({
    ...{ id, title, citation, kinds, stochastic, options },
  }));
  const architectures = ARCHITECTURES.map(({ id, title, models, source }) => ({ id, title, models, source }));
  const fetched = (await listCachedModels(defaultCacheFolder())).map(({ model, commit, licence, folder }) => ({
    ...{ model, commit, licence, folder },
  }));
  output.document({ baselines, models, probes, architectures, fetched });
  output.print(
    textTable([
      ['ID', 'KIND', 'TITLE'],
      ...baselines.map(({ id, family, title }) => [id, `baseline (${family})`, title]),
      ...models.map(({ id, kind, title }) => [id, kind, title]),
    ]),
  );
  output.print(
    `\n${textTable([['PROBE', 'FOR', 'TITLE'], ...probes.map((p) => [p.id, p.kinds.join(', '), p.title])])}`,
  );
  const published = architectures.flatMap(({ id, title, models }) =>
    models.map((model, i) => (i === 0 ? [id, title, model] : ['', '', model])),
  );
  output.print(`\n${textTable([['ARCHITECTURE', 'TITLE', 'PUBLISHED MODELS'], ...published])}`);
  if (fetched.length > 0)
    output.print(
      `\n${textTable([['FETCHED', 'COMMIT', 'LICENCE'], ...fetched.map((m) => [m.model, m.commit, m.licence ?? ''])])}`,
    );
  output.print('\nUse them with: run --contender ID ... --probe ID ...');
  output.print(
    'After the name of a model: +rc (both strands), +w510 (windows), +float16 (on a GPU), +random (random weights, the control)',
  );
  output.print(
    'Checkpoints of these architectures: models fetch ORGANISATION/NAME, then run --model ORGANISATION/NAME',
  );
  return 0;
}
