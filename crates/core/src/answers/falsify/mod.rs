//! Tries to refute a rewritten statement on many tiny databases, on the fork itself.
//!
//! Equal answers on the fork's own data say little: production data rarely has the NULLs, duplicates, ties and
//! empty groups on which wrong rewrites differ. So, in one transaction that is rolled back, the tables that
//! both texts read are emptied and filled again and again with a few rows made to hurt; both texts are asked,
//! and their answers compared by the rules of [`crate::answers::check`]. The server itself enforces every
//! declared constraint, so that no database is tried that could not exist.
//!
//! What comes out is "refuted", with a small counterexample, or "not refuted by N databases", which is no proof.

mod arena;
mod constants;
mod counterexample;
mod generate;
mod minimize;
mod parameters;
mod prepare;
mod references;
mod scene;
mod values;

use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

pub use counterexample::{Answer, Counterexample, TableRows};

use self::arena::Arena;
use self::generate::Recipe;
use self::prepare::{Prepared, prepare};
use super::check::Comparison;
use crate::bench::Lab;
use crate::context::Context;
use crate::error::{ErrorKind, Result};
use crate::types::{AnswerCheck, Answers, Catalog, Change, Effect, Operation, Statement, Switch};

/// A statement and another text for it.
#[derive(Debug, Clone, Copy)]
pub struct Rewrite<'a> {
    /// The statement as it is, with its parameter sets.
    pub statement: &'a Statement,
    /// Its text under the change.
    pub sql: &'a str,
    /// The change; its materialized views are built on the fork.
    pub change: &'a Change,
}

/// How hard to try.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    /// Databases at the most.
    pub databases: u32,
    /// Seed; the same seed gives the same databases.
    pub seed: u64,
    /// Longest time, after which it is left at the databases tried so far.
    pub longest: Duration,
}

impl Default for Effort {
    fn default() -> Self {
        Self { databases: 1000, seed: 0, longest: Duration::from_secs(60) }
    }
}

/// What came out.
#[derive(Debug, Clone, PartialEq)]
pub enum Falsification {
    /// The answers agreed on every database.
    NotRefuted {
        /// Databases on which both answers could be compared.
        databases: u32,
        /// Databases on which they could not: too slow, or the original's own answer depends on chance.
        undecided: u32,
    },
    /// The answers differ.
    Refuted {
        /// The smallest database found.
        counterexample: Box<Counterexample>,
        /// Databases tried until then.
        databases: u32,
    },
    /// The tables cannot be filled by hand, or not in time. Only the comparison on the fork's own data stands, which is not
    /// enough to trust another text.
    Impossible {
        /// Why.
        reason: String,
    },
}

/// Databases in a row without a comparison after which it is given up.
const FRUITLESS: u32 = 100;
/// Rows of an answer that a counterexample shows.
const SHOWN_ROWS: usize = 12;

/// Tries to refute a rewrite. Everything happens in one transaction that is rolled back.
///
/// # Errors
/// When the connection breaks or the run ends. That the tables cannot be filled is an outcome, not an error.
pub async fn falsify(
    cx: &Context,
    lab: &Lab,
    catalog: &Catalog,
    rewrite: Rewrite<'_>,
    effort: Effort,
) -> Result<Falsification> {
    let steps = steps(rewrite.change);
    lab.session().batch(cx, "BEGIN").await?;
    let outcome = attempt(cx, lab, catalog, rewrite, &steps, effort).await;
    lab.leave(cx).await?;
    match outcome {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::Sql | ErrorKind::Permission | ErrorKind::Busy | ErrorKind::Unsupported
            ) =>
        {
            Ok(Falsification::Impossible { reason: error.to_string() })
        }
        Err(error) if cx.statement_timed_out(&error) => {
            Ok(Falsification::Impossible { reason: error.to_string() })
        }
        outcome => outcome,
    }
}

/// Statements of the change that must run before the rewritten text can be asked.
fn steps(change: &Change) -> Vec<String> {
    let answers = |o: &&Operation| o.effect() == Effect::Answers;
    change
        .operations
        .iter()
        .filter(answers)
        .filter_map(|operation| match operation.switch() {
            Switch::Enter(statements) => Some(statements),
            _ => None,
        })
        .flatten()
        .collect()
}

