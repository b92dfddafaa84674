import { describe, expect, it } from 'vitest';
import { bytesInWords } from '../../../src/models/hub/bytes-in-words.ts';
import { hubIdOfFolder, hubModelName, parseHubId, repositoryFolder } from '../../../src/models/hub/hub-id.ts';
import { licenceOfCard } from '../../../src/models/hub/model-card.ts';

describe('names of models on the hub', () => {
  it.each([
    ['zhihan1996/DNA_bert_6', { id: 'zhihan1996/DNA_bert_6', organisation: 'zhihan1996', name: 'DNA_bert_6' }],
    ['a/b.c@main', { id: 'a/b.c', organisation: 'a', name: 'b.c', revision: 'main' }],
    ['a/b@refs/pr/1', { id: 'a/b', organisation: 'a', name: 'b', revision: 'refs/pr/1' }],
  ])('%s', (text, expected) => {
    expect(parseHubId(text)).toEqual(expected);
  });

  it.each([
    'name',
    'a/b/c',
    '../b',
    'a/..',
    './b',
    'a/b@',
    'a/b@../x',
    'a/b@x@y',
    'a--b/c',
    '@scope/package',
    'a/b ',
    '',
  ])('%j is none', (text) => {
    expect(parseHubId(text)).toBeUndefined();
  });

  it('are found again from the folder that they lie in', () => {
    const commit = 'ab'.repeat(20);
    const folder = `${repositoryFolder('/cache', { id: 'a/b', organisation: 'a', name: 'b' })}/${commit}`;
    expect(folder).toBe(`/cache/hub/models--a--b/${commit}`);
    expect(hubIdOfFolder(folder)).toMatchObject({ id: 'a/b', revision: commit });
    expect(hubModelName(folder)).toBe('b-abababab');
    expect(hubModelName('/models/b')).toBeUndefined();
  });
});

describe('the licence that a card states', () => {
  it.each([
    ['---\nlicense: apache-2.0\ntags:\n- dna\n---\n# Model', 'apache-2.0'],
    ['---\r\ntags: [dna]\r\nlicense: "cc-by-nc-sa-4.0" # see below\r\n---\r\n', 'cc-by-nc-sa-4.0'],
    ['---\nlicense:\n- mit\n- apache-2.0\n---\n', 'mit, apache-2.0'],
    ['---\nlicense: other\nlicense_name: lab-terms\n---\n', 'lab-terms'],
    ['---\ntags:\n- dna\n---\nlicense: mit', undefined],
    ['# Model\nlicense: mit', undefined],
  ])('%j', (text, licence) => {
    expect(licenceOfCard(text)).toBe(licence);
  });
});

it.each([
  [0, '0 bytes'],
  [999, '999 bytes'],
  [1000, '1.0 kB'],
  [1234567, '1.2 MB'],
  [2.5e12, '2.5 TB'],
])('%d bytes are %s', (bytes, words) => {
  expect(bytesInWords(bytes)).toBe(words);
});
