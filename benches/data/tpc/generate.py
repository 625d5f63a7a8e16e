"""Writes TPC-H or TPC-DS into a folder: a CSV for each table, schema.sql that loads them, workload.sql with the queries."""

import os
import sys

import duckdb

# Primary keys, as the specifications have them.
KEYS = {
    "tpch": {
        "region": "r_regionkey",
        "nation": "n_nationkey",
        "supplier": "s_suppkey",
        "customer": "c_custkey",
        "part": "p_partkey",
        "partsupp": "ps_partkey, ps_suppkey",
        "orders": "o_orderkey",
        "lineitem": "l_orderkey, l_linenumber",
    },
    "tpcds": {
        "call_center": "cc_call_center_sk",
        "catalog_page": "cp_catalog_page_sk",
        "catalog_returns": "cr_item_sk, cr_order_number",
        "catalog_sales": "cs_item_sk, cs_order_number",
        "customer": "c_customer_sk",
        "customer_address": "ca_address_sk",
        "customer_demographics": "cd_demo_sk",
        "date_dim": "d_date_sk",
        "household_demographics": "hd_demo_sk",
        "income_band": "ib_income_band_sk",
        "inventory": "inv_date_sk, inv_item_sk, inv_warehouse_sk",
        "item": "i_item_sk",
        "promotion": "p_promo_sk",
        "reason": "r_reason_sk",
        "ship_mode": "sm_ship_mode_sk",
        "store": "s_store_sk",
        "store_returns": "sr_item_sk, sr_ticket_number",
        "store_sales": "ss_item_sk, ss_ticket_number",
        "time_dim": "t_time_sk",
        "warehouse": "w_warehouse_sk",
        "web_page": "wp_web_page_sk",
        "web_returns": "wr_item_sk, wr_order_number",
        "web_sales": "ws_item_sk, ws_order_number",
        "web_site": "web_site_sk",
    },
}
# Foreign keys of TPC-H, and that all its columns are NOT NULL; TPC-DS asks for neither.
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


def main(benchmark: str, folder: str, scale: str) -> None:
    data = duckdb.connect()
    generator = {"tpch": "dbgen", "tpcds": "dsdgen"}[benchmark]
    data.execute(f"CALL {generator}(sf = {float(scale)})")
    nullable = "" if benchmark == "tpcds" else " NOT NULL"
    schema = ["SET client_min_messages = warning;"]
    for table, key in KEYS[benchmark].items():
        file = os.path.join(os.path.abspath(folder), f"{table}.csv")
        data.execute(f"COPY {table} TO '{file}' (HEADER false)")
        os.chmod(file, 0o644)
        columns = data.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index", [table]
        ).fetchall()
        lines = [f"  {name} {kind}{nullable}" for name, kind in columns]
        lines.append(f"  PRIMARY KEY ({key})")
        schema.append(f"CREATE TABLE {table} (\n" + ",\n".join(lines) + "\n);")
        schema.append(f"COPY {table} FROM '{file}' (FORMAT csv);")
    if benchmark == "tpch":
        for table, columns, target in REFERENCES:
            schema.append(f"ALTER TABLE {table} ADD FOREIGN KEY ({columns}) REFERENCES {target};")
    schema.append("VACUUM (FREEZE, ANALYZE);")
    with open(os.path.join(folder, "schema.sql"), "w") as out:
        out.write("\n".join(schema) + "\n")
    queries = data.execute(f"SELECT query_nr, query FROM {benchmark}_queries() ORDER BY query_nr").fetchall()
    letter = {"tpch": "h", "tpcds": "d"}[benchmark]
    with open(os.path.join(folder, "workload.sql"), "w") as out:
        for number, query in queries:
            out.write(f"-- name: {letter}{number:02}\n{query.strip()}\n\n")


main(*sys.argv[1:])
