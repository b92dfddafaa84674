/** The shell of self-contained pages that run no script: head, title, what must be said first, sections, and from which file it was made. */
import { createHash } from 'node:crypto';
import { escapeHtml } from './escape.ts';

export interface StaticPage {
  /** What kind of page it is: "diagnostics". */
  readonly kind: string;
  readonly title: string;
  readonly style: string;
  /** Sentences under the title, as text: the first larger. */
  readonly lede: readonly string[];
  /** What a reader must know first, as text: what is missing, warnings. */
  readonly banners: readonly string[];
  /** Sections, as HTML. */
  readonly sections: readonly string[];
  readonly madeFrom: string;
}

export function staticPage({ kind, title, style, lede, banners, sections, madeFrom }: StaticPage): string {
  const policy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; form-action 'none'`;
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
    '<body>',
    '<header class="page">',
    `<p class="eyebrow">glm-bench ${escapeHtml(kind)}</p>`,
    `<h1>${escapeHtml(title)}</h1>`,
    ...lede.map((text, i) => `<p class="${i === 0 ? 'lede' : 'soft'}">${escapeHtml(text)}</p>`),
    ...banners.map((text) => `<p class="banner" role="status">${escapeHtml(text)}</p>`),
    '</header>',
    '<main>',
    ...sections,
    '</main>',
    `<footer>Made by glm-bench from ${escapeHtml(madeFrom)} only.</footer>`,
    '</body>',
    '</html>\n',
  ].join('\n');
}
