/** What every page begins with: a document that fetches nothing, whose style and script, if any, are named by hash in a Content-Security-Policy. */
import { createHash } from 'node:crypto';
import { escapeHtml } from '../../core/escape.ts';

export interface PageHead {
  readonly title: string;
  readonly style: string;
  /** The page's only script. Default: none may run. */
  readonly script?: string;
}

export function pageHead({ title, style, script }: PageHead): string[] {
  const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  const scripts = script === undefined ? '' : ` script-src ${hash(script)};`;
  const policy = `default-src 'none'; style-src ${hash(style)};${scripts} base-uri 'none'; form-action 'none'`;
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="referrer" content="no-referrer">',
    `<title>${escapeHtml(title)}</title>`,
    `<style>${style}</style>`,
    '</head>',
  ];
}
