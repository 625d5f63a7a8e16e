//! From plans and catalog to advice; pure functions of what was read.

mod analyze;
mod costs;
mod estimates;
mod groups;
mod memory;
mod nodes;

use pgverse_core::types::{Brief, Candidate, Change, Operation, StatementId, StatementPlan};

/// Something worth trying.
#[derive(Debug, Clone)]
pub(super) struct Advice {
    title: String,
    operation: Operation,
    reasons: Vec<String>,
    statements: Vec<StatementId>,
    /// Weighted milliseconds that it concerns; for the order only.
    concerns: f64,
    predicted: Option<f64>,
}

impl Advice {
    /// The candidate.
    pub(super) fn into_candidate(self) -> Candidate {
        let mut candidate = Candidate::new(self.title, Change::of(self.operation))
            .because(self.reasons.join("\n"))
            .helping(self.statements);
        candidate.predicted = self.predicted;
        candidate
    }
}

/// All advice for a brief, what concerns most time first.
pub(super) fn advice(brief: &Brief) -> Vec<Advice> {
    let mut names = crate::shared::names::Names::of(&brief.catalog);
    let mut advice = analyze::advice(brief);
    // Statistics objects on tables without any statistics would answer the wrong question.
    let stale: Vec<Operation> = advice.iter().map(|a| a.operation.clone()).collect();
    let fresh = |schema: &str, table: &str| {
        !stale.iter().any(
            |o| matches!(o, Operation::Analyze { schema: s, table: t } if (s.as_str(), t.as_str()) == (schema, table)),
        )
    };
    advice.extend(estimates::advice(brief, &mut names, &fresh));
    advice.extend(groups::advice(brief, &mut names, &fresh));
    advice.extend(memory::advice(brief));
    advice.extend(costs::advice(brief));
    advice.sort_by(|a, b| b.concerns.total_cmp(&a.concerns));
    advice
}

/// Executed plans with their share of the workload and their milliseconds.
fn executed(brief: &Brief) -> impl Iterator<Item = (&StatementPlan, f64, f64)> {
    brief.plans.iter().filter_map(|plan| {
        let statement = brief.workload.statement(&plan.statement)?;
        let set = statement.parameter_sets.iter().find(|s| s.id == plan.parameter_set)?;
        Some((plan, statement.weight_of(set), plan.plan.execution_ms?))
    })
}

/// Adds a statement once.
fn add(statements: &mut Vec<StatementId>, id: &StatementId) {
    if !statements.contains(id) {
        statements.push(id.clone());
    }
}

#[cfg(test)]
mod tests;
