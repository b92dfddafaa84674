/** The shell of self-contained pages that run no script: head, title, what must be said first, sections, and from which file it was made. */
import { escapeHtml } from '../../core/escape.ts';
import { pageHead } from './head.ts';

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
  return [
    ...pageHead({ title, style }),
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
