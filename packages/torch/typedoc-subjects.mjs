/**
 * @file Plugin of typedoc: what the door exports is filed under a subject, by the source file it comes from. Comments then need
 * no tag for it, and the generated operators none at all.
 */
import { Comment, CommentTag, Converter, ReflectionKind } from 'typedoc';

/** Subject by the beginning of the path below src/; the first that fits. */
const subjects = [
  ['generated/named', 'Named results'],
  ['generated/out', 'Operators into given tensors'],
  ['generated/', 'Operators'],
  ['operators', 'Operators'],
  ['operator-', 'Operators'],
  ['named-tuple', 'Named results'],
  ['result-types', 'Operators'],
  ['autograd/', 'Autograd'],
  ['nn/', 'Neural networks'],
  ['optim/', 'Optimizers'],
  ['devices/', 'Devices'],
  ['distributed/', 'Distributed'],
  ['serialization/', 'Files'],
  ['scope', 'Memory and threads'],
  ['threads', 'Memory and threads'],
  ['track', 'Memory and threads'],
  ['trace', 'Operators'],
  ['errors', 'Errors'],
  ['runtime', 'Runtime'],
  ['native', 'Runtime'],
  ['', 'Tensors'],
];

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.converter.on(
    Converter.EVENT_RESOLVE_BEGIN,
    (context) => {
      const { project } = context;
      for (const door of project.getChildrenByKind(ReflectionKind.Module)) {
        door.name = 'torch';
        for (const reflection of [...(door.children ?? [])]) file(project, reflection);
      }
      for (const signature of project.getReflectionsByKind(ReflectionKind.CallSignature)) explain(project, signature);
    },
    1000,
  );
}

/** Adds the category, to each signature of a function, or to what has none. */
function file(project, reflection) {
  const path = pathOf(project, reflection);
  const [, subject] = subjects.find(([start]) => path.startsWith(start)) ?? ['', 'Tensors'];
  if (path === 'generated/named.ts' && reflection.kindOf(ReflectionKind.Variable)) {
    project.removeReflection(reflection); // the classes behind the types of named results
    return;
  }
  describe(reflection);
  const targets = reflection.signatures ?? [reflection];
  for (const target of targets) {
    target.comment ??= new Comment();
    target.comment.blockTags.push(new CommentTag('@category', [{ kind: 'text', text: subject }]));
  }
}

/** Members that mean the same wherever they are. */
const usual = {
  '[dispose]': 'Lets `using` give everything back at the end of its block; the same as `dispose()` or `close()`.',
  forward: 'Applies the layer: formula, shapes and defaults are in the description of the class.',
};

/** Says what such a member is where its comment does not; `inspect` of Node.js is left out, as users never call it. */
function explain(project, signature) {
  if (signature.name.startsWith('[inspect')) project.removeReflection(signature.parent ?? signature);
  else if (signature.comment === undefined && usual[signature.name] !== undefined)
    signature.comment = new Comment([{ kind: 'text', text: usual[signature.name] }]);
}

/** The `@file` of the file behind a namespace is what the namespace is about. */
function describe({ comment }) {
  const about = comment?.removeTags === undefined ? undefined : comment.getTag('@file');
  if (about === undefined) return;
  comment.summary = about.content;
  comment.removeTags('@file');
}

/** Path below src/ of the file that declares it; namespaces (`export * as nn`) are told by their name. */
function pathOf(project, reflection) {
  if (reflection.kindOf(ReflectionKind.Namespace | ReflectionKind.Module)) {
    const folder = { nn: 'nn/', optim: 'optim/', cuda: 'devices/', backends: 'devices/', ops: 'operators' }[
      reflection.name
    ];
    if (folder !== undefined) return folder;
  }
  const symbol = project.getSymbolIdFromReflection(reflection);
  const name = symbol?.fileName ?? '';
  const start = String(name).lastIndexOf('/src/');
  return start < 0 ? String(name) : String(name).slice(start + '/src/'.length);
}
