"""Writes TPC-H into a folder: a CSV for each table, schema.sql that loads them, workload.sql with the queries."""

import os
import sys

import duckdb

KEYS = {
    "region": ["r_regionkey"],
    "nation": ["n_nationkey"],
    "supplier": ["s_suppkey"],
    "customer": ["c_custkey"],
    "part": ["p_partkey"],
    "partsupp": ["ps_partkey", "ps_suppkey"],
    "orders": ["o_orderkey"],
    "lineitem": ["l_orderkey", "l_linenumber"],
}
REFERENCES = [
    ("nation", "n_regionkey", "region"),
    ("supplier", "s_nationkey", "nation"),
    ("customer", "c_nationkey", "nation"),
    ("partsupp", "ps_partkey", "part"),
    ("partsupp", "ps_suppkey", "supplier"),
    ("orders", "o_custkey", "customer"),
    ("lineitem", "l_orderkey", "orders"),
    ("lineitem", "l_partkey, l_suppkey", "partsupp"),
]


def main(folder: str, scale: str) -> None:
    data = duckdb.connect()
    data.execute(f"CALL dbgen(sf = {float(scale)})")
    schema = ["SET client_min_messages = warning;"]
    for table, key in KEYS.items():
        file = os.path.join(os.path.abspath(folder), f"{table}.csv")
        data.execute(f"COPY {table} TO '{file}' (HEADER false)")
        os.chmod(file, 0o644)
        columns = data.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index", [table]
        ).fetchall()
        lines = [f"  {name} {kind} NOT NULL" for name, kind in columns]
        lines.append(f"  PRIMARY KEY ({', '.join(key)})")
        schema.append(f"CREATE TABLE {table} (\n" + ",\n".join(lines) + "\n);")
        schema.append(f"COPY {table} FROM '{file}' (FORMAT csv);")
    for table, columns, target in REFERENCES:
        schema.append(f"ALTER TABLE {table} ADD FOREIGN KEY ({columns}) REFERENCES {target};")
    schema.append("VACUUM (FREEZE, ANALYZE);")
    with open(os.path.join(folder, "schema.sql"), "w") as out:
        out.write("\n".join(schema) + "\n")
    queries = data.execute("SELECT query_nr, query FROM tpch_queries() ORDER BY query_nr").fetchall()
    with open(os.path.join(folder, "workload.sql"), "w") as out:
        for number, query in queries:
            out.write(f"-- name: h{number:02}\n{query.strip()}\n\n")


main(*sys.argv[1:])
