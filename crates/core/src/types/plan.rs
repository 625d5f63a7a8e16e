//! EXPLAIN (FORMAT JSON), typed where we read it and lossless where we do not.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// One plan as the server printed it (PostgreSQL manual, "EXPLAIN").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Plan {
    /// Top node.
    #[serde(rename = "Plan")]
    pub root: PlanNode,
    /// Milliseconds; only with ANALYZE or SUMMARY.
    #[serde(rename = "Planning Time", default, skip_serializing_if = "Option::is_none")]
    pub planning_ms: Option<f64>,
    /// Milliseconds; only with ANALYZE.
    #[serde(rename = "Execution Time", default, skip_serializing_if = "Option::is_none")]
    pub execution_ms: Option<f64>,
    /// Just-in-time compilation; only if the server compiled something.
    #[serde(rename = "JIT", default, skip_serializing_if = "Option::is_none")]
    pub jit: Option<Jit>,
}

/// What just-in-time compilation did for one execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Jit {
    /// Functions compiled.
    #[serde(rename = "Functions", default)]
    pub functions: f64,
    /// Where its time went; only with ANALYZE.
    #[serde(rename = "Timing", default, skip_serializing_if = "Option::is_none")]
    pub timing: Option<JitTiming>,
}

/// Time spent on just-in-time compilation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct JitTiming {
    /// Milliseconds of generating, inlining, optimizing and emitting, over all processes.
    #[serde(rename = "Total", default)]
    pub total_ms: f64,
}

/// One node; lists are empty and numbers zero where the server printed nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)] // Each field is the property of the same name in the server's own documentation.
pub struct PlanNode {
    #[serde(rename = "Node Type")]
    pub node_type: String,
    #[serde(rename = "Parent Relationship", default, skip_serializing_if = "Option::is_none")]
    pub parent_relationship: Option<String>,
    #[serde(rename = "Subplan Name", default, skip_serializing_if = "Option::is_none")]
    pub subplan_name: Option<String>,
    #[serde(rename = "CTE Name", default, skip_serializing_if = "Option::is_none")]
    pub cte_name: Option<String>,
    #[serde(rename = "Join Type", default, skip_serializing_if = "Option::is_none")]
    pub join_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    #[serde(rename = "Scan Direction", default, skip_serializing_if = "Option::is_none")]
    pub scan_direction: Option<String>,
    #[serde(rename = "Index Name", default, skip_serializing_if = "Option::is_none")]
    pub index_name: Option<String>,
    #[serde(rename = "Relation Name", default, skip_serializing_if = "Option::is_none")]
    pub relation_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    #[serde(rename = "Startup Cost", default)]
    pub startup_cost: f64,
    #[serde(rename = "Total Cost", default)]
    pub total_cost: f64,
    #[serde(rename = "Plan Rows", default)]
    pub plan_rows: f64,
    #[serde(rename = "Plan Width", default)]
    pub plan_width: f64,
    #[serde(rename = "Actual Rows", default, skip_serializing_if = "Option::is_none")]
    pub actual_rows: Option<f64>,
    #[serde(rename = "Actual Loops", default, skip_serializing_if = "Option::is_none")]
    pub actual_loops: Option<f64>,
    #[serde(rename = "Actual Total Time", default, skip_serializing_if = "Option::is_none")]
    pub actual_total_ms: Option<f64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub output: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    #[serde(rename = "Rows Removed by Filter", default)]
    pub rows_removed_by_filter: f64,
    #[serde(rename = "Index Cond", default, skip_serializing_if = "Option::is_none")]
    pub index_cond: Option<String>,
    #[serde(rename = "Recheck Cond", default, skip_serializing_if = "Option::is_none")]
    pub recheck_cond: Option<String>,
    #[serde(rename = "Hash Cond", default, skip_serializing_if = "Option::is_none")]
    pub hash_cond: Option<String>,
    #[serde(rename = "Merge Cond", default, skip_serializing_if = "Option::is_none")]
    pub merge_cond: Option<String>,
    #[serde(rename = "Join Filter", default, skip_serializing_if = "Option::is_none")]
    pub join_filter: Option<String>,
    #[serde(rename = "Sort Key", default, skip_serializing_if = "Vec::is_empty")]
    pub sort_key: Vec<String>,
    #[serde(rename = "Presorted Key", default, skip_serializing_if = "Vec::is_empty")]
    pub presorted_key: Vec<String>,
    #[serde(rename = "Group Key", default, skip_serializing_if = "Vec::is_empty")]
    pub group_key: Vec<String>,
    #[serde(rename = "Sort Method", default, skip_serializing_if = "Option::is_none")]
    pub sort_method: Option<String>,
    #[serde(rename = "Heap Fetches", default, skip_serializing_if = "Option::is_none")]
    pub heap_fetches: Option<f64>,
    #[serde(rename = "Shared Hit Blocks", default)]
    pub shared_hit_blocks: f64,
    #[serde(rename = "Shared Read Blocks", default)]
    pub shared_read_blocks: f64,
    #[serde(rename = "Temp Read Blocks", default)]
    pub temp_read_blocks: f64,
    #[serde(rename = "Temp Written Blocks", default)]
    pub temp_written_blocks: f64,
    /// Only with the option WAL.
    #[serde(rename = "WAL Bytes", default)]
    pub wal_bytes: f64,
    /// Images of whole pages in the log, which the first change of a page after a checkpoint writes; only with the
    /// option WAL.
    #[serde(rename = "WAL FPI", default)]
    pub wal_full_pages: f64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plans: Vec<PlanNode>,
    /// Properties that we do not read.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

impl Plan {
    /// All nodes, parents first.
    pub fn nodes(&self) -> Vec<&PlanNode> {
        let mut nodes = vec![&self.root];
        let mut next = 0;
        while let Some(node) = nodes.get(next).copied() {
            nodes.extend(&node.plans);
            next += 1;
        }
        nodes
    }

