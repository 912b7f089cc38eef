/** @file The table of classes: its heads sort, its box filters. */
import { classesOf, count } from '../../src/report/page/format.js';
import { axis, draw, note, plain, tooltip } from './chart.js';
import { data, make } from './data.js';

const words = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

/** Gives the table its buttons and its filter. */
export function startClassTable(): void {
  const table = document.getElementById('class-table') as HTMLTableElement | null;
  if (table === null) return;
  const rows = [...table.tBodies[0].rows];
  const heads = [...table.tHead!.rows[0].cells];
  heads.forEach((head, column) => {
    if (head.dataset.key === 'examples') return;
    const button = make('button', { type: 'button' }, ...head.childNodes);
    button.addEventListener('click', () => {
      const up = head.getAttribute('aria-sort') === 'ascending';
      for (const other of heads) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', up ? 'descending' : 'ascending');
      sort(rows, column, up ? -1 : 1);
      table.tBodies[0].append(...rows);
    });
    head.append(button);
  });
  startFilter(rows);
}

/** Sorts rows by a column; rows without a value come last, equal ones stay in their order. */
function sort(rows: HTMLTableRowElement[], column: number, direction: 1 | -1): void {
  const value = (row: HTMLTableRowElement) => row.cells[column].dataset.value ?? '';
  const compare = column === 0 ? words.compare : (a: string, b: string) => Number(a) - Number(b);
  rows.sort((a, b) => {
    const [left, right] = [value(a), value(b)];
    if (left === '' || right === '') return Number(left === '') - Number(right === '');
    return direction * compare(left, right);
  });
}

function startFilter(rows: readonly HTMLTableRowElement[]): void {
  const box = document.getElementById('class-filter') as HTMLInputElement;
  const found = document.getElementById('class-count') as HTMLOutputElement;
  box.form?.addEventListener('submit', (event) => event.preventDefault());
  box.addEventListener('input', () => {
    const wanted = box.value.trim().toLocaleLowerCase();
    let shown = 0;
    for (const row of rows) {
      row.hidden = !(row.cells[0].dataset.value ?? '').toLocaleLowerCase().includes(wanted);
      if (!row.hidden) shown++;
    }
    found.value = shown === rows.length ? classesOf(shown) : `${count(shown)} of ${classesOf(rows.length)}`;
  });
}

/** With many classes: how many have how much right. */
export function drawSpread(): void {
  const { spread } = data;
  if (spread === null) return;
  draw('class-spread', (colors) => ({
    grid: { ...plain, left: 44, right: 12, top: 10, bottom: 26 },
    xAxis: { ...axis(colors), type: 'category', data: spread.map((_, i) => `${10 * i}–${10 * (i + 1)} %`) },
    yAxis: { ...axis(colors), type: 'value', minInterval: 1 },
    tooltip: {
      ...tooltip(colors),
      formatter: ({ name, value }: { name: string; value: number }) => note(`${name} right`, classesOf(value)),
    },
    series: [{ type: 'bar', data: spread, color: colors.accent, barCategoryGap: '12%' }],
  }));
}
