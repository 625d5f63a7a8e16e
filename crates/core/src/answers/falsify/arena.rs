//! Loads a database into the emptied tables and asks both texts.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_postgres::Statement;

use super::generate::{Database, Row};
use super::scene::Target;
use crate::answers::check::{Comparison, First, among_ties, compare, compare_failures, failure_as_state};
use crate::answers::digest::row_hashes;
use crate::answers::{Digest, TextFacts};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::pg::quote::{ident, literal_or_null, qualified};
use crate::pg::{Parameters, Session};

/// The emptied tables, inside a transaction, with both texts.
#[derive(Debug)]
pub(super) struct Arena<'a> {
    pub(super) session: &'a Session,
    pub(super) targets: &'a [Target],
    /// Materialized views to refresh, quoted.
    pub(super) views: &'a [String],
    /// Statements that the change runs before the rewritten text can be asked.
    pub(super) steps: &'a [String],
    pub(super) original: (&'a str, Statement),
    /// Prepared, unless the steps must run first.
    pub(super) rewritten: (&'a str, Option<Statement>),
    pub(super) facts: Option<TextFacts>,
    pub(super) loaded: Mutex<Loaded>,
}

/// What loading came to so far.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// Targets that ever held a row.
    pub(super) filled: BTreeSet<usize>,
    /// The last reason why a row was refused.
    pub(super) refused: Option<String>,
}

/// One text on one database.
#[derive(Debug)]
pub(super) enum Run {
    Rows(Digest),
    /// SQLSTATE.
    Failed(String),
    TooSlow,
}

const TOO_SLOW: &str = "takes too long on some database";

