#!/bin/sh
# Tests the examples of services, FastAPI and Express, by the same test over HTTP.
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
    cd ../../examples/express
    npm install --no-audit --no-fund --loglevel=error >&2
    npm run --silent build
)
PYTHONPATH=$PWD/bindings/python/python
export PYTHONPATH
cd examples
for folder in fastapi api; do
    (
        cd "$folder"
        "$tools/bin/mypy" --strict .
        "$tools/bin/pyright" --pythonpath "$tools/bin/python" .
    )
done
exec "$tools/bin/python" -m pytest -q -p no:cacheprovider api "$@"
