//! `pgverse same`: do two queries give the same answers?

use std::path::Path;

use pgverse::answers::falsify::Effort;
use pgverse::answers::{Sameness, same};
use pgverse::backends::{Origin, Tenure, backend};
use pgverse::pg::Dsn;
use pgverse::types::{Answers, ParameterSet, Statement};
use pgverse::workload::Parsed;
use pgverse::{Context, Error, Result};

use crate::args;
use crate::exit::Outcome;
use crate::output;
use crate::output::json::JsonTarget;
use crate::output::units::count;

pub(crate) async fn run(cx: &Context, args: args::Same) -> Result<Outcome> {
    let json = args.json.json.as_ref();
    json.map_or(Ok(()), JsonTarget::check)?;
    let before = Query::load(&args.before, &[])?;
    let after = Query::load(&args.after, &before.statement.parameter_sets)?;
    let source = Dsn::parse(&args.source)?;
    let backend = backend(&args.backend, &Origin::Live(source.clone()), Tenure::Run)?;
    super::sweep(cx, Some(&source)).await?;
    backend.prepare(cx).await?;
    let effort = Effort { databases: args.databases, seed: args.seed, ..Effort::default() };
    let sameness = same(cx, backend.as_ref(), &before.statement, &after.statement, effort).await;
    let sameness = sameness.map_err(|error| {
        let which = error.context().iter().find(|(key, _)| *key == "query").map(|(_, query)| query.clone());
        match which.as_deref() {
            Some("before") => before.placed(error),
            Some("after") => after.placed(error),
            _ => error,
        }
    })?;
    if let Some(target) = json {
        target.write(&sameness)?;
    }
    if !json.is_some_and(JsonTarget::is_stdout) {
        output::print(&words(&sameness))?;
    }
    Ok(match sameness.answers {
        Answers::Differs => Outcome::Different,
        Answers::Unverifiable => Outcome::Unverifiable,
        Answers::Same | Answers::Unchanged => Outcome::Done,
    })
}

/// A file with one query.
struct Query {
    parsed: Parsed,
    statement: Statement,
}

impl Query {
    /// The query of a file; one that is given no parameters gets these.
    fn load(path: &Path, usual: &[ParameterSet]) -> Result<Self> {
        let parsed = pgverse::workload::load_with_usual(path, usual)?;
        let [statement] = parsed.workload.statements.as_slice() else {
            let found = count(parsed.workload.statements.len(), "statement");
            return Err(Error::invalid(format!("a file with one query is expected; this one has {found}"))
                .with("file", path.display())
                .hint("put each of the two queries into a file of its own"));
        };
        Ok(Self { statement: statement.clone(), parsed })
    }

    fn placed(&self, error: Error) -> Error {
        self.parsed.place(&self.statement.id, error)
    }
}

/// The outcome for people to read.
fn words(sameness: &Sameness) -> String {
    let decisive = || sameness.checks.iter().filter(|check| check.answers == sameness.answers);
    let mut text = String::new();
    match sameness.answers {
        Answers::Same | Answers::Unchanged => {
            let rows: u64 = sameness.checks.iter().map(|check| check.baseline_rows).sum();
            text.push_str(&format!(
                "same: {} compared on your data, {}\n",
                count(sameness.checks.len(), "parameter set"),
                count(usize::try_from(rows).unwrap_or(usize::MAX), "row"),
            ));
            for remark in sameness.checks.iter().map(|c| &c.reason).filter(|reason| !reason.is_empty()) {
                text.push_str(&format!("{remark}\n"));
            }
            for proof in sameness.checks.iter().map(|c| &c.proof).filter(|p| !p.is_empty()).take(1) {
                text.push_str(&format!("{proof}\n"));
            }
        }
        Answers::Differs => text.push_str("different\n"),
        Answers::Unverifiable => text.push_str("cannot be told\n"),
    }
    if matches!(sameness.answers, Answers::Differs | Answers::Unverifiable) {
        for check in decisive() {
            text.push_str(&format!("with {}: {}\n", check.parameter_set, check.reason));
        }
        if let Some(counterexample) = decisive().find_map(|check| check.counterexample.as_ref()) {
            text.push_str(&format!("\n{counterexample}"));
        }
    }
    text
}
