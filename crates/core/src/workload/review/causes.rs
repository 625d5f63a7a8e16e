//! Why a plan takes its time, in the order of the time that each cause takes.

use serde::Serialize;

use super::error_of;
use crate::types::{Plan, PlanNode};

/// A cause and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What takes the time.
    pub cause: String,
    /// What to try.
    pub next: String,
}

impl Finding {
    pub(super) fn new(cause: impl Into<String>, next: impl Into<String>) -> Self {
        Self { cause: cause.into(), next: next.into() }
    }
}

/// What stands out in an executed plan.
pub fn findings(plan: &Plan) -> Vec<Finding> {
    let mut found: Vec<(f64, Finding)> = Vec::new();
    for node in plan.nodes() {
        let loops = node.actual_loops.unwrap_or(1.0);
        let time = node.actual_total_ms.unwrap_or_default() * loops;
        found.extend(of_node(node, loops).map(|finding| (time, finding)));
        if let Some(error) = error_of(node).filter(|error| *error >= 10.0) {
            let what = node.relation_name.as_deref().unwrap_or(&node.node_type);
            let next = "ANALYZE, a larger statistics target, or CREATE STATISTICS over the columns that are compared together";
            found.push((
                time / 10.0,
                Finding::new(
                    format!("the number of rows of {what} is estimated wrong by {error:.0} times"),
                    next,
                ),
            ));
        }
    }
    if let Some(jit) = plan.jit.as_ref().and_then(|jit| jit.timing.as_ref())
        && jit.total_ms > 0.3 * plan.execution_ms.unwrap_or(f64::INFINITY)
    {
        found.push((
            jit.total_ms,
            Finding::new(
                format!("just-in-time compilation takes {:.0} ms", jit.total_ms),
                "SET jit = off for it, or raise jit_above_cost",
            ),
        ));
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.into_iter().map(|(_, finding)| finding).collect()
}

fn of_node(node: &PlanNode, loops: f64) -> Option<Finding> {
    let rows = node.actual_rows.unwrap_or_default();
    let what = node.relation_name.as_deref().unwrap_or("a subquery");
    let condition = node.filter.as_deref().or(node.join_filter.as_deref()).unwrap_or_default();
    let removed = node.rows_removed_by_filter;
    match node.node_type.as_str() {
        "Seq Scan" if removed > 10.0 * rows.max(1.0) && removed >= 100.0 => Some(Finding::new(
            format!(
                "all of {what} is read and {removed:.0} rows are thrown away for {rows:.0} by {condition}, {loops:.0} times"
            ),
            "an index on what the filter compares",
        )),
        "Index Scan" | "Bitmap Heap Scan" if removed > 10.0 * rows.max(1.0) && removed >= 100.0 => {
            Some(Finding::new(
                format!("the index finds {removed:.0} rows of {what} too many, thrown away by {condition}"),
                "an index that has the filtered column as a key too",
            ))
        }
        "Sort" if node.temp_written_blocks > 0.0 => Some(Finding::new(
            "a sort does not fit into work_mem and goes through temporary files",
            "more work_mem, or an index in the order of the sort",
        )),
        "Hash" | "Aggregate" if node.temp_written_blocks > 0.0 => Some(Finding::new(
            "a hash table does not fit into work_mem and goes through temporary files",
            "more work_mem, or fewer rows before it",
        )),
        "Subquery Scan" | "Aggregate" if loops > 1000.0 => Some(Finding::new(
            format!("a subquery is evaluated {loops:.0} times"),
            "a join or a grouped subquery instead of it",
        )),
        "Index Only Scan" if node.heap_fetches.unwrap_or_default() > 0.5 * rows.max(1.0) && rows >= 100.0 => {
            Some(Finding::new(
                format!("an index-only scan visits the table {what} anyway"),
                "VACUUM it more often",
            ))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_read_for_few_rows_and_a_wrong_estimate_are_told() {
        let plan: Plan = serde_json::from_value(serde_json::json!({"Plan": {
            "Node Type": "Seq Scan", "Relation Name": "users", "Plan Rows": 500, "Actual Rows": 1, "Actual Loops": 1,
            "Actual Total Time": 20.0, "Filter": "(email = 'a')", "Rows Removed by Filter": 99999}}))
        .unwrap();
        let told: Vec<String> = findings(&plan).into_iter().map(|f| f.cause).collect();
        assert_eq!(told.len(), 2);
        assert!(told[0].starts_with("all of users is read and 99999 rows are thrown away for 1"));
        assert!(told[1].contains("wrong by 500 times"));
    }
}
