//! Compares a statement under the baseline and under a candidate.

use super::{Digest, TextFacts};
use crate::bench::{Arm, Lab};
use crate::context::Context;
use crate::error::{ErrorKind, Result};
use crate::types::{AnswerCheck, Answers, ParameterSet, Statement};

/// One statement, the text that the candidate gives it, and the two arms.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The statement as it is.
    pub statement: &'a Statement,
    /// Parameter values.
    pub parameters: &'a ParameterSet,
    /// Its text under the candidate; the same where the candidate rewrites nothing.
    pub candidate_sql: &'a str,
    /// The database without the change.
    pub baseline: &'a Arm,
    /// The database with the change.
    pub candidate: &'a Arm,
    /// Names of volatile functions that either text calls.
    pub volatile: &'a [String],
    /// Longest time of the candidate's text, milliseconds; beyond it the check is a
    /// [`ErrorKind::Timeout`] error.
    pub timeout_ms: u64,
}

/// Compares both answers, in one transaction, so that `now()` is the same for both.
///
/// - Columns, types, row count and the multiset of rows must agree.
/// - Where the order differs, it must be an order among ties: both texts end in the same ORDER BY.
/// - Where a LIMIT cuts off other rows, both answers without it must agree.
/// - If one fails, the other must fail with the same SQLSTATE.
pub async fn check(cx: &Context, lab: &Lab, question: Question<'_>) -> Result<AnswerCheck> {
    let outcome = |answers, baseline_rows, candidate_rows, reason: String| AnswerCheck {
        statement: question.statement.id.clone(),
        parameter_set: question.parameters.id.clone(),
        answers,
        baseline_rows,
        candidate_rows,
        reason,
    };
    let rewritten = question.statement.sql != question.candidate_sql;
    if !question.volatile.is_empty() {
        // With the same text the server guarantees the same meaning, and there is nothing to compare.
        let answers = if rewritten { Answers::Unverifiable } else { Answers::Unchanged };
        let reason = format!("calls volatile functions: {}", question.volatile.join(", "));
        return Ok(outcome(answers, 0, 0, reason));
    }
    let pair = both(cx, lab, &question, &question.statement.sql, question.candidate_sql).await?;
    let (baseline, candidate) = match pair {
        Pair::Rows(baseline, candidate) => (baseline, candidate),
        Pair::FailedAlike => return Ok(outcome(Answers::Same, 0, 0, String::new())),
        Pair::Failed(reason) => return Ok(outcome(Answers::Differs, 0, 0, reason)),
    };
    let facts = TextFacts::read(&question.statement.sql);
    let candidate_facts = if rewritten { TextFacts::read(question.candidate_sql) } else { facts.clone() };
    let (answers, reason) = match compare(&baseline, &candidate, facts.as_ref(), candidate_facts.as_ref()) {
        Comparison::Same => (Answers::Same, String::new()),
        Comparison::Differs(reason) => (Answers::Differs, reason),
        Comparison::Unverifiable(reason) => (Answers::Unverifiable, reason),
        Comparison::Lift(baseline_sql, candidate_sql) => {
            match both(cx, lab, &question, &baseline_sql, &candidate_sql).await? {
                Pair::Rows(b, c)
                    if b.columns == c.columns && b.rows == c.rows && b.multiset == c.multiset =>
                {
                    (Answers::Same, "rows differ only among ties at the limit".to_owned())
                }
                _ => (Answers::Differs, "other rows, also without the limit".to_owned()),
            }
        }
    };
    Ok(outcome(answers, baseline.rows, candidate.rows, reason))
}

enum Pair {
    Rows(Digest, Digest),
    FailedAlike,
    Failed(String),
}

async fn both(
    cx: &Context,
    lab: &Lab,
    question: &Question<'_>,
    baseline: &str,
    candidate: &str,
) -> Result<Pair> {
    let session = lab.session();
    session.batch(cx, "BEGIN").await?;
    let result = async {
        let b = one(cx, lab, question.baseline, baseline, question.parameters, 0).await?;
        let c = one(cx, lab, question.candidate, candidate, question.parameters, question.timeout_ms).await?;
        Ok(match (b, c) {
            (Ok(b), Ok(c)) => Pair::Rows(b, c),
            (Err(b), Err(c)) if b == c => Pair::FailedAlike,
            (Ok(_), Err(c)) => {
                Pair::Failed(format!("fails with SQLSTATE {c} where the original returns rows"))
            }
            (Err(b), Ok(_)) => {
                Pair::Failed(format!("returns rows where the original fails with SQLSTATE {b}"))
            }
            (Err(b), Err(c)) => Pair::Failed(format!("fails with SQLSTATE {c} instead of {b}")),
        })
    }
    .await;
    lab.leave(cx).await?;
    result
}

