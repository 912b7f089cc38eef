/** @file How pictures come in: chosen, dropped anywhere on the page, or pasted. */
import { byId } from './dom.js';
import type { Given } from './results.js';

const given = (files: Iterable<File>): Given[] => Array.from(files, (file) => ({ name: file.name, file }));

/** Hands every picture on. */
export function takePictures(onPictures: (pictures: Given[]) => void): void {
  const input = byId<HTMLInputElement>('files');
  byId('choose').addEventListener('click', () => input.click());
  input.addEventListener('change', () => {
    onPictures(given(input.files ?? []));
    input.value = '';
  });
  takeDrops(onPictures);
  document.addEventListener('paste', (event) => {
    const files = given(event.clipboardData?.files ?? []);
    if (files.length === 0) return;
    event.preventDefault();
    onPictures(files);
  });
}

function takeDrops(onPictures: (pictures: Given[]) => void): void {
  const zone = byId('drop');
  let depth = 0;
  const over = (change: number) => {
    depth = Math.max(0, depth + change);
    zone.classList.toggle('over', depth > 0);
  };
  const holdsFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') === true;
  document.addEventListener('dragenter', (event) => holdsFiles(event) && over(1));
  document.addEventListener('dragleave', (event) => holdsFiles(event) && over(-1));
  document.addEventListener('dragover', (event) => holdsFiles(event) && event.preventDefault());
  document.addEventListener('drop', (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    over(-depth);
    onPictures(given(event.dataTransfer?.files ?? []));
  });
}
