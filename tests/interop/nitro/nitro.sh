#!/bin/sh
# Runs verify.mjs with the packages of package-lock.json, installed into a work directory.
# Usage: nitro.sh SOURCE_DIR WORK_DIR DOCUMENTS_PROGRAM. Exit status 77: skipped.
set -eu
source=$1 work=$2 documents=$3

skip() {
    echo "skipped: $1"
    exit 77
}

command -v node >/dev/null || skip "node is not installed"
command -v npm >/dev/null || skip "npm is not installed"
mkdir -p "$work"
cp "$source/package.json" "$source/package-lock.json" "$source/verify.mjs" "$work/"
cd "$work"
if ! cmp -s package-lock.json .installed; then
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >npm.log 2>&1 ||
        skip "npm ci failed (no network?), see $work/npm.log"
    cp package-lock.json .installed
fi
exec node verify.mjs "$documents"
