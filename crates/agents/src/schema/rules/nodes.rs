//! Plan nodes whose estimate can be held against what happened.

use pgverse_core::types::{Plan, PlanNode};

/// A node of an executed plan with its ancestors, outermost first.
pub(super) struct Visit<'a, 'p> {
    pub node: &'a PlanNode,
    pub above: &'p [&'a PlanNode],
}

/// Calls `f` for each node that ran.
pub(super) fn each<'a>(plan: &'a Plan, f: &mut impl FnMut(&Visit<'a, '_>)) {
    walk(&plan.root, &mut Vec::new(), f);
}

fn walk<'a>(node: &'a PlanNode, above: &mut Vec<&'a PlanNode>, f: &mut impl FnMut(&Visit<'a, '_>)) {
    f(&Visit { node, above });
    above.push(node);
    for child in &node.plans {
        walk(child, above, f);
    }
    above.pop();
}

impl Visit<'_, '_> {
    /// Rows estimated and rows counted for one loop, at least one each; none if the node may have been
    /// stopped early or never ran, because then the count says nothing.
    pub(super) fn rows(&self) -> Option<(f64, f64)> {
        if self.node.actual_loops.unwrap_or(0.0) < 1.0 || self.may_stop_early() {
            return None;
        }
        Some((self.node.plan_rows.max(1.0), self.node.actual_rows?.max(1.0)))
    }

    /// Whether something above may not want all rows: a limit without a sort in between, a merge join, the
    /// inner side of a semi-join, a sub-plan that only asks whether there are any.
    fn may_stop_early(&self) -> bool {
        let mut below = self.node;
        for parent in self.above.iter().rev() {
            let blocks = matches!(parent.node_type.as_str(), "Sort" | "Hash" | "Aggregate" | "HashAggregate")
                && parent.strategy.as_deref() != Some("Sorted");
            let semi =
                matches!(parent.join_type.as_deref(), Some("Semi" | "Anti" | "Right Semi" | "Right Anti"));
            let inner = below.parent_relationship.as_deref() == Some("Inner");
            let subplan = below.parent_relationship.as_deref() == Some("SubPlan");
            if blocks {
                return false;
            }
            if parent.node_type == "Limit" || parent.node_type == "Merge Join" || (semi && inner) || subplan {
                return true;
            }
            below = parent;
        }
        false
    }
}

/// q-error (Moerkotte et al., "Preventing Bad Plans by Bounding the Impact of Cardinality Estimation Errors",
/// VLDB 2009): by which factor an estimate is off, whichever way.
pub(super) fn q_error(estimated: f64, actual: f64) -> f64 {
    (estimated / actual).max(actual / estimated)
}

/// Errors below this are normal.
pub(super) const LARGEST_NORMAL_ERROR: f64 = 4.0;

/// Rows below which an error changes no plan.
pub(super) const FEW_ROWS: f64 = 50.0;

/// Whether an estimate is wrong enough to mislead.
pub(super) fn is_wrong(estimated: f64, actual: f64) -> bool {
    q_error(estimated, actual) >= LARGEST_NORMAL_ERROR && estimated.max(actual) >= FEW_ROWS
}

/// How much of a statement's time an error may concern: half of it at ten times, all of it at hundred times.
pub(super) fn gravity(error: f64) -> f64 {
    (error.log10() / 2.0).clamp(0.0, 1.0)
}
