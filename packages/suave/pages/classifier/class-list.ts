/** @file The names of all classes, with a filter where there are many. */
import { byId, make } from './dom.js';

/** From this many on, names can be filtered. */
const manyClasses = 30;

/** Fills the list of classes. */
export function showClasses(classes: readonly string[]): void {
  const items = classes.map((name) => make('li', '', name));
  byId('class-names').append(...items);
  if (classes.length < manyClasses) return;
  const filter = byId<HTMLInputElement>('class-filter');
  byId('class-search').hidden = false;
  filter.addEventListener('input', () => {
    const wanted = filter.value.trim().toLowerCase();
    let shown = 0;
    for (const [index, item] of items.entries()) {
      item.hidden = !classes[index].toLowerCase().includes(wanted);
      if (!item.hidden) shown++;
    }
    byId('class-count').textContent = `${shown} of ${classes.length}`;
  });
}