    /// The plan without numbers: two executions with equal shape do the same work. Constants in conditions
    /// count, since they decide how many rows are touched.
    pub fn shape(&self) -> String {
        let mut text = String::new();
        self.root.shape(0, &mut text);
        text
    }

    /// Whether some node scans this index.
    pub fn uses_index(&self, name: &str) -> bool {
        self.nodes().iter().any(|n| n.index_name.as_deref() == Some(name))
    }

    /// The node that deletes rows of this table, if there is one.
    pub fn deletion_from(&self, schema: &str, table: &str) -> Option<&PlanNode> {
        self.nodes().into_iter().find(|n| {
            n.node_type == "ModifyTable"
                && n.operation.as_deref() == Some("Delete")
                && n.relation_name.as_deref() == Some(table)
                && n.schema.as_deref().is_none_or(|s| s == schema)
        })
    }

    /// Whether some node touches this relation.
    pub fn uses_relation(&self, schema: &str, name: &str) -> bool {
        self.nodes().iter().any(|n| {
            n.relation_name.as_deref() == Some(name) && n.schema.as_deref().is_none_or(|s| s == schema)
        })
    }
}

impl PlanNode {
    fn shape(&self, depth: usize, text: &mut String) {
        let _ = write!(text, "{:depth$}{}", "", self.node_type);
        for part in [
            &self.parent_relationship,
            &self.subplan_name,
            &self.cte_name,
            &self.join_type,
            &self.strategy,
            &self.operation,
            &self.scan_direction,
            &self.index_name,
            &self.schema,
            &self.relation_name,
            &self.alias,
            &self.index_cond,
            &self.recheck_cond,
            &self.hash_cond,
            &self.merge_cond,
            &self.join_filter,
            &self.filter,
        ] {
            let _ = write!(text, "|{}", part.as_deref().unwrap_or(""));
        }
        let _ = writeln!(text, "|{:?}|{:?}|{:?}", self.sort_key, self.presorted_key, self.group_key);
        for child in &self.plans {
            child.shape(depth + 1, text);
        }
    }
}
