//! Compares a statement under the baseline and under a candidate.

use super::approximate::{Agreement, Values, may_agree};
use super::digest::row_hashes;
use super::ties::TieProbe;
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
    /// The fork on which the candidate's arm is; the same as the baseline's unless its change cannot be switched.
    pub candidate_lab: &'a Lab,
    /// Names of volatile functions that either text calls.
    pub volatile: &'a [String],
    /// Longest time of the statement as it is, milliseconds, if there is a bound; beyond it the check is a
    /// [`ErrorKind::Timeout`] error.
    pub baseline_timeout_ms: Option<u64>,
    /// The same for the candidate's text.
    pub timeout_ms: u64,
}

/// Compares both answers, in one transaction, so that `now()` is the same for both; on two forks in one transaction
/// each.
///
/// - Columns, types, row count and the multiset of rows must agree.
/// - Where the text leaves the order or the choice of rows open (ORDER BY with ties, LIMIT), the candidate's
///   answer must be one of those that the text allows.
/// - If one fails, the other must fail with the same class of SQLSTATE.
pub async fn check(cx: &Context, lab: &Lab, question: Question<'_>) -> Result<AnswerCheck> {
    let outcome = |answers, baseline_rows, candidate_rows, reason: String| AnswerCheck {
        statement: question.statement.id.clone(),
        parameter_set: question.parameters.id.clone(),
        answers,
        baseline_rows,
        candidate_rows,
        reason,
        proof: String::new(),
        counterexample: None,
    };
    if !question.volatile.is_empty() {
        // With the same text the server guarantees the same meaning, and there is nothing to compare.
        let rewritten = question.statement.sql != question.candidate_sql;
        let answers = if rewritten { Answers::Unverifiable } else { Answers::Unchanged };
        let reason = format!("calls volatile functions: {}", question.volatile.join(", "));
        return Ok(outcome(answers, 0, 0, reason));
    }
    let apart = !std::ptr::eq(lab, question.candidate_lab);
    lab.session().batch(cx, "BEGIN").await?;
    if apart {
        question.candidate_lab.session().batch(cx, "BEGIN").await?;
    }
    let compared = Box::pin(compare_both(cx, lab, &question)).await;
    lab.leave(cx).await?;
    if apart {
        question.candidate_lab.leave(cx).await?;
    }
    let compared = compared.map(|(verdict, before, after)| match verdict {
        Comparison::Differs(reason) if apart && asks_the_time(&question.statement.sql) => {
            let why = format!("{reason}; it asks for the time, which two forks do not share");
            (Comparison::Unverifiable(why), before, after)
        }
        verdict => (verdict, before, after),
    });
    let (verdict, baseline_rows, candidate_rows) = compared?;
    let (answers, reason) = match verdict {
        Comparison::Same(reason) => (Answers::Same, reason.to_owned()),
        Comparison::Differs(reason) => (Answers::Differs, reason),
        Comparison::Unverifiable(reason) => (Answers::Unverifiable, reason),
    };
    Ok(outcome(answers, baseline_rows, candidate_rows, reason))
}

/// Whether a text may call a function of the transaction's time.
fn asks_the_time(sql: &str) -> bool {
    let sql = sql.to_lowercase();
    ["now", "current_", "localtime", "_timestamp"].iter().any(|word| sql.contains(word))
}

