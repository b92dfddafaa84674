/**
 * Labels for different things with one name: tasks with other rows, contenders with other files or
 * options, and rows that differ in a setting of the run. A label holds only the difference, such as
 * "effort 0.02" or "c1/checkpoint-500". A unique name has no label.
 */
import { canonicalJson, hashJson } from '../../core/files.ts';
import type { ManifestCell, RunSettings } from '../../harness/cells/identity.ts';
import type { Result } from '../../harness/store/result.ts';

/** One entry of the manifest with what was read for it. */
export interface ReadCell {
  readonly planned: ManifestCell;
  readonly result?: Result;
}

export interface CellLabels {
  /** Equal for cells that are averaged: everything but the seed is equal. */
  readonly row: string;
  /** Equal for the cells of one contender: name, files and options. */
  readonly contenderKey: string;
  readonly taskLabel?: string;
  /** The part of `label` that names the contender's files or options. */
  readonly contenderLabel?: string;
  readonly label?: string;
}

interface Facts {
  readonly settings?: RunSettings;
  readonly options?: string;
  readonly content?: string;
  readonly path?: string;
}

/** One per cell, in their order. */
export function labelCells(cells: readonly ReadCell[]): CellLabels[] {
  const facts = factsOf(cells);
  const taskKey = (i: number) => JSON.stringify([cells[i].planned.task, cells[i].planned.taskHash]);
  const contenderKey = (i: number) => JSON.stringify([cells[i].planned.contender, facts[i].options, facts[i].content]);
  const settingsKey = (i: number) => canonicalJson(facts[i].settings ?? {});
  const places = cells.map((_, i) => i);
  const taskLabels = labelsWhereSeveral(
    places,
    (i) => cells[i].planned.task,
    taskKey,
    (few) => few.map((i) => `data ${cells[i].planned.taskHash.slice(0, 8)}`),
  );
  const contenderLabels = labelsWhereSeveral(
    places,
    (i) => cells[i].planned.contender,
    contenderKey,
    (few) =>
      contenderWords(
        few.map((i) => facts[i]),
        few.map((i) => cells.find(({ result }, j) => result && contenderKey(j) === contenderKey(i))?.result),
      ),
  );
  const groupKey = (i: number) => JSON.stringify([taskKey(i), contenderKey(i), cells[i].planned.probe]);
  const rowKey = (i: number) => JSON.stringify([groupKey(i), settingsKey(i)]);
  const settingLabels = labelsWhereSeveral(places, groupKey, rowKey, (few) =>
    settingWords(few.map((i) => facts[i].settings)),
  );
  return places.map((i) => {
    const contenderLabel = contenderLabels.get(contenderKey(i));
    const label = [contenderLabel, settingLabels.get(rowKey(i))].filter(Boolean).join(', ');
    const taskLabel = taskLabels.get(taskKey(i));
    return {
      row: rowKey(i),
      contenderKey: contenderKey(i),
      ...(taskLabel ? { taskLabel } : {}),
      ...(contenderLabel ? { contenderLabel } : {}),
      ...(label ? { label } : {}),
    };
  });
}

/** "k-mer forest" and "effort 0.02" -> "k-mer forest (effort 0.02)". */
export function withLabel(title: string, label: string | undefined): string {
  return label === undefined ? title : `${title} (${label})`;
}

/**
 * From the manifest; for manifests without origin from the results; otherwise from a result with
 * the same names.
 */
function factsOf(cells: readonly ReadCell[]): Facts[] {
  const names = ({ task, taskHash, contender, probe }: ManifestCell) =>
    JSON.stringify([task, taskHash, contender, probe]);
  const ofResults = new Map<string, Facts>();
  const own = cells.map(({ planned, result }): Facts | undefined => {
    if (planned.origin) {
      const { settings, options, files, path } = planned.origin;
      return { settings, options, content: files ?? path, path };
    }
    if (!result) return undefined;
    const { device, precision, threads, effort } = result.environment;
    const found = { settings: { device, precision, threads, effort }, options: hashJson(result.contender.options) };
    if (!ofResults.has(names(planned))) ofResults.set(names(planned), found);
    return found;
  });
  return own.map((found, i) => found ?? ofResults.get(names(cells[i].planned)) ?? {});
}

