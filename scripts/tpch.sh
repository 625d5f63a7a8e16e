#!/bin/sh
# Makes TPC-H for the bench of indexes: data as CSV, schema.sql and workload.sql, in the folder that is given. DuckDB 1.1.3
# carries the generator and the texts of the queries.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh
folder=${1:?usage: scripts/tpch.sh FOLDER [SCALE]}
scale=${2:-1}
[ -e "$folder/workload.sql" ] && exit 0
python3 -m venv --help >/dev/null 2>&1 || apt_install python3-venv || die "python3 with venv is missing"
mkdir -p "$folder"
# The server reads the data, as a user of its own.
chmod 755 "$folder"
[ -x "$folder/venv/bin/python" ] || python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet duckdb==1.1.3
"$folder/venv/bin/python" benches/data/tpch/generate.py "$folder" "$scale"
cp benches/data/tpch/peer_sets.json "$folder/"
