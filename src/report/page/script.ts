/**
 * The page's only script: sorting by the buttons in the table heads, filters by task and kind, opening every part before
 * printing, saving the data that the page carries. Without it the page still shows everything.
 */
export const PAGE_SCRIPT = `'use strict';
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  for (const table of all('table[data-sortable]')) {
    const heads = all('thead th', table);
    heads.forEach((head) => {
      const button = head.querySelector('button');
      if (!button) return;
      button.addEventListener('click', () => {
        const first = head.dataset.first || 'ascending';
        const other = first === 'ascending' ? 'descending' : 'ascending';
        const direction = head.getAttribute('aria-sort') === first ? other : first;
        for (const one of heads) one.removeAttribute('aria-sort');
        head.setAttribute('aria-sort', direction);
        const body = table.tBodies[0];
        const place = button.dataset.key;
        const value = (row) => row.getAttribute('data-' + place) || '';
        const sign = direction === 'ascending' ? 1 : -1;
        const rows = [...body.rows].sort((a, b) => {
          const [x, y] = [value(a), value(b)];
          if (x === '' || y === '') return (x === '') - (y === '');
          const numeric = Number(x) - Number(y);
          return sign * (Number.isNaN(numeric) ? x.localeCompare(y) : numeric);
        });
        body.append(...rows);
        const said = document.getElementById('said');
        if (said) said.textContent = 'Sorted by ' + button.textContent.trim() + ', ' + direction;
      });
    });
  }
  const task = document.getElementById('task');
  const kinds = all('input[data-kind]');
  const apply = () => {
    for (const part of all('[data-task]')) part.hidden = task.value !== '' && part.dataset.task !== task.value;
    const shown = new Set(kinds.filter((box) => box.checked).map((box) => box.dataset.kind));
    for (const row of all('tr[data-kind]')) row.hidden = row.dataset.kind !== '' && !shown.has(row.dataset.kind) && !row.classList.contains('reference');
  };
  if (task) task.addEventListener('change', apply);
  for (const box of kinds) box.addEventListener('change', apply);
  apply();
  let opened = [];
  addEventListener('beforeprint', () => { opened = all('details:not([open])'); for (const one of opened) one.open = true; });
  addEventListener('afterprint', () => { for (const one of opened) one.open = false; });
  const save = document.getElementById('save');
  if (save) save.addEventListener('click', () => {
    const data = JSON.stringify(JSON.parse(document.getElementById('data').textContent), null, 2);
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([data], { type: 'application/json' }));
    link.download = 'leaderboard.json';
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
})();`;
