#!/bin/sh
# Runs peers.mjs with the packages of package-lock.json, installed into a work directory.
# Usage: peers.sh SOURCE_DIR WORK_DIR BAILEY EVIDENCE_MAKE [TABLE.md]. Exit status 77: skipped.
set -eu
source=$1 work=$2
shift 2

skip() {
    echo "skipped: $1"
    exit 77
}

command -v node >/dev/null || skip "node is not installed"
command -v npm >/dev/null || skip "npm is not installed"
mkdir -p "$work"
cp "$source/package.json" "$source/package-lock.json" "$source/peers.mjs" "$work/"
cd "$work"
if ! cmp -s package-lock.json .installed; then
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >npm.log 2>&1 ||
        skip "npm ci failed (no network?), see $work/npm.log"
    cp package-lock.json .installed
fi
bailey=$1 make=$2
shift 2
exec node peers.mjs "$bailey" "$make" "$work" "$@"