async fn attempt(
    cx: &Context,
    lab: &Lab,
    catalog: &Catalog,
    rewrite: Rewrite<'_>,
    steps: &[String],
    effort: Effort,
) -> Result<Falsification> {
    let prepared = match prepare(cx, lab.session(), catalog, rewrite, steps).await? {
        Ok(prepared) => prepared,
        Err(reason) => return Ok(Falsification::Impossible { reason }),
    };
    let arena = prepared.arena(cx, lab.session(), rewrite, steps).await?;
    hunt(cx, &prepared, &arena, rewrite.statement, effort).await
}

async fn hunt(
    cx: &Context,
    prepared: &Prepared,
    arena: &Arena<'_>,
    statement: &Statement,
    effort: Effort,
) -> Result<Falsification> {
    arena.open(cx).await?;
    let recipe = Recipe {
        targets: &prepared.targets,
        domains: &prepared.domains,
        count: prepared.constants.counts(0, 12).into_iter().max().unwrap_or(2),
        tall: prepared.constants.counts(13, 300),
    };
    let mut rng = ChaCha8Rng::seed_from_u64(effort.seed);
    let begin = Instant::now();
    let (mut decided, mut undecided, mut fruitless) = (0, 0, 0);
    let mut why = String::new();
    while decided + undecided < effort.databases && begin.elapsed() < effort.longest {
        cx.check()?;
        let mood = recipe.mood(&mut rng);
        let mut database = recipe.database(&mood, &mut rng);
        let values = parameters::draw(&prepared.parameters, statement, &mood, &mut rng);
        match arena.ask(cx, &mut database, &values).await? {
            Comparison::Same(_) => {
                decided += 1;
                fruitless = 0;
            }
            Comparison::Unverifiable(reason) => {
                undecided += 1;
                fruitless += 1;
                why = reason;
                if fruitless >= FRUITLESS {
                    break;
                }
            }
            Comparison::Differs(reason) => {
                let (mut smallest, reason) = minimize::minimize(cx, arena, database, &values, reason).await?;
                let answers = arena.answers(cx, &mut smallest, &values, SHOWN_ROWS).await?;
                let texts = [arena.original.0, arena.rewritten.0];
                let counterexample =
                    Counterexample::new(&prepared.targets, &smallest, values, answers, reason, texts);
                return Ok(Falsification::Refuted {
                    counterexample: Box::new(counterexample),
                    databases: decided + undecided + 1,
                });
            }
        }
    }
    if decided == 0 {
        let reason = if why.is_empty() { "there was no time for it".to_owned() } else { why };
        return Ok(Falsification::Impossible { reason });
    }
    let loaded = arena.loaded();
    let empty =
        prepared.targets.iter().enumerate().find(|(place, t)| t.read && !loaded.filled.contains(place));
    if let Some((_, target)) = empty {
        let refused = loaded.refused.as_deref().unwrap_or_default();
        let reason = format!("no row could be put into {}: {refused}", target.name);
        return Ok(Falsification::Impossible { reason });
    }
    Ok(Falsification::NotRefuted { databases: decided, undecided })
}

impl Falsification {
    /// Writes what came out into a check that found the same answers on the fork's own data.
    pub(crate) fn enter(&self, check: &mut AnswerCheck) {
        match self {
            Self::Refuted { counterexample, .. } => {
                check.answers = Answers::Differs;
                check.reason = format!("on a small database: {}", counterexample.reason);
                check.counterexample = Some(counterexample.to_string());
            }
            Self::Impossible { .. } => {
                check.answers = Answers::Unverifiable;
                check.reason = self.summary();
            }
            Self::NotRefuted { .. } => check.proof = self.summary(),
        }
    }

    /// One line for reports.
    pub fn summary(&self) -> String {
        match self {
            Self::NotRefuted { databases, undecided: 0 } => format!("not refuted by {databases} databases"),
            Self::NotRefuted { databases, undecided } => {
                format!("not refuted by {databases} databases; {undecided} more could not be compared")
            }
            Self::Refuted { databases, .. } => format!("refuted by database {databases}"),
            Self::Impossible { reason } => format!("compared on the fork's own data only: {reason}"),
        }
    }
}
