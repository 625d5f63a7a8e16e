//! Do two texts give the same answers? Asked for by itself, without a competition.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::falsify::{Effort, Rewrite, falsify};
use super::{Question, Volatile, check};
use crate::bench::{Arm, Lab, on_fork, runnable};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::pg::read_catalog;
use crate::traits::ForkBackend;
use crate::types::{AnswerCheck, Answers, Change, SourceReport, Statement, StatementKind};

/// Whether two texts give the same answers, and what that rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Sameness {
    /// Version of this document: 1.
    pub format: u32,
    /// The server whose fork was asked.
    pub source: SourceReport,
    /// The one text, with the parameter sets that both were asked with.
    pub before: Statement,
    /// The other text.
    pub after: String,
    /// What all checks come to.
    pub answers: Answers,
    /// One for each parameter set.
    pub checks: Vec<AnswerCheck>,
}

/// Key of an error's context that tells which text is wrong: `before` or `after`.
const QUERY: &str = "query";
const BEFORE: &str = "before";
const AFTER: &str = "after";

/// Compares the answers of two reads on a new fork, with each parameter set of the first, and, where they are
/// the same there, on many tiny databases. The fork is destroyed before this returns, whatever happens.
///
/// # Errors
/// `InvalidInput` if a text changes data or is refused by the server, with `query` in the context as `before` or
/// `after`; whatever goes wrong with the fork.
pub async fn same(
    cx: &Context,
    backend: &dyn ForkBackend,
    before: &Statement,
    after: &Statement,
    effort: Effort,
) -> Result<Sameness> {
    for (query, statement) in [(BEFORE, before), (AFTER, after)] {
        if statement.kind == StatementKind::Write {
            return Err(Error::invalid("this statement changes data; only answers of reads can be compared")
                .with(QUERY, query)
                .hint("compare SELECTs, also such as read what the statement writes"));
        }
    }
    let compared = |lab: Lab| async move { compare(cx, &lab, before, after, effort).await };
    let mut same = on_fork(cx, backend, compared).await?;
    if let Some(name) = backend.source_database() {
        name.clone_into(&mut same.source.database);
    }
    Ok(same)
}

async fn compare(
    cx: &Context,
    lab: &Lab,
    before: &Statement,
    after: &Statement,
    effort: Effort,
) -> Result<Sameness> {
    runnable::validate(cx, lab, before).await.map_err(|e| e.with(QUERY, BEFORE))?;
    let after = Statement { parameter_sets: before.parameter_sets.clone(), ..after.clone() };
    runnable::validate(cx, lab, &after).await.map_err(|e| e.with(QUERY, AFTER))?;
    let volatile =
        Volatile::look_up(cx, lab, BTreeSet::from([before.sql.as_str(), after.sql.as_str()])).await?;
    let names = volatile.of(&[&before.sql, &after.sql]);
    let arm = |name: &str| Arm { name: name.to_owned(), enter: Vec::new() };
    let (one, other) = (arm("before"), arm("after"));
    let mut checks = Vec::new();
    for parameters in &before.parameter_sets {
        let question = Question {
            baseline_timeout_ms: None,
            statement: before,
            parameters,
            candidate_sql: &after.sql,
            baseline: &one,
            candidate: &other,
            candidate_lab: lab,
            volatile: &names,
            timeout_ms: 0,
        };
        checks.push(check(cx, lab, question).await.map_err(|e| e.with("parameter_set", &parameters.id))?);
    }
    let catalog = read_catalog(lab.session(), cx).await?;
    if checks.iter().all(|c| c.answers == Answers::Same) {
        let change = Change::default();
        let rewrite = Rewrite { statement: before, sql: &after.sql, change: &change };
        let outcome = falsify(cx, lab, &catalog, rewrite, effort).await?;
        checks.iter_mut().for_each(|check| outcome.enter(check));
    }
    Ok(Sameness {
        format: 1,
        source: SourceReport::of(&catalog),
        before: before.clone(),
        after: after.sql,
        answers: AnswerCheck::overall(&checks).unwrap_or(Answers::Unverifiable),
        checks,
    })
}
