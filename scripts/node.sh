#!/bin/sh
# Tests the Node.js package.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

need_cargo
need_cc
need_postgres
need_node
build_native
cd bindings/node
npm install --no-audit --no-fund --loglevel=error >&2
npm run --silent build
exec npm test --silent
