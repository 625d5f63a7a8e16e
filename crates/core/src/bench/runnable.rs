//! Whether the server runs a statement at all; where it does not, the statement is its author's to mend.

use super::Lab;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::types::{ParameterSet, Statement};

/// Prepares a statement. One that the server refuses, or that takes another number of parameters than its
/// sets have, is [`ErrorKind::InvalidInput`].
pub(crate) async fn validate(cx: &Context, lab: &Lab, statement: &Statement) -> Result<()> {
    let prepared =
        lab.session().prepare(cx, &statement.sql).await.map_err(|e| unusable(e, statement, None))?;
    for set in &statement.parameter_sets {
        if set.values.len() != prepared.params().len() {
            return Err(Error::invalid(format!(
                "statement {} takes {} parameters, but parameter set {} has {}",
                statement.id,
                prepared.params().len(),
                set.id,
                set.values.len()
            ))
            .hint("give each parameter set one value for each parameter"));
        }
    }
    Ok(())
}

/// The user's statement takes longer than any may.
pub(crate) fn endless(statement: &Statement, set: &ParameterSet, limit_seconds: f64) -> Error {
    Error::invalid(format!("statement {} does not end within {limit_seconds} s", statement.id))
        .with("statement", &statement.id)
        .with("parameter_set", &set.id)
        .hint("leave it out of the workload, give it other parameters, or raise the statement time-out")
}

/// Whether the server refuses the statement, rather than that something else went wrong.
pub(crate) fn is_refusal(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Sql | ErrorKind::Permission | ErrorKind::NotFound | ErrorKind::Unsupported
    )
}

/// The user's statement does not run: which one, with which parameters, and what the server says.
pub(crate) fn unusable(error: Error, statement: &Statement, set: Option<&ParameterSet>) -> Error {
    if !is_refusal(&error) {
        return error.with("statement", &statement.id);
    }
    let mut wrong = Error::invalid(format!("statement {} does not run: {}", statement.id, error.message()))
        .with("statement", &statement.id);
    if let Some(set) = set {
        wrong = wrong.with("parameter_set", &set.id);
    }
    for (key, value) in error.context() {
        if matches!(*key, "sqlstate" | "position" | "detail") {
            wrong = wrong.with(key, value);
        }
    }
    let hint = error.way_out().map(str::to_owned);
    wrong.hint(hint.unwrap_or_else(|| "correct the statement in the workload, or leave it out".to_owned()))
}
