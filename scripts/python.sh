#!/bin/sh
# Builds the native part of the Python package as the tests of Rust are built, and tests the package with it.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

need_cargo
need_cc
need_postgres
tools=${PGVERSE_TEST_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/pgverse-test-tools}
packages='pytest==9.* pytest-asyncio==1.* mypy==2.*'
if [ "$(cat "$tools/pytest/installed" 2>/dev/null)" != "$packages" ]; then
    say "installing pytest and mypy into $tools"
    if ! python3 -m venv --clear "$tools/pytest" >/dev/null 2>&1; then
        apt_install python3-venv && python3 -m venv --clear "$tools/pytest"
    fi
    # Unquoted: each word is a package.
    "$tools/pytest/bin/pip" install --quiet --disable-pip-version-check $packages >&2
    printf '%s' "$packages" >"$tools/pytest/installed"
fi

# All of the workspace at once: a crate by itself has other features, and all would be compiled again.
cargo build --workspace --lib --tests --locked --quiet
cp "${CARGO_TARGET_DIR:-target}/debug/lib_native.so" bindings/python/python/pgverse/_native.abi3.so
cd bindings/python
PYTHONPATH=python
export PYTHONPATH
"$tools/pytest/bin/mypy" --strict python/pgverse tests
"$tools/pytest/bin/python" -m mypy.stubtest pgverse._native
exec "$tools/pytest/bin/python" -m pytest -q "$@"
