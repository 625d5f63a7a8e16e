#!/bin/sh
# Builds pgverse and runs the demo competition. Arguments go to `pgverse demo`. Ends with its exit status:
# 0 for a winner, 3 for none.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

need_cargo
need_cc
need_postgres
say "building (the first time takes some minutes)"
cargo build --release --quiet --locked -p pgverse-cli
target=$(cargo metadata --format-version 1 --no-deps --locked | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
exec "$target/release/pgverse" demo "$@"
