//! Plans of reads that did not end, completed with the planner's own figures: nothing was measured in them, and what their
//! inner nodes cost only shows once it is told how often they are started.

use std::borrow::Cow;

use pgverse_core::types::{Brief, Catalog, PlanNode};

use super::access::is_subplan;

/// The brief with such plans completed.
pub(super) fn completed(brief: &Brief) -> Cow<'_, Brief> {
    if !brief.plans.iter().any(|plan| plan.cut_off) {
        return Cow::Borrowed(brief);
    }
    let mut brief = brief.clone();
    for unfinished in brief.plans.iter_mut().filter(|plan| plan.cut_off) {
        let root = &mut unfinished.plan.root;
        // Milliseconds for a unit of cost, at the least.
        let rate = unfinished.plan.execution_ms.unwrap_or_default() / root.total_cost.max(f64::MIN_POSITIVE);
        complete(root, 1.0, rate, &brief.catalog);
    }
    Cow::Owned(brief)
}

/// Enters rows, loops and milliseconds of a node that is started so often, and of those below it.
fn complete(node: &mut PlanNode, loops: f64, rate: f64, catalog: &Catalog) {
    node.actual_loops = Some(loops);
    node.actual_rows = Some(node.plan_rows);
    node.actual_total_ms = Some(node.total_cost * rate);
    if node.node_type == "Seq Scan" && node.filter.is_some() {
        let table = match (&node.schema, &node.relation_name) {
            (Some(schema), Some(name)) => catalog.table(schema, name),
            _ => None,
        };
        node.rows_removed_by_filter = table.map_or(0.0, |t| (t.rows - node.plan_rows).max(0.0));
    }
    let starts: Vec<f64> = (0..node.plans.len()).map(|at| starts(node, at)).collect();
    for (child, starts) in node.plans.iter_mut().zip(starts) {
        complete(child, loops * starts, rate, catalog);
    }
}

/// How often a node starts this child, by the planner's estimate.
fn starts(node: &PlanNode, at: usize) -> f64 {
    let child = &node.plans[at];
    let is = |n: &PlanNode, relationship: &str| n.parent_relationship.as_deref() == Some(relationship);
    let cost = |wanted: &dyn Fn(&PlanNode) -> bool| -> f64 {
        node.plans.iter().filter(|n| wanted(n)).map(|n| n.total_cost).sum()
    };
    if is(child, "SubPlan") {
        // The cost of a node holds that of its sub-plan as often as it is expected to run, which is printed nowhere.
        let others = cost(&|n| !is_subplan(n));
        let once = cost(&|n| is(n, "SubPlan")).max(f64::MIN_POSITIVE);
        return ((node.total_cost - others) / once).max(1.0);
    }
    if node.node_type == "Nested Loop" && is(child, "Inner") && child.node_type != "Materialize" {
        let outer = node.plans.iter().find(|n| is(n, "Outer"));
        return outer.map_or(1.0, |n| n.plan_rows.max(1.0));
    }
    1.0
}

#[cfg(test)]
mod tests {
    use pgverse_core::types::{Plan, Table};
    use serde_json::json;

    use super::*;
    use crate::shared::sql::testing::shop;

    fn node(value: serde_json::Value) -> PlanNode {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_correlated_sub_plan_is_started_as_often_as_its_parent_costs() {
        let catalog = shop();
        let users: &Table = catalog.table("public", "users").unwrap();
        let scan = json!({"Node Type": "Seq Scan", "Schema": "public", "Relation Name": "users", "Parent Relationship": "Outer",
            "Filter": "(users.id = o.user_id)", "Total Cost": 100.0, "Plan Rows": 1.0});
        let sub = json!({"Node Type": "Aggregate", "Parent Relationship": "SubPlan", "Total Cost": 100.0, "Plan Rows": 1.0,
            "Plans": [scan]});
        let outer = json!({"Node Type": "Seq Scan", "Parent Relationship": "Outer", "Total Cost": 50.0, "Plan Rows": 500.0});
        let mut root = node(
            json!({"Node Type": "Hash Join", "Total Cost": 50_050.0, "Plan Rows": 10.0, "Plans": [outer, sub]}),
        );
        complete(&mut root, 1.0, 2.0, &catalog);
        let scan = &root.plans[1].plans[0];
        assert_eq!((scan.actual_loops, scan.actual_total_ms), (Some(500.0), Some(200.0)));
        assert_eq!(scan.rows_removed_by_filter, users.rows - 1.0);
        assert_eq!(root.plans[0].actual_loops, Some(1.0));
    }

    #[test]
    fn an_inner_side_is_started_for_each_outer_row_unless_it_is_kept() {
        let side = |kind: &str, side: &str| json!({"Node Type": kind, "Parent Relationship": side, "Total Cost": 1.0, "Plan Rows": 30.0});
        for (kind, loops) in [("Index Scan", 30.0), ("Materialize", 1.0)] {
            let mut root = node(json!({"Node Type": "Nested Loop", "Total Cost": 9.0,
                "Plans": [side("Seq Scan", "Outer"), side(kind, "Inner")]}));
            complete(&mut root, 1.0, 1.0, &Catalog::default());
            assert_eq!(root.plans[1].actual_loops, Some(loops), "{kind}");
        }
    }

    #[test]
    fn what_was_measured_stays() {
        let plan: Plan = serde_json::from_value(
            json!({"Plan": {"Node Type": "Result", "Total Cost": 1.0}, "Execution Time": 7.0}),
        )
        .unwrap();
        let mut brief = Brief {
            problem: Default::default(),
            workload: Default::default(),
            catalog: Catalog::default(),
            plans: vec![pgverse_core::types::StatementPlan {
                statement: "s".into(),
                parameter_set: "none".into(),
                plan,
                cut_off: false,
            }],
        };
        assert!(matches!(completed(&brief), Cow::Borrowed(_)));
        brief.plans[0].cut_off = true;
        assert_eq!(completed(&brief).plans[0].plan.root.actual_total_ms, Some(7.0));
    }
}
