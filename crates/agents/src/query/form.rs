//! The forms of a statement: what the rules make of it, one after another.

use std::collections::BTreeSet;

use pgverse_core::traits::Probe;
use pgverse_core::types::{Brief, Candidate, Change, Operation, Plan, Statement};
use pgverse_core::{Context, Result};
use sqlparser::ast::Query;

use super::case::{Case, Rewrite};
use super::rules;
use crate::shared::sql::{Facts, IndexWish, Proven, placeholders, plans};

/// Most forms of one statement that are looked at.
const MOST: usize = 12;

/// Another text for a statement.
#[derive(Debug)]
pub(super) struct Form<'b> {
    pub(super) statement: &'b Statement,
    /// Share of the reads' time.
    share: f64,
    /// The rules that made it.
    rule: String,
    title: String,
    because: String,
    query: Query,
    sql: String,
    indexes: Vec<IndexWish>,
    /// The planner's cost of the workload with it over that without.
    predicted: Option<f64>,
}

#[cfg(test)]
impl<'b> Form<'b> {
    /// A form of this text, without any rule.
    pub(super) fn made_up(statement: &'b Statement, sql: &str, indexes: Vec<IndexWish>) -> Self {
        Self {
            statement,
            share: 1.0,
            rule: "none".to_owned(),
            title: sql.to_owned(),
            because: "it is made up".to_owned(),
            query: crate::shared::sql::query(sql).expect("the text is a query"),
            sql: sql.to_owned(),
            indexes,
            predicted: None,
        }
    }
}

impl Form<'_> {
    /// The new text, with the indexes that it wants or alone.
    pub(super) fn change(&self, with_indexes: bool) -> Change {
        let wished = self.indexes.iter().filter(|_| with_indexes);
        let mut operations: Vec<Operation> = wished.map(IndexWish::operation).collect();
        operations.push(Operation::RewriteStatement {
            statement: self.statement.id.clone(),
            sql: self.sql.clone(),
            rule: self.rule.clone(),
        });
        Change { operations }
    }

    /// With the indexes that it wants, if it wants some, and without.
    pub(super) fn variants(&self) -> impl Iterator<Item = bool> {
        [true, false].into_iter().filter(|with| !with || !self.indexes.is_empty())
    }

    /// What is proposed. `measured`: weighted milliseconds of the statement as it is and in this form, from the workbench.
    pub(super) fn candidate(&self, with_indexes: bool, measured: Option<(f64, f64)>) -> Candidate {
        let mut title = format!("{}: {}", self.statement.id, self.title);
        let mut rationale = format!(
            "{} takes {:.0} % of the reads' time. Rule {}: the answer stays the same because {}.",
            self.statement.id,
            self.share * 100.0,
            self.rule,
            self.because
        );
        if with_indexes {
            let indexes: Vec<String> = self.indexes.iter().map(IndexWish::describe).collect();
            title.push_str(&format!(", with an index on {}", indexes.join(" and ")));
            rationale.push_str(" The new form can use an index that does not exist yet.");
        }
        if let Some((before, now)) = measured {
            rationale.push_str(&format!(" Tried out, it took {now:.2} ms, and {before:.2} ms as it is."));
        }
        let mut candidate = Candidate::new(title, self.change(with_indexes))
            .because(rationale)
            .helping([self.statement.id.clone()]);
        candidate.predicted = self.predicted.filter(|_| !with_indexes);
        candidate
    }
}

/// What the rules make of a statement, and what they make of that, as far as the server plans it in another way.
pub(super) async fn forms<'b>(
    cx: &Context,
    probe: &dyn Probe,
    brief: &'b Brief,
    facts: &Facts<'_>,
    statement: &'b Statement,
    share: f64,
    tree: &Proven,
) -> Result<Vec<Form<'b>>> {
    if !facts.understands(&tree.query) {
        return Ok(Vec::new());
    }
    let executed = brief.plans_of(&statement.id).find(|p| p.plan.execution_ms.is_some() && !p.cut_off);
    let executed = executed.map(|planned| &planned.plan);
    let rewrites = |query: &Query| -> Vec<Rewrite> {
        let case = Case { facts, query, executed };
        rules::ALL.iter().flat_map(|rule| rule(&case)).collect()
    };
    let form = |rewrite: Rewrite| Form {
        statement,
        share,
        rule: rewrite.rule.to_owned(),
        title: rewrite.title.to_owned(),
        because: rewrite.because,
        sql: rewrite.query.to_string(),
        query: rewrite.query,
        indexes: rewrite.indexes,
        predicted: None,
    };
    let mut made: Vec<Form<'b>> = rewrites(&tree.query).into_iter().map(form).collect();
    let mut known: BTreeSet<String> = made.iter().map(|f| f.sql.clone()).collect();
    known.insert(tree.query.to_string());
    for at in 0..made.len() {
        for rewrite in rewrites(&made[at].query) {
            let mut next = form(rewrite);
            let first = &made[at];
            if !known.insert(next.sql.clone()) {
                continue;
            }
            next.rule = format!("{}, {}", first.rule, next.rule);
            next.title = format!("{}, {}", first.title, next.title);
            next.because = format!("{}; then {}", first.because, next.because);
            for index in &first.indexes {
                if !next.indexes.contains(index) {
                    next.indexes.push(index.clone());
                }
            }
            made.push(next);
        }
    }
    let bound = placeholders(&tree.query);
    let mut kept = Vec::new();
    for mut form in made {
        // A parameter that is gone, or new, would change how the application binds.
        if kept.len() == MOST || placeholders(&form.query) != bound {
            continue;
        }
        let Some(new) = plans(cx, probe, statement, &form.sql).await? else { continue };
        let same = new.iter().zip(&tree.plans).all(|(a, b)| a.shape() == b.shape());
        if same && form.indexes.is_empty() {
            tracing::debug!(statement = %statement.id, rule = form.rule, "dropped: the plan stays the same");
            continue;
        }
        form.predicted = cost_ratio(brief, statement, &tree.plans, &new);
        kept.push(form);
    }
    Ok(kept)
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
