/** @file Stops with a sentence on a Node.js that is too old. Its syntax is old on purpose; import it before anything else. */
const oldest = 20;
const major = Number(process.versions.node.split('.')[0]);
if (major < oldest) {
  process.stderr.write(
    `Node.js ${process.versions.node}: Suave needs Node.js ${oldest} or newer. Install it from https://nodejs.org, then run the command again.\n`,
  );
  process.exit(1);
}
