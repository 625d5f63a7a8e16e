#!/bin/sh
# Tests the Python package.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

need_cargo
need_cc
need_postgres
need_node
build_native
tools=$(python_tools pytest 'pytest==9.*' 'pytest-asyncio==1.*' 'mypy==2.*')
cd bindings/python
PYTHONPATH=python
export PYTHONPATH
"$tools/bin/mypy" --strict python/pgverse tests
"$tools/bin/python" -m mypy.stubtest pgverse._native
exec "$tools/bin/python" -m pytest -q "$@"
