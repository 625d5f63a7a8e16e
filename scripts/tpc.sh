#!/bin/sh
# Makes TPC-H or TPC-DS for the bench of indexes: data as CSV, schema.sql and workload.sql, in the folder that is given.
# DuckDB 1.1.3 carries the generators and the texts of the queries.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh
usage="usage: scripts/tpc.sh tpch|tpcds FOLDER [SCALE]"
benchmark=${1:?$usage}
folder=${2:?$usage}
scale=${3:-1}
case "$benchmark" in tpch | tpcds) ;; *) die "$usage" ;; esac
[ -e "$folder/workload.sql" ] && exit 0
python3 -m venv --help >/dev/null 2>&1 || apt_install python3-venv || die "python3 with venv is missing"
mkdir -p "$folder"
# The server reads the data, as a user of its own.
chmod 755 "$folder"
[ -x "$folder/venv/bin/python" ] || python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet duckdb==1.1.3
"$folder/venv/bin/python" benches/data/tpc/generate.py "$benchmark" "$folder" "$scale"
[ ! -e "benches/data/$benchmark/peer_sets.json" ] || cp "benches/data/$benchmark/peer_sets.json" "$folder/"