/// One side, in a savepoint; a failure of the statement itself comes back as its SQLSTATE.
async fn one(
    cx: &Context,
    lab: &Lab,
    arm: &Arm,
    sql: &str,
    parameters: &ParameterSet,
    timeout_ms: u64,
) -> Result<std::result::Result<Digest, String>> {
    let session = lab.session();
    session.batch(cx, "SAVEPOINT answer").await?;
    for switch in &arm.enter {
        session.batch(cx, switch).await?;
    }
    session.batch(cx, &format!("SET LOCAL statement_timeout TO {timeout_ms}")).await?;
    let digest = Digest::of(cx, session, sql, &parameters.values).await;
    session.batch(cx, "ROLLBACK TO SAVEPOINT answer; RELEASE SAVEPOINT answer").await?;
    match digest {
        Ok(digest) => Ok(Ok(digest)),
        Err(error) if error.kind() == ErrorKind::Sql && cx.check().is_ok() => {
            let state = error.context().iter().find(|(key, _)| *key == "sqlstate").map(|(_, v)| v.clone());
            state.map(Err).map(Ok).unwrap_or(Err(error))
        }
        Err(error) => Err(error),
    }
}

#[derive(Debug, PartialEq)]
enum Comparison {
    Same,
    Differs(String),
    Unverifiable(String),
    /// Compare these texts, without their limits.
    Lift(String, String),
}

fn compare(
    baseline: &Digest,
    candidate: &Digest,
    baseline_facts: Option<&TextFacts>,
    candidate_facts: Option<&TextFacts>,
) -> Comparison {
    if baseline.columns != candidate.columns {
        return Comparison::Differs(format!(
            "columns differ: {} instead of {}",
            describe(&candidate.columns),
            describe(&baseline.columns)
        ));
    }
    let order_agrees = baseline_facts.zip(candidate_facts).is_some_and(|(b, c)| b.order_by == c.order_by);
    if baseline.rows == candidate.rows && baseline.multiset == candidate.multiset {
        let ordered = baseline_facts.is_none_or(|b| !b.order_by.is_empty());
        return if !ordered || baseline.ordered == candidate.ordered || order_agrees {
            Comparison::Same
        } else {
            Comparison::Unverifiable("the same rows in another order".to_owned())
        };
    }
    if let (Some(b), Some(c)) = (baseline_facts, candidate_facts) {
        if let (Some(lifted), Some(other)) = (&b.lifted, &c.lifted)
            && b.limit == c.limit
            && order_agrees
            && baseline.rows == candidate.rows
        {
            return Comparison::Lift(lifted.clone(), other.clone());
        }
        if b.picks_inside {
            return Comparison::Unverifiable(
                "an inner LIMIT or DISTINCT ON picks rows without a total order".to_owned(),
            );
        }
    }
    if baseline.rows != candidate.rows {
        return Comparison::Differs(format!("{} rows instead of {}", candidate.rows, baseline.rows));
    }
    Comparison::Differs(format!("{} rows, but other values", candidate.rows))
}

fn describe(columns: &[(String, String)]) -> String {
    columns.iter().map(|(name, kind)| format!("{name} {kind}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(rows: u64, multiset: u128, order: u8) -> Digest {
        Digest { columns: vec![("a".into(), "int4".into())], rows, multiset, ordered: [order; 32] }
    }

    fn facts(sql: &str) -> TextFacts {
        TextFacts::read(sql).unwrap()
    }

    #[test]
    fn ties_may_change_places_but_an_order_may_not_get_lost() {
        let by_a = facts("SELECT a FROM t ORDER BY a");
        let free = facts("SELECT a FROM t");
        assert_eq!(compare(&digest(2, 7, 1), &digest(2, 7, 2), Some(&by_a), Some(&by_a)), Comparison::Same);
        assert_eq!(compare(&digest(2, 7, 1), &digest(2, 7, 2), Some(&free), Some(&free)), Comparison::Same);
        assert!(matches!(
            compare(&digest(2, 7, 1), &digest(2, 7, 2), Some(&by_a), Some(&free)),
            Comparison::Unverifiable(_)
        ));
    }

    #[test]
    fn a_limit_is_lifted_before_rows_are_called_different() {
        let limited = facts("SELECT a FROM t ORDER BY a LIMIT 2");
        assert!(matches!(
            compare(&digest(2, 7, 1), &digest(2, 8, 1), Some(&limited), Some(&limited)),
            Comparison::Lift(_, _)
        ));
        assert_eq!(
            compare(&digest(2, 7, 1), &digest(1, 8, 1), Some(&limited), Some(&limited)),
            Comparison::Differs("1 rows instead of 2".into())
        );
    }

    #[test]
    fn what_cannot_be_parsed_is_compared_strictly() {
        assert_eq!(compare(&digest(2, 7, 1), &digest(2, 7, 1), None, None), Comparison::Same);
        assert!(matches!(
            compare(&digest(2, 7, 1), &digest(2, 7, 2), None, None),
            Comparison::Unverifiable(_)
        ));
        assert!(matches!(compare(&digest(2, 7, 1), &digest(2, 8, 1), None, None), Comparison::Differs(_)));
    }
}
