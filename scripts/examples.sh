#!/bin/sh
# Tests the examples in Python and TypeScript: an agent, and services, each pair by the same test.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

need_cargo
need_cc
need_postgres
need_node
build_native
tools=$(python_tools services 'pytest==9.*' 'mypy==2.*' 'pyright==1.*' 'fastapi>=0.135,<1' 'uvicorn>=0.40,<1')
(
    cd bindings/node
    npm install --no-audit --no-fund --loglevel=error >&2
    npm run --silent build
    for folder in agents express; do
        cd "../../examples/$folder"
        npm install --no-audit --no-fund --loglevel=error >&2
        npm run --silent build
    done
)
PYTHONPATH=$PWD/bindings/python/python
export PYTHONPATH
cd examples
for folder in agents fastapi api; do
    (
        cd "$folder"
        "$tools/bin/mypy" --strict .
        "$tools/bin/pyright" --pythonpath "$tools/bin/python" .
    )
done
exec "$tools/bin/python" -m pytest -q -p no:cacheprovider agents api "$@"
