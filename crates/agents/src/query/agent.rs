//! Which statements are rewritten, and which forms are offered.

use async_trait::async_trait;
use pgverse_core::traits::{Agent, Probe};
use pgverse_core::types::{Brief, Candidate, Change, Statement, StatementKind};
use pgverse_core::{Context, Result};

use super::choose::{Chosen, choose};
use super::form::{Form, forms};
use crate::shared::offers::in_turn;
use crate::shared::sql::{Facts, prove};

/// Most candidates that are offered where nothing could be tried out.
const MOST_UNTRIED: usize = 8;

/// Most candidates for one statement of which nothing could be tried out.
const MOST_PER_STATEMENT: usize = 4;

/// Most candidates that are offered.
const MOST: usize = 12;

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
        let mut statements: Vec<Vec<Form<'_>>> = Vec::new();
        for (statement, time, tree) in &proven {
            cx.check()?;
            statements.push(forms(cx, probe, brief, &facts, statement, *time, tree).await?);
        }
        let Some(bench) = probe.workbench() else { return Ok(untried(&statements)) };
        let choice = choose(cx, bench, brief, statements).await?;
        let mut helpers = choice.helpers;
        helpers.truncate(MOST / 2);
        let storage = brief.problem.limits.max_storage_bytes;
        let mut candidates = gathered(choice.faster, MOST - helpers.len(), storage);
        candidates.extend(helpers);
        candidates.extend(untried(&choice.untried));
        candidates.extend(choice.others.into_iter().map(|one| one.candidate));
        candidates.truncate(MOST);
        Ok(candidates)
    }
}

/// No more than so many: those that save least are one candidate together, each having been tried out by itself, as far as
/// their indexes keep the bound of storage.
fn gathered(mut faster: Vec<Chosen>, most: usize, storage: Option<u64>) -> Vec<Candidate> {
    let alone = if faster.len() > most { most - 1 } else { faster.len() };
    let mut rest = faster.split_off(alone);
    let mut candidates: Vec<Candidate> = faster.into_iter().map(|one| one.candidate).collect();
    let mut bytes = 0;
    rest.retain(|one| {
        let fits = storage.is_none_or(|most| bytes + one.bytes <= most);
        bytes += if fits { one.bytes } else { 0 };
        fits
    });
    if !rest.is_empty() {
        let rest: Vec<Candidate> = rest.into_iter().map(|one| one.candidate).collect();
        let change = rest.iter().fold(Change::default(), |all, one| all.union(&one.change));
        let titles: Vec<&str> = rest.iter().map(|one| one.title.as_str()).collect();
        let rationales: Vec<&str> = rest.iter().map(|one| one.rationale.as_str()).collect();
        candidates.push(
            Candidate::new(format!("{} more together: {}", rest.len(), titles.join("; ")), change)
                .because(rationales.join("\n"))
                .helping(rest.iter().flat_map(|one| one.statements.clone())),
        );
    }
    candidates
}

/// The forms of statements that were not run: each with the indexes that it wants, then alone.
fn untried(statements: &[Vec<Form<'_>>]) -> Vec<Candidate> {
    let both = |form: &Form<'_>| form.variants().map(|with| form.candidate(with, None)).collect();
    let of_one = |forms: &Vec<Form<'_>>| -> Vec<Candidate> {
        let offers: Vec<Vec<Candidate>> = forms.iter().map(both).collect();
        in_turn(&offers).take(MOST_PER_STATEMENT).collect()
    };
    let offers: Vec<Vec<Candidate>> = statements.iter().map(of_one).collect();
    in_turn(&offers).take(MOST_UNTRIED).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::sql::IndexWish;

    #[test]
    fn what_saves_least_is_offered_together() {
        let catalog = crate::shared::sql::testing::shop();
        let users = catalog.table("public", "users").unwrap();
        let one = |number: usize| {
            let statement = Statement {
                id: format!("s{number}").into(),
                sql: "SELECT 1".to_owned(),
                fingerprint: "q".to_owned(),
                kind: StatementKind::Read,
                parameter_sets: Vec::new(),
                weight: 1.0,
            };
            let index = IndexWish::on(users, ["email"], []).unwrap();
            Chosen::made_up(Form::made_up(&statement, "SELECT 2", vec![index]).candidate(true, None), 100)
        };
        let within = |number: usize, storage| gathered((0..number).map(one).collect(), MOST, storage);
        let all = |number: usize| within(number, None);
        assert_eq!(all(MOST).len(), MOST);
        assert!(all(MOST).iter().all(|c| c.statements.len() == 1));
        let offered = all(MOST + 2);
        assert_eq!(offered.len(), MOST);
        let last = &offered[MOST - 1];
        // Three texts, and the index that all of them want.
        assert_eq!((last.statements.len(), last.change.operations.len()), (3, 4));
        assert!(last.title.starts_with("3 more together: s11: SELECT 2"), "{}", last.title);
        let bounded = within(MOST + 2, Some(250));
        assert_eq!(bounded[MOST - 1].statements.len(), 2);
    }
}
