/** The style sheet of the HTML page: print-like, light and dark, one column below 760 px. No fonts or images are fetched. */
import { PLOT_COLOURS, PLOT_RULES } from '../formats/figure.ts';

export const PAGE_STYLE = `${PLOT_COLOURS}
  :root { color-scheme: light dark; --panel:#f6f7f8; --warn:#8a5a00; --warn-paper:#fff5dd; --accent:var(--better);
    --serif: "Iowan Old Style", "Palatino Linotype", Palatino, "Source Serif 4", Georgia, "DejaVu Serif", serif;
    --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Liberation Sans", sans-serif;
    --mono: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
  @media (prefers-color-scheme: dark) { :root { --panel:#1b2025; --warn:#f0c061; --warn-paper:#2d2614; } }
  * { box-sizing: border-box; }
  html { scroll-padding-top: 4rem; -webkit-text-size-adjust: 100%; }
  body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 var(--sans); }
  main, header.page, footer { max-width: 1260px; margin: 0 auto; padding: 0 28px; }
  a { color: var(--accent); text-underline-offset: 2px; }
  :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
  h1, h2, h3 { font-family: var(--serif); font-weight: 600; line-height: 1.2; text-wrap: balance; }
  h1 { font-size: clamp(1.7rem, 4vw, 2.5rem); margin: .1em 0 .35em; letter-spacing: -.01em; overflow-wrap: anywhere; }
  h2 { font-size: 1.5rem; margin: 0 0 .3rem; overflow-wrap: anywhere; } h3 { font-size: 1.08rem; margin: 1.4rem 0 .4rem; }
  .soft { color: var(--soft); } .num { font-variant-numeric: tabular-nums; white-space: nowrap; }
  .eyebrow { color: var(--soft); font-size: .78rem; letter-spacing: .09em; text-transform: uppercase; margin: 2.6rem 0 0; }
  .lede { font-family: var(--serif); font-size: 1.16rem; max-width: 54em; margin: 0 0 1.1rem; text-wrap: pretty; }
  .banner { background: var(--warn-paper); color: var(--warn); border-left: 4px solid currentColor; padding: .6rem .9rem; margin: 1rem 0; overflow-wrap: anywhere; }
  .summary { list-style: none; padding: 0; margin: 1.4rem 0 1.8rem; border-top: 2px solid var(--ink); }
  .summary li { display: grid; grid-template-columns: 16rem 9.5rem 1fr; gap: 4px 22px; align-items: baseline; padding: .75rem 0; border-bottom: 1px solid var(--rule); }
  .summary a { color: inherit; font-weight: 600; text-decoration-color: var(--rule); overflow-wrap: anywhere; } .summary p { margin: 0; overflow-wrap: anywhere; }
  .badge { display: inline-flex; gap: .4em; align-items: baseline; font-weight: 600; white-space: nowrap; }
  .badge.better { color: var(--better); } .badge.worse { color: var(--worse); } .badge.indistinguishable, .badge.none { color: var(--even); }
  .badge.failed { color: var(--worse); }
  .filters { position: sticky; top: 0; z-index: 2; background: var(--paper); border-bottom: 1px solid var(--rule); }
  .filters > div { max-width: 1260px; margin: 0 auto; padding: .55rem 28px; display: flex; flex-wrap: wrap; gap: .45rem 1.2rem; align-items: center; font-size: .88rem; }
  .filters label { display: inline-flex; gap: .4em; align-items: center; }
  button, select { font: inherit; color: inherit; } select { background: var(--paper); border: 1px solid var(--rule); border-radius: 5px; padding: .25em .5em; max-width: 18rem; }
  .plain { background: none; border: 1px solid var(--rule); border-radius: 5px; padding: .25em .7em; cursor: pointer; margin-left: auto; } .plain:hover { border-color: var(--soft); }
  section.task { padding: 2.2rem 0 1.2rem; border-bottom: 1px solid var(--rule); }
  section.task > p { max-width: 60em; overflow-wrap: anywhere; } .meta { color: var(--soft); font-size: .9rem; margin: 0 0 .6rem; }
  .headline { font-family: var(--serif); font-size: 1.08rem; margin: .3rem 0 1.1rem; }
  .scroll { overflow-x: auto; }
  table { border-collapse: collapse; width: 100%; font-size: .91rem; }
  th { text-align: left; font-weight: 600; vertical-align: bottom; padding: .3rem .7rem .35rem 0; border-bottom: 1.5px solid var(--ink); }
  td { padding: .42rem .7rem .42rem 0; border-bottom: 1px solid var(--rule); vertical-align: middle; }
  th:last-child, td:last-child { padding-right: 0; } .right { text-align: right; }
  th button { background: none; border: 0; padding: 0; font: inherit; cursor: pointer; text-align: inherit; white-space: nowrap; }
  th button::after { content: "↕"; color: var(--rule); padding-left: .3em; font-weight: 400; }
  th[aria-sort=ascending] button::after { content: "↑"; color: inherit; } th[aria-sort=descending] button::after { content: "↓"; color: inherit; }
  .board td { height: 44px; } .board .title { font-weight: 600; overflow-wrap: anywhere; } .board small { display: block; color: var(--soft); font-size: .82rem; font-weight: 400; }
  .board td.who { min-width: 11rem; max-width: 21rem; } td.forest { padding-top: 0; padding-bottom: 0; width: 200px; } tfoot td { border: 0; padding-top: 0; height: auto !important; }
  td.forest svg { display: block; width: 200px; height: 44px; } tfoot td.forest svg { height: 18px; } svg text { font-family: var(--sans); }
  tr.reference td { background: var(--panel); } tr.reference td:first-child { box-shadow: -10px 0 0 var(--panel); } tr.reference td:last-child { box-shadow: 10px 0 0 var(--panel); }
  tr.failed .title, tr.missing .title { color: var(--soft); } td.why { color: var(--soft); font-size: .86rem; overflow-wrap: anywhere; }
  .remarks { font-size: .88rem; color: var(--warn); padding-left: 1.1rem; overflow-wrap: anywhere; }
  details { border-top: 1px solid var(--rule); } .task details:first-of-type { margin-top: 1.2rem; } details:last-of-type { border-bottom: 0; }
  summary { cursor: pointer; padding: .5rem 0; font-weight: 600; font-size: .93rem; } summary .soft { font-weight: 400; } details > div { padding: .1rem 0 1.1rem; }
  dl { margin: 0; font-size: .88rem; } dl > div { display: grid; grid-template-columns: minmax(8rem, 13rem) 1fr; gap: 0 1rem; padding: .16rem 0; }
  dt { color: var(--soft); overflow-wrap: anywhere; } dd { margin: 0; overflow-wrap: anywhere; min-width: 0; } dd dl > div { grid-template-columns: minmax(7rem, 11rem) 1fr; } dd ol { margin: 0; padding-left: 1.3rem; }
  .alarm > dt, .alarm > dd { color: var(--warn); font-weight: 600; }
  details table { width: auto; min-width: min(100%, 40rem); } details th, details td { padding-right: 1.4rem; }
  .cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)); gap: 0 2.4rem; align-items: start; }
  .curves { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 250px), 1fr)); gap: 1rem 1.4rem; } .curves figure { margin: 0; } figcaption { font-size: .84rem; overflow-wrap: anywhere; }
  .chart { width: 100%; height: auto; } .curve { fill: none; stroke-width: 1.6; } circle.curve { stroke-width: 3; } .curve.train { stroke: var(--even); } .curve.valid { stroke: var(--accent); stroke-dasharray: 5 2.5; } .curve.score { stroke: var(--accent); }
  .scatters { grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); margin-bottom: 1.2rem; } .curve.whiskers { stroke: var(--rule); } circle.dot-model { fill: var(--accent); stroke: var(--accent); r: 3px; } circle.dot-control { stroke: var(--soft); stroke-width: 1.4; fill: var(--paper); r: 3px; }
  .bars div { display: grid; grid-template-columns: minmax(5rem, 12rem) 1fr 8rem; gap: .8rem; font-size: .86rem; align-items: center; } .bars svg { width: 100%; height: 9px; } .bars rect { fill: var(--even); }
  code, .mono { font-family: var(--mono); font-size: .86em; overflow-wrap: anywhere; } pre { background: var(--panel); padding: .7rem .9rem; overflow-x: auto; border-radius: 5px; white-space: pre-wrap; overflow-wrap: anywhere; }
  main > section:not(.task) { padding: 2rem 0 .8rem; border-bottom: 1px solid var(--rule); } .howto { max-width: 52em; } .howto li { margin: .4em 0; }
  footer { padding-top: 1.2rem; padding-bottom: 3rem; color: var(--soft); font-size: .85rem; } [hidden] { display: none !important; }
  ${PLOT_RULES}
  @media (max-width: 760px) {
    main, header.page, footer { padding: 0 16px; } .filters { position: static; } .filters > div { padding: .5rem 16px; } .summary li { grid-template-columns: 1fr; } .plain { margin-left: 0; }
    .board, .board thead, .board tbody, .board tfoot, .board tr, .board th, .board td { display: block; width: auto; }
    .board thead tr { display: flex; flex-wrap: wrap; gap: .2rem .9rem; border-bottom: 1.5px solid var(--ink); } .board th { border: 0; padding: .2rem 0; font-size: .84rem; } .board th.bare { display: none; }
    .board tbody tr { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: .15rem .7rem; padding: .65rem 0; border-bottom: 1px solid var(--rule); } .board tfoot { border-bottom: 1px solid var(--rule); }
    .board td { border: 0; padding: 0; height: auto; text-align: left; } .board td.who, td.forest, td.why, .board td.difference { grid-column: 1 / -1; max-width: none; }
    .board td.said { grid-column: 1 / -1; } .board td.said small, .board td[data-label] small, .board td.difference small, .board td.score small { display: inline; padding-left: .5em; } .board td.score { grid-column: 1 / -1; } .board td[data-label]::before { content: attr(data-label) " "; color: var(--soft); font-size: .82rem; }
    td.forest svg { width: 100%; height: 34px; } tr.reference td, tr.reference td:first-child, tr.reference td:last-child { box-shadow: none; background: none; } tr.reference { background: var(--panel); box-shadow: -16px 0 0 var(--panel), 16px 0 0 var(--panel); }
    .bars div { grid-template-columns: 6rem 1fr 6rem; } dl > div, dd dl > div { grid-template-columns: minmax(6rem, 9rem) 1fr; }
  }
  @media print {
    :root { --ink:#000; --soft:#444; --rule:#bbb; --zero:#666; --better:#0b62a8; --worse:#b34700; --even:#555; --paper:#fff; --panel:#f2f2f2; --warn:#6b4500; --warn-paper:#fff; }
    body { font-size: 10pt; } .filters, th button::after, .plain { display: none; } main, header.page, footer { max-width: none; padding: 0; }
    section.task, tr, figure { break-inside: avoid; } section.task { break-inside: auto; } h2, .headline { break-after: avoid; } .scroll { overflow: visible; }
  }`;
