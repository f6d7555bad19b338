#!/bin/sh
# Runs check.js with the packages of package-lock.json, installed into a work directory.
# Usage: run.sh SOURCE_DIR WORK_DIR BAILEY. Exit status 77: skipped.
set -eu
source=$1 work=$2 bailey=$3
here=$source/tests/interop/schema

skip() {
    echo "skipped: $1"
    exit 77
}

command -v node >/dev/null || skip "node is not installed"
command -v npm >/dev/null || skip "npm is not installed"
mkdir -p "$work"
cp "$here/package.json" "$here/package-lock.json" "$here/check.js" "$work/"
"$bailey" schema >"$work/schema.json"
cd "$work"
if ! cmp -s package-lock.json .installed; then
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >npm.log 2>&1 ||
        skip "npm ci failed (no network?), see $work/npm.log"
    cp package-lock.json .installed
fi
exec node check.js "$source" schema.json