async fn compare_both(cx: &Context, lab: &Lab, question: &Question<'_>) -> Result<(Comparison, u64, u64)> {
    let (session, values) = (lab.session(), &question.parameters.values);
    let (sql, candidate_sql) = (&question.statement.sql, question.candidate_sql);
    let as_it_is = (question.baseline, question.baseline_timeout_ms.unwrap_or(0));
    let changed = (question.candidate, question.timeout_ms);
    let baseline = within(cx, lab, as_it_is, Box::pin(Digest::of(cx, session, sql, values))).await?;
    let (other, asked) = (question.candidate_lab, question.candidate_lab.session());
    let candidate =
        within(cx, other, changed, Box::pin(Digest::of(cx, asked, candidate_sql, values))).await?;
    let (baseline, candidate) = match (baseline, candidate) {
        (Ok(baseline), Ok(candidate)) => (baseline, candidate),
        (baseline, candidate) => return Ok((compare_failures(baseline.err(), candidate.err()), 0, 0)),
    };
    let facts = TextFacts::read(sql);
    if may_agree(&baseline, &candidate) {
        let before = within(cx, lab, as_it_is, Box::pin(Values::of(cx, session, sql, values))).await?;
        let after =
            within(cx, other, changed, Box::pin(Values::of(cx, asked, candidate_sql, values))).await?;
        if let (Ok(before), Ok(after)) = (before, after) {
            let free = facts.as_ref().is_some_and(|f| f.order_by.is_empty());
            match before.agreement(after) {
                Agreement::AnyOrder if !free => {}
                Agreement::None => {}
                _ => return Ok((Comparison::Same(LAST_DIGITS), baseline.rows, candidate.rows)),
            }
        }
    }
    let verdict = match compare(&baseline, &candidate, facts.as_ref()) {
        First::Done(verdict) => verdict,
        First::Ties(ties) => {
            let rows = Box::pin(row_hashes(cx, asked, candidate_sql, values));
            let rows = within(cx, other, changed, rows).await?;
            let allowed = match rows {
                Ok(rows) => {
                    let allowed = Box::pin(ties.allows(cx, session, values, &rows));
                    // Without its limit the text may be far slower than it is.
                    let bounded = (question.baseline, question.timeout_ms);
                    match within(cx, lab, bounded, allowed).await {
                        Ok(told) => told.unwrap_or(None),
                        Err(error) if cx.statement_timed_out(&error) => None,
                        Err(error) => return Err(error),
                    }
                }
                Err(_) => None,
            };
            among_ties(&baseline, &candidate, facts.as_ref(), allowed)
        }
    };
    Ok((verdict, baseline.rows, candidate.rows))
}

/// Awaits `request` inside an arm, with a time-out in milliseconds, in a savepoint; a failure of the statement
/// itself comes back as its SQLSTATE.
async fn within<T>(
    cx: &Context,
    lab: &Lab,
    (arm, timeout_ms): (&Arm, u64),
    request: impl Future<Output = Result<T>>,
) -> Result<std::result::Result<T, String>> {
    let session = lab.session();
    session.batch(cx, "SAVEPOINT answer").await?;
    for switch in &arm.enter {
        session.batch(cx, switch).await?;
    }
    session.batch(cx, &format!("SET LOCAL statement_timeout TO {timeout_ms}")).await?;
    let result = request.await;
    session.batch(cx, "ROLLBACK TO SAVEPOINT answer; RELEASE SAVEPOINT answer").await?;
    failure_as_state(cx, result)
}

/// Takes a failure that is the statement's own out of the error path.
pub(super) fn failure_as_state<T>(cx: &Context, result: Result<T>) -> Result<std::result::Result<T, String>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) if error.kind() == ErrorKind::Sql && cx.check().is_ok() => {
            let state = error.context().iter().find(|(key, _)| *key == "sqlstate").map(|(_, v)| v.clone());
            state.map(Err).map(Ok).unwrap_or(Err(error))
        }
        Err(error) => Err(error),
    }
}

/// Compares SQLSTATEs where at least one side failed. The class is what counts: which of two data errors comes
/// first depends on the plan.
pub(super) fn compare_failures(baseline: Option<String>, candidate: Option<String>) -> Comparison {
    match (baseline, candidate) {
        (Some(b), Some(c)) if b.get(..2) == c.get(..2) => Comparison::Same("both fail alike"),
        (Some(b), Some(c)) => Comparison::Differs(format!("fails with SQLSTATE {c} instead of {b}")),
        (None, Some(c)) => {
            Comparison::Differs(format!("fails with SQLSTATE {c} where the original returns rows"))
        }
        (Some(b), None) => {
            Comparison::Differs(format!("returns rows where the original fails with SQLSTATE {b}"))
        }
        (None, None) => Comparison::Same(""),
    }
}

/// What a comparison comes to.
#[derive(Debug, PartialEq)]
pub(super) enum Comparison {
    /// With a remark, mostly empty.
    Same(&'static str),
    Differs(String),
    Unverifiable(String),
}

/// What two digests alone tell.
#[derive(Debug, PartialEq)]
pub(super) enum First<'a> {
    Done(Comparison),
    /// The text leaves something open; ask this whether the candidate's rows are allowed.
    Ties(&'a TieProbe),
}

/// Compares two digests; `facts` are those of the original text.
pub(super) fn compare<'a>(baseline: &Digest, candidate: &Digest, facts: Option<&'a TextFacts>) -> First<'a> {
    if baseline.columns != candidate.columns {
        return First::Done(Comparison::Differs(format!(
            "columns differ: {} instead of {}",
            describe(&candidate.columns),
            describe(&baseline.columns)
        )));
    }
    if baseline.same_rows(candidate) {
        let free = facts.is_some_and(|f| f.order_by.is_empty());
        if free || baseline.ordered == candidate.ordered {
            return First::Done(Comparison::Same(""));
        }
        return match facts.and_then(|f| f.ties.as_ref()) {
            Some(ties) => First::Ties(ties),
            None => First::Done(Comparison::Unverifiable(
                "the same rows in an order that cannot be checked".into(),
            )),
        };
    }
    let limited = facts.is_some_and(|f| f.limit.is_some());
    if limited && baseline.rows == candidate.rows {
        return match facts.and_then(|f| f.ties.as_ref()) {
            Some(ties) => First::Ties(ties),
            None => First::Done(Comparison::Unverifiable(
                "other rows under a limit whose ties cannot be found out".into(),
            )),
        };
    }
    First::Done(other_rows(baseline, candidate, facts))
}