impl Arena<'_> {
    pub(super) fn loaded(&self) -> MutexGuard<'_, Loaded> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks the state that every database starts from. Called once, with the tables empty.
    pub(super) async fn open(&self, cx: &Context) -> Result<()> {
        self.session.batch(cx, "SAVEPOINT tiny; SAVEPOINT asked").await
    }

    /// Fills the tables. Rows that the server refuses are taken out of the database.
    async fn load(&self, cx: &Context, database: &mut Database) -> Result<()> {
        let mut sql = "ROLLBACK TO SAVEPOINT tiny;".to_owned();
        for (target, rows) in self.targets.iter().zip(database.iter()).filter(|(_, rows)| !rows.is_empty()) {
            insert(target, rows, &mut sql);
        }
        sql.push_str("SAVEPOINT asked");
        match self.session.batch(cx, &sql).await {
            Ok(()) => {}
            Err(error) if is_refusal(&error) => {
                self.session.batch(cx, "ROLLBACK TO SAVEPOINT tiny").await?;
                for (target, rows) in self.targets.iter().zip(database.iter_mut()) {
                    self.load_table(cx, target, rows).await?;
                }
                self.session.batch(cx, "SAVEPOINT asked").await?;
            }
            Err(error) => return Err(error),
        }
        let filled = database.iter().enumerate().filter(|(_, rows)| !rows.is_empty()).map(|(place, _)| place);
        self.loaded().filled.extend(filled);
        Ok(())
    }

    /// One table, and, where that fails, row by row.
    async fn load_table(&self, cx: &Context, target: &Target, rows: &mut Vec<Row>) -> Result<()> {
        if rows.is_empty() || self.take(cx, target, rows).await? {
            return Ok(());
        }
        let mut kept = Vec::with_capacity(rows.len());
        for row in rows.drain(..) {
            let one = [row];
            if self.take(cx, target, &one).await? {
                kept.extend(one);
            }
        }
        *rows = kept;
        Ok(())
    }

    async fn take(&self, cx: &Context, target: &Target, rows: &[Row]) -> Result<bool> {
        let mut sql = "SAVEPOINT taken;".to_owned();
        insert(target, rows, &mut sql);
        sql.push_str("RELEASE SAVEPOINT taken");
        match self.session.batch(cx, &sql).await {
            Ok(()) => Ok(true),
            Err(error) if is_refusal(&error) => {
                self.session.batch(cx, "ROLLBACK TO SAVEPOINT taken; RELEASE SAVEPOINT taken").await?;
                self.loaded().refused = Some(error.to_string());
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Loads the database and compares both answers.
    pub(super) async fn ask(
        &self,
        cx: &Context,
        database: &mut Database,
        values: &Parameters,
    ) -> Result<Comparison> {
        self.load(cx, database).await?;
        let refreshed = self.refresh(cx).await?;
        let original = self.run(cx, &self.original.1, self.original.0, values).await?;
        if let Err(reason) = refreshed {
            return Ok(match original {
                Run::Rows(_) => Comparison::Differs(format!("the view cannot be refreshed: {reason}")),
                _ => Comparison::Unverifiable("neither the view nor the original can be computed".into()),
            });
        }
        let rewritten = self.run_rewritten(cx, values).await?;
        let (before, after) = match (&original, &rewritten) {
            (Run::TooSlow, _) | (_, Run::TooSlow) => return Ok(Comparison::Unverifiable(TOO_SLOW.into())),
            (Run::Rows(before), Run::Rows(after)) => (before, after),
            (before, after) => {
                let verdict = compare_failures(before.state(), after.state());
                return self.unless_by_chance(cx, database, values, (&original, &rewritten), verdict).await;
            }
        };
        let facts = self.facts.as_ref();
        let verdict = match compare(before, after, facts) {
            First::Done(Comparison::Same(remark)) => return Ok(Comparison::Same(remark)),
            // The same rows in an order that nobody can judge.
            First::Done(verdict @ Comparison::Unverifiable(_)) if before.same_rows(after) => {
                return Ok(verdict);
            }
            First::Done(verdict) => verdict,
            First::Ties(ties) => {
                self.load(cx, database).await?;
                let answer = self.rewritten_rows(cx, values).await?;
                self.load(cx, database).await?;
                let allowed = ties.allows(cx, self.session, values, &answer).await?;
                let verdict = among_ties(before, after, facts, allowed);
                if !facts.is_some_and(|f| f.picks_inside) {
                    return Ok(verdict);
                }
                verdict
            }
        };
        self.unless_by_chance(cx, database, values, (&original, &rewritten), verdict).await
    }

    /// A difference counts only if the original itself does not depend on the order in which its rows lie on
    /// disk: its answer must stay the same on the same rows in other orders. What was left undecided because
    /// rows may be picked by chance is decided here too.
    async fn unless_by_chance(
        &self,
        cx: &Context,
        database: &Database,
        values: &Parameters,
        (original, rewritten): (&Run, &Run),
        verdict: Comparison,
    ) -> Result<Comparison> {
        let reason = match verdict {
            Comparison::Same(_) => return Ok(verdict),
            Comparison::Differs(reason) => reason,
            Comparison::Unverifiable(_) => "other rows or values".to_owned(),
        };
        for turn in 0..3 {
            let mut other = database.clone();
            for rows in &mut other {
                match turn {
                    0 => rows.reverse(),
                    1 => {
                        let half = rows.len() / 2;
                        rows.rotate_left(half);
                    }
                    _ => rows.sort(),
                }
            }
            self.load(cx, &mut other).await?;
            if self.refresh(cx).await?.is_err() {
                return Ok(Comparison::Differs(reason));
            }
            let again = self.run(cx, &self.original.1, self.original.0, values).await?;
            let stable = match (&again, original, rewritten) {
                // Where the number of rows differs, which rows they are does not matter.
                (Run::Rows(again), Run::Rows(original), Run::Rows(rewritten))
                    if original.rows != rewritten.rows =>
                {
                    again.rows == original.rows
                }
                (Run::Rows(again), Run::Rows(original), Run::Rows(_)) => again.same_rows(original),
                (Run::Rows(_), Run::Rows(_), _) | (Run::Failed(_), Run::Failed(_), _) => true,
                _ => false,
            };
            if !stable {
                return Ok(Comparison::Unverifiable("the original's own answer depends on chance".into()));
            }
        }
        Ok(Comparison::Differs(reason))
    }

    /// Refreshes the views; the inner error is the SQLSTATE.
    async fn refresh(&self, cx: &Context) -> Result<std::result::Result<(), String>> {
        for view in self.views {
            let done = self.session.batch(cx, &format!("REFRESH MATERIALIZED VIEW {view}")).await;
            if let Err(state) = failure_as_state(cx, done)? {
                self.back(cx).await?;
                return Ok(Err(state));
            }
        }
        if !self.views.is_empty() {
            self.session.batch(cx, "SAVEPOINT asked").await?;
        }
        Ok(Ok(()))
    }

    async fn back(&self, cx: &Context) -> Result<()> {
        self.session.batch(cx, "ROLLBACK TO SAVEPOINT asked").await
    }

    async fn run(&self, cx: &Context, statement: &Statement, sql: &str, values: &Parameters) -> Result<Run> {
        let digest = Digest::of_prepared(cx, self.session, statement, sql, values).await;
        self.settle(cx, digest).await
    }

    async fn settle(&self, cx: &Context, digest: Result<Digest>) -> Result<Run> {
        let run = match digest {
            Ok(digest) => return Ok(Run::Rows(digest)),
            Err(error) if cx.statement_timed_out(&error) => Run::TooSlow,
            Err(error) => match failure_as_state(cx, Err::<(), _>(error))? {
                Err(state) => Run::Failed(state),
                Ok(()) => return Err(Error::internal("a failed statement did not fail")),
            },
        };
        self.back(cx).await?;
        Ok(run)
    }

    async fn run_rewritten(&self, cx: &Context, values: &Parameters) -> Result<Run> {
        let sql = self.rewritten.0;
        if let Some(statement) = &self.rewritten.1 {
            return self.run(cx, statement, sql, values).await;
        }
        let digest = async {
            for step in self.steps {
                self.session.batch(cx, step).await?;
            }
            Digest::of(cx, self.session, sql, values).await
        };
        let digest = digest.await;
        self.settle(cx, digest).await
    }

    /// The rewritten text's rows, once more on a database that was just loaded.
    async fn rewritten_rows(&self, cx: &Context, values: &Parameters) -> Result<Vec<u128>> {
        if self.refresh(cx).await?.is_err() {
            return Ok(Vec::new());
        }
        for step in self.steps {
            self.session.batch(cx, step).await?;
        }
        row_hashes(cx, self.session, self.rewritten.0, values).await
    }

    /// Both answers as JSON rows, at most `most` of each, or what went wrong.
    pub(super) async fn answers(
        &self,
        cx: &Context,
        database: &mut Database,
        values: &Parameters,
        most: usize,
    ) -> Result<(Shown, Shown)> {
        self.load(cx, database).await?;
        let refreshed = self.refresh(cx).await?;
        let original = self.show(cx, self.original.0, values, most).await?;
        if let Err(state) = refreshed {
            return Ok((original, Shown::Failed(format!("REFRESH fails with SQLSTATE {state}"))));
        }
        for step in self.steps {
            if let Err(state) = failure_as_state(cx, self.session.batch(cx, step).await)? {
                self.back(cx).await?;
                return Ok((original, Shown::Failed(format!("the change fails with SQLSTATE {state}"))));
            }
        }
        Ok((original, self.show(cx, self.rewritten.0, values, most).await?))
    }

    async fn show(&self, cx: &Context, sql: &str, values: &Parameters, most: usize) -> Result<Shown> {
        let rows = async {
            let columns: Vec<String> =
                self.session.prepare(cx, sql).await?.columns().iter().map(|c| c.name().to_owned()).collect();
            let names: Vec<String> = (0..columns.len()).map(|n| format!("c{n}")).collect();
            let wrapped = format!("SELECT to_json(q) FROM ({sql}\n) AS q({}) LIMIT {most}", names.join(", "));
            Ok((columns, self.session.json(cx, &wrapped, values).await?))
        };
        match failure_as_state(cx, rows.await)? {
            Ok((columns, rows)) => Ok(Shown::Rows(columns, rows)),
            Err(state) => {
                self.back(cx).await?;
                Ok(Shown::Failed(format!("fails with SQLSTATE {state}")))
            }
        }
    }
}

impl Run {
    fn state(&self) -> Option<String> {
        match self {
            Self::Failed(state) => Some(state.clone()),
            _ => None,
        }
    }
}

/// An answer to show.
#[derive(Debug)]
pub(super) enum Shown {
    /// Column names, and rows as JSON objects.
    Rows(Vec<String>, Vec<serde_json::Value>),
    Failed(String),
}

/// The INSERT of some rows of a table, with a semicolon.
pub(super) fn insert(target: &Target, rows: &[Row], sql: &mut String) {
    let names: Vec<String> = target.columns.iter().map(|c| ident(&c.name)).collect();
    let values: Vec<String> = rows
        .iter()
        .map(|row| {
            let row: Vec<String> = row.iter().map(|v| literal_or_null(v.as_deref())).collect();
            format!("({})", row.join(", "))
        })
        .collect();
    let conflict = if target.on_conflict { " ON CONFLICT DO NOTHING" } else { "" };
    let _ = writeln!(
        sql,
        "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES {}{conflict};",
        qualified(&target.schema, &target.name),
        names.join(", "),
        values.join(", ")
    );
}

/// Whether the server refused the rows, as opposed to the connection or the run having ended.
fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Sql | ErrorKind::Permission | ErrorKind::Unsupported)
}