/** For each name with several keys, one label per key; `words` gets one cell of each key. */
function labelsWhereSeveral(
  places: readonly number[],
  name: (place: number) => string,
  key: (place: number) => string,
  words: (few: readonly number[]) => readonly (string | undefined)[],
): ReadonlyMap<string, string> {
  const byName = new Map<string, Map<string, number>>();
  for (const place of places) {
    const keys = byName.get(name(place)) ?? new Map<string, number>();
    byName.set(name(place), keys);
    if (!keys.has(key(place))) keys.set(key(place), place);
  }
  const labels = new Map<string, string>();
  for (const keys of byName.values()) {
    if (keys.size < 2) continue;
    const found = words([...keys.values()]);
    for (const [i, one] of [...keys.keys()].entries()) if (found[i]) labels.set(one, found[i]);
  }
  return labels;
}

/**
 * Contenders with one name: by the shortest ends of their paths that differ, otherwise by their
 * files; and by the options that differ.
 */
function contenderWords(facts: readonly Facts[], results: readonly (Result | undefined)[]): string[] {
  const contents = [...new Set(facts.map(({ content }) => content))];
  const paths = contents.map((content) => facts.find((one) => one.content === content)?.path);
  const ends = shortestEnds(paths);
  const optionSets = new Set(facts.map(({ options }) => options));
  return facts.map(({ content, options }, i) => {
    const words: string[] = [];
    if (contents.length > 1 && content !== undefined) {
      words.push(ends?.[contents.indexOf(content)] ?? `files ${content.slice(0, 8)}`);
    }
    if (optionSets.size > 1) words.push(optionWords(results, i) ?? `options ${options?.slice(0, 8) ?? 'unknown'}`);
    return words.join(', ');
  });
}

/** The last parts of paths, as few as separate them; undefined when none do. */
export function shortestEnds(paths: readonly (string | undefined)[]): (string | undefined)[] | undefined {
  const parts = paths.map((path) => path?.split('/'));
  const known = parts.filter((one) => one !== undefined);
  const longest = Math.max(0, ...known.map((one) => one.length));
  for (let count = 1; count <= longest; count++) {
    const ends = parts.map((one) => one?.slice(-count).join('/'));
    const present = ends.filter((end) => end !== undefined);
    if (new Set(present).size === known.length) return ends;
  }
  return undefined;
}

/** Options with plain values that differ between results, at most three. */
function optionWords(results: readonly (Result | undefined)[], place: number): string | undefined {
  const all = results.map((result) => result?.contender.options ?? {});
  const names = [...new Set(all.flatMap((options) => Object.keys(options)))];
  const differing = names.filter(
    (name) => new Set(all.map((options) => canonicalJson(options[name] ?? null))).size > 1,
  );
  const words = differing.map((name) => `${name} ${String(all[place][name] ?? 'not set')}`);
  const arePlain = differing.every((name) => typeof all[place][name] !== 'object');
  return words.length > 0 && words.length <= 3 && arePlain ? words.join(', ') : undefined;
}

const SETTING_WORDS: Readonly<Record<keyof RunSettings, (settings: RunSettings) => string>> = {
  effort: ({ effort }) => `effort ${effort}`,
  device: ({ device }) => device,
  precision: ({ precision }) => precision,
  threads: ({ threads }) => `${threads} ${threads === 1 ? 'thread' : 'threads'}`,
};

function settingWords(settings: readonly (RunSettings | undefined)[]): string[] {
  const names = (Object.keys(SETTING_WORDS) as (keyof RunSettings)[]).filter(
    (name) => new Set(settings.map((one) => one?.[name])).size > 1,
  );
  return settings.map((one) => (one ? names.map((name) => SETTING_WORDS[name](one)).join(', ') : 'settings unknown'));
}