/// What it comes to once the ties have been asked.
pub(super) fn among_ties(
    baseline: &Digest,
    candidate: &Digest,
    facts: Option<&TextFacts>,
    allowed: Option<bool>,
) -> Comparison {
    if allowed == Some(true) {
        Comparison::Same("rows differ only among ties")
    } else if allowed.is_none() {
        Comparison::Unverifiable("an order or a limit whose ties cannot be found out".to_owned())
    } else if !baseline.same_rows(candidate) {
        other_rows(baseline, candidate, facts)
    } else if facts.is_some_and(|f| f.picks_inside) {
        Comparison::Unverifiable(PICKS.to_owned())
    } else {
        Comparison::Differs("the same rows in another order".to_owned())
    }
}

const LAST_DIGITS: &str = "floating-point values differ in their last digits only";

const PICKS: &str =
    "an inner LIMIT, DISTINCT ON or order-sensitive function picks rows without a total order";

fn other_rows(baseline: &Digest, candidate: &Digest, facts: Option<&TextFacts>) -> Comparison {
    if facts.is_some_and(|f| f.picks_inside) {
        Comparison::Unverifiable(PICKS.to_owned())
    } else if baseline.rows != candidate.rows {
        Comparison::Differs(format!("{} rows instead of {}", candidate.rows, baseline.rows))
    } else {
        Comparison::Differs(format!("{} rows, but other values", candidate.rows))
    }
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

    const SAME: First<'_> = First::Done(Comparison::Same(""));

    #[test]
    fn an_order_that_the_text_fixes_is_looked_at_again() {
        let by_a = facts("SELECT a FROM t ORDER BY a");
        let free = facts("SELECT a FROM t");
        assert!(matches!(compare(&digest(2, 7, 1), &digest(2, 7, 2), Some(&by_a)), First::Ties(_)));
        assert_eq!(compare(&digest(2, 7, 1), &digest(2, 7, 2), Some(&free)), SAME);
        assert!(matches!(
            among_ties(&digest(2, 7, 1), &digest(2, 7, 2), Some(&by_a), Some(false)),
            Comparison::Differs(_)
        ));
        assert!(matches!(
            among_ties(&digest(2, 7, 1), &digest(2, 7, 2), Some(&by_a), None),
            Comparison::Unverifiable(_)
        ));
    }

    #[test]
    fn a_limit_is_lifted_before_rows_are_called_different() {
        let limited = facts("SELECT a FROM t ORDER BY a LIMIT 2");
        assert!(matches!(compare(&digest(2, 7, 1), &digest(2, 8, 1), Some(&limited)), First::Ties(_)));
        assert_eq!(
            compare(&digest(2, 7, 1), &digest(1, 8, 1), Some(&limited)),
            First::Done(Comparison::Differs("1 rows instead of 2".into()))
        );
        assert!(matches!(
            among_ties(&digest(2, 7, 1), &digest(2, 8, 1), Some(&limited), Some(true)),
            Comparison::Same(_)
        ));
    }

    #[test]
    fn what_cannot_be_parsed_is_compared_strictly() {
        assert_eq!(compare(&digest(2, 7, 1), &digest(2, 7, 1), None), SAME);
        assert!(matches!(
            compare(&digest(2, 7, 1), &digest(2, 7, 2), None),
            First::Done(Comparison::Unverifiable(_))
        ));
        assert!(matches!(
            compare(&digest(2, 7, 1), &digest(2, 8, 1), None),
            First::Done(Comparison::Differs(_))
        ));
    }

    #[test]
    fn failures_must_be_of_one_class() {
        let state = |s: &str| Some(s.to_owned());
        assert!(matches!(compare_failures(state("22012"), state("22003")), Comparison::Same(_)));
        assert!(matches!(compare_failures(state("21000"), state("22003")), Comparison::Differs(_)));
        assert!(matches!(compare_failures(state("21000"), None), Comparison::Differs(_)));
        assert!(matches!(compare_failures(None, state("22012")), Comparison::Differs(_)));
    }
}
