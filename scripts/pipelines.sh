#!/bin/sh
# Tests the examples of Mage and Ray, each installed from PyPI into an environment of its own. Mage takes 1.4 GB.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

need_cargo
need_cc
need_postgres
need_node
build_native
PYTHONPATH=$PWD/bindings/python/python
export PYTHONPATH
cd examples/pipelines
tools=$(python_tools mage 'mage-ai==0.9.80' 'pytest==9.*')
"$tools/bin/python" -m pytest -q -p no:cacheprovider test_mage.py "$@"
tools=$(python_tools ray 'ray==2.*' 'pytest==9.*')
# Ray listens on every interface, whatever it is told: it gets a network of its own.
if [ "$(id -u)" = 0 ]; then
    apart='unshare --net'
else
    apart='unshare --user --map-current-user --keep-caps --net'
fi
exec $apart "$tools/bin/python" -m pytest -q -p no:cacheprovider test_ray.py "$@"
