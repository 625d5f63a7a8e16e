//! Which statements are rewritten, and which forms are offered.

use async_trait::async_trait;
use pgverse_core::traits::{Agent, Probe};
use pgverse_core::types::{Brief, Candidate, Change, Operation, Plan, Statement, StatementKind};
use pgverse_core::{Context, Result};

use super::case::{Case, Rewrite};
use super::rules;
use crate::shared::sql::{Facts, Proven, placeholders, plans, prove};

/// Most candidates that are offered.
const MOST: usize = 8;

/// Most candidates for one statement.
const MOST_PER_STATEMENT: usize = 4;

/// Smallest share of the workload's time for which a statement is worth a candidate.
const SMALLEST_SHARE: f64 = 0.001;

/// Proposes other texts for statements; see the module documentation for its rules.
#[derive(Debug, Default, Clone, Copy)]
pub struct QueryAgent;

impl QueryAgent {
    /// The agent.
    pub fn new() -> Self {
        Self
    }
}

#[async_trait]
impl Agent for QueryAgent {
    fn name(&self) -> &str {
        "query"
    }

    async fn propose(&self, cx: &Context, probe: &dyn Probe, brief: &Brief) -> Result<Vec<Candidate>> {
        let mut proven = Vec::new();
        for (statement, time) in costliest(brief) {
            cx.check()?;
            if let Some(tree) = prove(cx, probe, statement).await? {
                proven.push((statement, time, tree));
            }
        }
        let facts =
            Facts::load(cx, probe, &brief.catalog, proven.iter().map(|(.., tree)| &tree.query)).await?;
        let mut offers: Vec<Vec<Candidate>> = Vec::new();
        for (statement, time, tree) in &proven {
            cx.check()?;
            offers.push(candidates(cx, probe, brief, &facts, statement, *time, tree).await?);
        }
        Ok(in_turn(&offers).take(MOST).collect())
    }
}

/// Read statements with their share of the workload's time, the largest first.
fn costliest(brief: &Brief) -> Vec<(&Statement, f64)> {
    let time = |statement: &Statement| -> f64 {
        let sets = statement.parameter_sets.iter().filter_map(|set| {
            let plan = brief.plans_of(&statement.id).find(|p| p.parameter_set == set.id)?;
            // Without an execution the planner's cost must do; it is at least of the same order for all.
            Some(statement.weight_of(set) * plan.plan.execution_ms.unwrap_or(plan.plan.root.total_cost))
        });
        sets.sum()
    };
    let mut all: Vec<(&Statement, f64)> =
        brief.workload.of_kind(StatementKind::Read).map(|s| (s, time(s))).collect();
    let total: f64 = all.iter().map(|(_, t)| t).sum();
    for (_, time) in &mut all {
        *time /= total.max(f64::MIN_POSITIVE);
    }
    all.retain(|(_, share)| *share >= SMALLEST_SHARE);
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    all
}

/// The candidates for one statement, best guess first: each form with the indexes it wants, then alone.
async fn candidates(
    cx: &Context,
    probe: &dyn Probe,
    brief: &Brief,
    facts: &Facts<'_>,
    statement: &Statement,
    share: f64,
    tree: &Proven,
) -> Result<Vec<Candidate>> {
    if !facts.understands(&tree.query) {
        return Ok(Vec::new());
    }
    let executed = brief.plans_of(&statement.id).map(|p| &p.plan).find(|p| p.execution_ms.is_some());
    let case = Case { facts, query: &tree.query, executed };
    let mut found: Vec<Vec<Candidate>> = Vec::new();
    for rewrite in rules::ALL.iter().flat_map(|rule| rule(&case)) {
        // A parameter that is gone, or new, would change how the application binds.
        if placeholders(&rewrite.query) != placeholders(&tree.query) {
            continue;
        }
        let sql = rewrite.query.to_string();
        let Some(new) = plans(cx, probe, statement, &sql).await? else { continue };
        let same = new.iter().zip(&tree.plans).all(|(a, b)| a.shape() == b.shape());
        if same {
            tracing::debug!(statement = %statement.id, rule = rewrite.rule, "dropped: the plan stays the same");
            continue;
        }
        let ratio = cost_ratio(brief, statement, &tree.plans, &new);
        found.push(variants(statement, share, &rewrite, &sql, ratio));
    }
    Ok(in_turn(&found).take(MOST_PER_STATEMENT).collect())
}

fn variants(
    statement: &Statement,
    share: f64,
    rewrite: &Rewrite,
    sql: &str,
    ratio: Option<f64>,
) -> Vec<Candidate> {
    let text = Operation::RewriteStatement {
        statement: statement.id.clone(),
        sql: sql.to_owned(),
        rule: rewrite.rule.to_owned(),
    };
    let rationale = format!(
        "{} takes {:.0} % of the reads' time. Rule {}: the answer stays the same because {}.",
        statement.id,
        share * 100.0,
        rewrite.rule,
        rewrite.because
    );
    let mut all = Vec::new();
    if !rewrite.indexes.is_empty() {
        let indexes: Vec<String> = rewrite.indexes.iter().map(|i| i.describe()).collect();
        let mut operations: Vec<Operation> = rewrite.indexes.iter().map(|i| i.operation()).collect();
        operations.push(text.clone());
        all.push(
            Candidate::new(
                format!("{}: {}, with an index on {}", statement.id, rewrite.title, indexes.join(" and ")),
                Change { operations },
            )
            .because(format!("{rationale} The new form can use an index that does not exist yet."))
            .helping([statement.id.clone()]),
        );
    }
    let mut alone = Candidate::new(format!("{}: {}", statement.id, rewrite.title), Change::of(text))
        .because(rationale)
        .helping([statement.id.clone()]);
    alone.predicted = ratio;
    all.push(alone);
    all
}

/// The planner's cost of the whole workload with the new text over that with the old one.
fn cost_ratio(brief: &Brief, statement: &Statement, old: &[Plan], new: &[Plan]) -> Option<f64> {
    let cost = |plans: &[Plan]| -> f64 {
        let sets = statement.parameter_sets.iter().zip(plans);
        sets.map(|(set, plan)| statement.weight_of(set) * plan.root.total_cost).sum()
    };
    let all = brief.workload.statements.iter().flat_map(|s| s.parameter_sets.iter().map(move |set| (s, set)));
    let total: f64 = all
        .filter_map(|(s, set)| {
            let plan = brief.plans_of(&s.id).find(|p| p.parameter_set == set.id)?;
            Some(s.weight_of(set) * plan.plan.root.total_cost)
        })
        .sum();
    (total > 0.0).then(|| (total - cost(old) + cost(new)).max(0.0) / total)
}

/// The first of each, then the second of each, and so on, so that none crowds out the others.
fn in_turn(offers: &[Vec<Candidate>]) -> impl Iterator<Item = Candidate> {
    let deepest = offers.iter().map(Vec::len).max().unwrap_or(0);
    (0..deepest).flat_map(|turn| offers.iter().filter_map(move |offer| offer.get(turn))).cloned()
}
