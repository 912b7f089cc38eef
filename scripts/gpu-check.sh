#!/bin/sh
# Checks Suave on a GPU with one command and without a network (docs/gpu.md). Run it in the unpacked bundle that
# `npm run bundle -- --with-tests` makes, or in a clone that is set up:
#
#     scripts/gpu-check.sh [OUT] [--data FILE] [--device cuda|cpu] [--only PART,…] [--limit SECONDS] [--again] [--small]
#
# It installs the bundle, then scripts/gpu-check.mjs does one part after the other. Results, logs and a summary go to OUT (gpu-check).
# A part whose result lies in OUT already is not done again: after an interruption give the same command.
set -u

here=$(cd "$(dirname "$0")/.." && pwd -P) || exit 1
node=$here/bin/node
[ -x "$node" ] || node=$(command -v node) || {
  printf 'gpu-check: there is no bin/node here and no node on the PATH. Unpack the whole bundle and run its scripts/gpu-check.sh.\n' >&2
  exit 2
}
exec "$node" "$here/scripts/gpu-check.mjs" "$@"
