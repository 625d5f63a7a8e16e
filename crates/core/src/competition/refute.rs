//! Rewritten statements that gave the same answers on the fork's own data are tried on tiny databases.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use super::screen::{Cell, text};
use crate::answers::falsify::{Effort, Falsification, Rewrite, falsify};
use crate::bench::Lab;
use crate::context::Context;
use crate::error::Result;
use crate::types::{AnswerCheck, Answers, Candidate, Catalog, Effect, Operation, StatementId, Switch};

/// Tries each rewrite of a universe once, also where several candidates share it.
#[derive(Debug)]
pub(super) struct Refuter<'a> {
    catalog: &'a Catalog,
    databases: u32,
    seed: u64,
    known: Mutex<BTreeMap<String, Falsification>>,
}

impl<'a> Refuter<'a> {
    /// Tries that many databases for each rewrite; with zero it does nothing.
    pub(super) fn new(catalog: &'a Catalog, databases: u32, seed: u64) -> Self {
        Self { catalog, databases, seed, known: Mutex::default() }
    }

    /// Tries every statement whose answers could have changed and were the same so far, once for all of its
    /// parameter sets, and writes what came out into its checks.
    pub(super) async fn refute(
        &self,
        cx: &Context,
        lab: &Lab,
        cells: &[Cell<'_>],
        candidate: &Candidate,
        checks: &mut [AnswerCheck],
    ) -> Result<()> {
        if self.databases == 0 {
            return Ok(());
        }
        let statements: BTreeSet<StatementId> = checks.iter().map(|c| c.statement.clone()).collect();
        for id in statements {
            let same = checks.iter().filter(|c| c.statement == id).all(|c| c.answers == Answers::Same);
            let Some(cell) = cells.iter().find(|c| c.statement.id == id).copied() else { continue };
            if !same || !may_change(candidate, &id) {
                continue;
            }
            let outcome = self.outcome(cx, lab, cell, candidate).await?;
            for check in checks.iter_mut().filter(|c| c.statement == id) {
                outcome.enter(check);
            }
        }
        Ok(())
    }

    async fn outcome(
        &self,
        cx: &Context,
        lab: &Lab,
        cell: Cell<'_>,
        candidate: &Candidate,
    ) -> Result<Falsification> {
        let sql = text(cell, candidate);
        let answers: Vec<&Operation> = candidate
            .change
            .operations
            .iter()
            .filter(|o| o.effect() == Effect::Answers && !matches!(o, Operation::RewriteStatement { .. }))
            .collect();
        let key = format!("{} {sql} {answers:?}", cell.statement.id);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(outcome) = known {
            return Ok(outcome);
        }
        let rewrite = Rewrite { statement: cell.statement, sql, change: &candidate.change };
        let effort = Effort { databases: self.databases, seed: self.seed, ..Effort::default() };
        let outcome = falsify(cx, lab, self.catalog, rewrite, effort).await?;
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(key, outcome.clone());
        Ok(outcome)
    }
}

/// Whether a statement's answers come from another text, or from what hand-written SQL made.
fn may_change(candidate: &Candidate, id: &StatementId) -> bool {
    candidate.change.rewritten(id).is_some()
        || candidate
            .change
            .operations
            .iter()
            .any(|o| matches!(o, Operation::Sql { .. }) && matches!(o.switch(), Switch::Enter(_)))
}
