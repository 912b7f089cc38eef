/** @file Where the reader is, and text that is copied. */
import { element } from './data.js';

/** Marks the part that is on the screen in the navigation. */
export function startNavigation(): void {
  const links = new Map(
    [...document.querySelectorAll<HTMLAnchorElement>('nav a')].map((link) => [link.hash.slice(1), link]),
  );
  const visible = new Set<string>();
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) visible.add(target.id);
        else visible.delete(target.id);
      }
      const here = [...links.keys()].find((id) => visible.has(id));
      for (const [id, link] of links) {
        if (id === here) link.setAttribute('aria-current', 'true');
        else link.removeAttribute('aria-current');
      }
    },
    { rootMargin: '-15% 0px -60% 0px' },
  );
  for (const id of links.keys()) observer.observe(element(id));
}

/** Lets the buttons copy. A browser that keeps the clipboard from files selects the text instead. */
export function startCopying(): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>('button.copy')) {
    button.addEventListener('click', async () => {
      const source = element(button.dataset.copy ?? '');
      try {
        await navigator.clipboard.writeText(source.textContent ?? '');
        say(button, 'Copied');
      } catch {
        getSelection()?.selectAllChildren(source);
        say(button, 'Selected');
      }
    });
  }
}

function say(button: HTMLButtonElement, word: string): void {
  button.textContent = word;
  setTimeout(() => {
    button.textContent = 'Copy';
  }, 1500);
}
