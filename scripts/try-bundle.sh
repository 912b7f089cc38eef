#!/usr/bin/env bash
# Tries the bundle on a clean Debian: no Node.js, no CMake, no network; a compiler, and one libtorch or another.
#
#     sudo scripts/try-bundle.sh [--bundle FILE] [--root DIR] [debian | DIR-OF-TORCH]…
#
# `debian`: Debian's libtorch 1.13; DIR-OF-TORCH: an unpacked wheel (its folder named torch). Needs root, debootstrap and, to make
# the clean Debian the first time, a mirror of it; --root (default .cache/clean-debian) keeps it for the next time.
# Not a part of the CI: it compiles once for each libtorch. Exit status 0: all of it worked.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=$(node -p "require('./packages/suave/package.json').version")
bundle=bundle/suave-$version-linux-x64.tar.gz
roots=.cache/clean-debian
kinds=()
while (($#)); do
  case $1 in
    --bundle) bundle=$2; shift 2 ;;
    --root) roots=$2; shift 2 ;;
    *) kinds+=("$1"); shift ;;
  esac
done
((${#kinds[@]})) || kinds=(debian)
[ "$(id -u)" = 0 ] || { echo "try-bundle: making a clean Debian needs root" >&2; exit 1; }
[ -f "$bundle" ] || { echo "try-bundle: $bundle is missing: npm run bundle" >&2; exit 1; }
bundle=$(realpath "$bundle")
mkdir -p "$roots"
roots=$(realpath "$roots")
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")

if [ ! -f "$roots/base/.complete" ]; then
  rm -rf "$roots/base"
  debootstrap --variant=minbase --include=g++ "$suite" "$roots/base" "${MIRROR:-http://deb.debian.org/debian}"
  touch "$roots/base/.complete"
fi

# The commands that are run in the clean Debian, without a network. $1: what is given to install.sh.
inside=$(cat <<'SCRIPT'
set -eu
say() { printf '\n== %s\n' "$*"; }
export PATH=/usr/local/bin:/usr/bin:/bin HOME=/root OMP_NUM_THREADS=${OMP_NUM_THREADS:-2}
cd /opt
say "what is here: $(g++ --version | head -n 1), $(ldd --version | head -n 1)"
! command -v node && ! command -v cmake && ! command -v make || { echo "this Debian is not clean"; exit 1; }
! (exec 3<>/dev/tcp/deb.debian.org/80) 2>/dev/null || { echo "there is a network"; exit 1; }
tar -xzf bundle.tar.gz
cd suave-*/
if [ -n "$1" ]; then
  say "without a PyTorch it is refused"
  ! ./install.sh || exit 1
fi
say "install"
./install.sh --prefix /usr/local $1 ${JOBS:+--jobs $JOBS}
say "a second time"
begin=$(date +%s)
./install.sh --prefix /usr/local $1 2>&1 | grep 'built already'
[ $(($(date +%s) - begin)) -lt 30 ] || { echo "the second time took long"; exit 1; }
say "suave doctor, from anywhere"
cd /tmp
suave doctor --json
suave demo --help | head -n 3
say "a small training"
cat > images.cjs <<'MAKE'
const { mkdirSync } = require('node:fs');
const sharp = require(`${process.argv[2]}/node_modules/sharp`);
for (const [kind, color] of [['cold', '#2040c0'], ['warm', '#c04020']])
  for (let i = 0; i < 12; ++i) {
    mkdirSync(`photos/${kind}`, { recursive: true });
    const background = color.replace(/..$/, (20 + i).toString(16).padStart(2, '0'));
    sharp({ create: { width: 24, height: 24, channels: 3, background } }).png().toFile(`photos/${kind}/${i}.png`);
  }
MAKE
rm -rf photos run
/opt/suave-*/bin/node images.cjs /opt/suave-*/
suave train photos --out run --arch resnet8 --epochs 1 --labels-per-class 4 2>&1 | tail -n 4
suave evaluate run --json | head -c 300
say "moved, read-only, as another user"
mkdir -p /srv/elsewhere
mv /opt/suave-* /srv/elsewhere/suave
chmod -R a-w /srv/elsewhere/suave
setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/nonexistent /srv/elsewhere/suave/bin/suave doctor | tail -n 1 | grep 'can train'
say "all of it worked"
SCRIPT
)

for kind in "${kinds[@]}"; do
  printf '\n=== %s\n' "$kind"
  place=$roots/$([ "$kind" = debian ] && echo with-libtorch || echo with-wheel)
  if [ "$kind" = debian ] && [ ! -f "$place/.complete" ]; then
    rm -rf "$place"
    cp -a "$roots/base" "$place"
    cp -L /etc/resolv.conf "$place/etc/resolv.conf"
    chroot "$place" sh -c 'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends libtorch-dev libopenblas0-pthread libgloo-dev && apt-get clean'
    touch "$place/.complete"
  elif [ "$kind" != debian ]; then
    [ -f "$kind/lib/libtorch_cpu.so" ] || { echo "try-bundle: $kind holds no torch" >&2; exit 1; }
    [ -d "$place" ] || cp -a "$roots/base" "$place"
    mkdir -p "$place/opt/torch"
  fi
  rm -rf "$place"/opt/suave-* "$place/srv/elsewhere" "$place/tmp/run"
  cp "$bundle" "$place/opt/bundle.tar.gz"
  # Mounts end with the namespace; the torch is lent read-only.
  unshare --mount --net --pid --fork bash -euc '
    place=$1 torch=$2
    mount --rbind /dev "$place/dev"
    mount -t proc proc "$place/proc"
    option=
    if [ "$torch" != debian ]; then
      mount --bind -o ro "$torch" "$place/opt/torch"
      option="--libtorch /opt/torch"
    fi
    exec env -i JOBS="${JOBS-}" OMP_NUM_THREADS="${OMP_NUM_THREADS-}" "$(command -v chroot)" "$place" /bin/bash -c "$3" inside "$option"
  ' try "$place" "$([ "$kind" = debian ] && echo debian || realpath "$kind")" "$inside"
done
