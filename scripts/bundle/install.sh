#!/bin/sh
# Installs Suave from this unpacked bundle: builds its addon against the PyTorch found here. Uses no network and no root.
#
#     ./install.sh [--prefix DIR] [--libtorch DIR] [--jobs N]
#
# This file only finds out whether the bundle's Node.js runs; scripts/bundle/install.mjs does the rest.
set -eu

fail() {
  printf 'install: %s\n' "$1" >&2
  exit 1
}

here=$(cd "$(dirname "$0")" && pwd -P)
kind="$(uname -s) on $(uname -m)"
[ "$kind" = "Linux on x86_64" ] || fail "this bundle is for Linux on x86_64, and this machine is $kind. Make one on such a machine with npm run bundle."
[ -f "$here/bin/node" ] || fail "$here/bin/node is missing. Unpack the whole archive again, and run its install.sh there."
words=$("$here/bin/node" -e 0 2>&1) || {
  last=$(printf '%s\n' "$words" | tail -n 1)
  fail "the bundle's Node.js does not start here ($last). It needs glibc 2.28 or newer, libstdc++ (Debian: apt-get install libstdc++6), and a folder that is not mounted noexec."
}
exec "$here/bin/node" "$here/scripts/bundle/install.mjs" "$@"
