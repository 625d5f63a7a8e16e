//! Short ways to write briefs in tests.

use pgverse_core::types::Brief;
use serde_json::{Value, json};

/// A column with statistics: distinct values (negative: share of rows), share of NULLs, common values.
pub(crate) fn column(
    name: &str,
    type_name: &str,
    distinct: f64,
    nulls: f64,
    common: &[(&str, f64)],
) -> Value {
    let values: Vec<&str> = common.iter().map(|c| c.0).collect();
    let shares: Vec<f64> = common.iter().map(|c| c.1).collect();
    let width = match type_name {
        "bigint" | "timestamp with time zone" => 8,
        "integer" => 4,
        _ => 12,
    };
    json!({"name": name, "type_name": type_name, "not_null": false, "statistics_target": -1, "collation": null,
           "generated": false, "statistics": {"null_fraction": nulls, "n_distinct": distinct, "correlation": 0.1,
           "average_width": width, "most_common_values": values, "most_common_frequencies": shares}})
}

/// A table of 100 bytes a row without indexes.
pub(crate) fn table(name: &str, rows: f64, columns: Value) -> Value {
    json!({"schema": "public", "name": name, "kind": "table", "rows": rows, "bytes": (rows * 100.0) as u64,
           "columns": columns, "indexes": [], "constraints": [], "statistics": [],
           "activity": {"sequential_scans": 0, "index_scans": 0, "inserted": 0, "updated": 0, "hot_updated": 0,
           "deleted": 0, "live": rows as u64, "dead": 0, "modified_since_analyze": 0, "analyzed": true},
           "partition_of": null})
}

/// A B-tree over plain columns.
pub(crate) fn index(name: &str, columns: &[&str], unique: bool) -> Value {
    let keys: Vec<Value> = columns
        .iter()
        .map(|c| json!({"column": c, "expression": null, "opclass": null, "descending": false, "nulls_first": null}))
        .collect();
    json!({"schema": "public", "name": name, "method": "btree", "unique": unique, "primary": false, "valid": true,
           "replica_identity": false, "keys": keys, "include": [], "predicate": null, "constraint": null,
           "bytes": 8192, "scans": 0, "definition": format!("CREATE INDEX {name} ON public.t USING btree ({})", columns.join(", "))})
}

/// A foreign key of one column.
pub(crate) fn foreign_key(name: &str, column: &str, table: &str) -> Value {
    json!({"name": name, "kind": "foreign_key", "columns": [column], "validated": true, "definition": "",
           "references": {"schema": "public", "table": table, "columns": ["id"]}})
}

/// A sequential scan in one loop; `alias` equals the table in the first form.
pub(crate) fn scan(table: &str, alias: &str, filter: &str, kept: f64, removed: f64, ms: f64) -> Value {
    json!({"Node Type": "Seq Scan", "Relation Name": table, "Schema": "public", "Alias": alias, "Filter": filter,
           "Total Cost": ms * 100.0, "Plan Rows": kept, "Actual Rows": kept, "Actual Loops": 1, "Actual Total Time": ms,
           "Rows Removed by Filter": removed, "Output": [format!("{alias}.id")]})
}

/// A node above others; its time is theirs and `ms` more.
pub(crate) fn above(node: Value, rows: f64, ms: f64, children: Vec<Value>) -> Value {
    let below: f64 = children.iter().filter_map(|c| c["Actual Total Time"].as_f64()).sum();
    let mut node = node;
    node["Actual Rows"] = json!(rows);
    node["Plan Rows"] = json!(rows);
    node["Actual Loops"] = json!(1);
    node["Actual Total Time"] = json!(below + ms);
    node["Total Cost"] = json!((below + ms) * 100.0);
    node["Plans"] = json!(children);
    node
}

/// A brief of tables and reads: id, text, plan.
pub(crate) fn brief(tables: Vec<Value>, reads: Vec<(&str, &str, Value)>) -> Brief {
    let set = json!([{"id": "none", "values": [], "weight": 1.0, "origin": "given"}]);
    let statements: Vec<Value> = reads
        .iter()
        .map(|(id, sql, _)| {
            let kind = if sql.starts_with("SELECT") { "read" } else { "write" };
            json!({"id": id, "sql": sql, "fingerprint": id, "kind": kind, "parameter_sets": set, "weight": 1.0})
        })
        .collect();
    let plans: Vec<Value> = reads
        .into_iter()
        .map(|(id, sql, plan)| {
            let ms = sql.starts_with("SELECT").then(|| plan["Actual Total Time"].clone());
            json!({"statement": id, "parameter_set": "none", "plan": {"Plan": plan, "Execution Time": ms}})
        })
        .collect();
    serde_json::from_value(json!({
        "problem": {}, "workload": {"statements": statements}, "plans": plans,
        "catalog": {"server_version": 150018, "database": "d", "settings": {}, "extensions": [],
                    "available_extensions": [], "search_path": ["public"], "tables": tables}
    }))
    .unwrap()
}
