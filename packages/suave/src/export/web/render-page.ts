/** @file The page as one HTML text: markup, style, code and the description of the network. */
import { contentHash, escapeHtml, inlineJson, inlineScript, pageBundle, workerBundle } from '../../html.js';
import { modelElementId, type PageModel, workerElementId } from './page-model.js';

/** Classes that the sentence below the title names. */
const namedClasses = 3;

/**
 * What the page may do: run its own code and the scripts of its folder, and show pictures that it was given. It may connect to
 * nothing. A page on the disk is of no origin, hence `file:` beside `'self'`.
 */
function contentSecurityPolicy(script: string, style: string): string {
  return [
    "default-src 'none'",
    `script-src ${contentHash(script)} 'self' file: blob: 'wasm-unsafe-eval'`,
    `style-src ${contentHash(style)}`,
    'img-src blob: data:',
    'worker-src blob:',
    "connect-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

/** `Tells 10 classes apart: cat, dog, horse and 7 more.` */
function summary({ classes, clusters }: PageModel): string {
  if (clusters) return `Sorts pictures into ${classes.length} clusters that were found without labels.`;
  if (classes.length === 1) return `Knows a single class: ${classes[0]}. Every picture is given to it.`;
  const rest = classes.length - namedClasses;
  const named = rest > 0 ? classes.slice(0, namedClasses) : classes.slice(0, -1);
  const last = rest > 0 ? `${rest} more` : classes[classes.length - 1];
  return `Tells ${classes.length} classes apart: ${named.join(', ')} and ${last}.`;
}

const icon =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cg fill='%232f7d6b'%3E%3Crect x='1' y='2' width='14' height='3' rx='1.5'/%3E%3Crect x='1' y='6.5' width='9' height='3' rx='1.5'/%3E%3Crect x='1' y='11' width='5' height='3' rx='1.5'/%3E%3C/g%3E%3C/svg%3E";

/** The whole page. */
export function renderPage(model: PageModel): string {
  const bundle = pageBundle('classifier');
  const script = inlineScript(bundle.script);
  const title = escapeHtml(model.title);
  const { crop } = model.input;
  const kinds = model.clusters ? 'clusters' : model.classes.length === 1 ? 'class' : 'classes';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${contentSecurityPolicy(script, bundle.style)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="suave ${escapeHtml(model.version)}">
<title>${title}</title>
<link rel="icon" href="${icon}">
<style>${bundle.style}</style>
</head>
<body>
<main>
<header>
<h1>${title}</h1>
<p class="summary">${escapeHtml(summary(model))}</p>
</header>
<p id="status" class="unseen" role="status" aria-live="polite"></p>
<noscript><p class="problem">This page needs JavaScript: the network runs inside it.</p></noscript>
<p id="problem" class="problem" role="alert" hidden></p>
<section id="drop" class="drop" aria-label="Give pictures">
<p class="invitation mouse">Drop pictures here</p>
<p class="buttons">
<button id="choose" type="button" class="main">Choose pictures</button>
<button id="camera" type="button">Use the camera</button>
<input id="files" type="file" accept="image/jpeg,image/png,image/webp" multiple hidden>
</p>
<p class="hint"><span class="mouse">or paste one. </span>JPEG, PNG or WebP.</p>
<p id="camera-problem" class="hint alarm" role="alert" hidden></p>
<div id="loading" class="loading">
<progress id="progress" max="1" value="0" aria-labelledby="loading-text"></progress>
<p id="loading-text">Loading the network</p>
</div>
</section>
<p class="privacy"><svg viewBox="0 0 16 16" aria-hidden="true"><path d="M4 7V5a4 4 0 0 1 8 0v2h1v8H3V7zm2 0h4V5a2 2 0 0 0-4 0z"/></svg>
Nothing is uploaded. Pictures stay on this device: the rules of this page forbid it to send anything.</p>
<section id="camera-view" class="camera" aria-label="Camera" hidden>
<div class="viewfinder"><video id="video" muted playsinline aria-label="Picture of the camera"></video><span id="frame" aria-hidden="true"></span></div>
<div id="live" class="live">
<p id="live-note" class="note"></p>
<p class="buttons">
<button id="keep" type="button">Keep this picture</button>
<button id="stop" type="button">Stop the camera</button>
</p>
</div>
</section>
<section id="controls" class="controls" aria-label="Confidence">
<label for="threshold">Say “Not sure” below <output id="threshold-value" for="threshold">50 %</output></label>
<input id="threshold" type="range" min="0" max="100" value="50">
</section>
<section id="results-section" aria-labelledby="results-title" hidden>
<div class="heading"><h2 id="results-title">Results</h2><button id="clear" type="button" class="quiet">Clear</button></div>
<ol id="results" class="results"></ol>
</section>
<details class="classes">
<summary>${model.classes.length === 1 ? 'The only' : `All ${model.classes.length}`} ${kinds}</summary>
<p id="class-search" hidden><label for="class-filter">Filter</label> <input id="class-filter" type="search"> <span id="class-count" role="status"></span></p>
<ul id="class-names"></ul>
</details>
<footer>
<p>${escapeHtml(model.architecture)}, ${model.weights}, pictures of ${crop} × ${crop} pixels<span id="times" hidden>; ready after <data id="load"></data></span><span id="first" hidden>; first prediction in <data id="first-prediction"></data></span>.</p>
<p>Trained and exported with Suave ${escapeHtml(model.version)}.</p>
</footer>
</main>
<script id="${modelElementId}" type="application/json">${inlineJson(model)}</script>
<script id="${workerElementId}" type="text/plain">${inlineScript(workerBundle('classifier'))}</script>
<script>${script}</script>
</body>
</html>
`;
}
