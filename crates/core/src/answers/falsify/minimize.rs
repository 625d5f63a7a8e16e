//! Makes a counterexample small: tables, rows and values that are not needed are taken out.

use super::arena::Arena;
use super::generate::Database;
use crate::answers::check::Comparison;
use crate::context::Context;
use crate::error::Result;
use crate::pg::Parameters;

/// Databases that may be tried.
const EFFORT: usize = 300;

/// The smallest database found on which the answers still differ, and how they differ.
pub(super) async fn minimize(
    cx: &Context,
    arena: &Arena<'_>,
    database: Database,
    values: &Parameters,
    reason: String,
) -> Result<(Database, String)> {
    let mut search = Search { cx, arena, values, best: database, reason, left: EFFORT };
    loop {
        let before = search.best.iter().map(Vec::len).sum::<usize>();
        for table in 0..search.best.len() {
            if !search.best[table].is_empty() {
                search.attempt(|database| database[table].clear()).await?;
            }
            let mut row = search.best[table].len();
            while row > 0 {
                row = row.min(search.best[table].len());
                if row == 0 {
                    break;
                }
                row -= 1;
                search
                    .attempt(|database| {
                        database[table].remove(row);
                    })
                    .await?;
            }
        }
        if search.best.iter().map(Vec::len).sum::<usize>() == before || search.left == 0 {
            break;
        }
    }
    for (table, target) in arena.targets.iter().enumerate() {
        for (column, _) in target.columns.iter().enumerate().filter(|(_, field)| field.nullable) {
            if search.best[table].iter().any(|row| row[column].is_some()) {
                search
                    .attempt(|database| {
                        for row in &mut database[table] {
                            row[column] = None;
                        }
                    })
                    .await?;
            }
        }
    }
    Ok((search.best, search.reason))
}

struct Search<'a> {
    cx: &'a Context,
    arena: &'a Arena<'a>,
    values: &'a Parameters,
    best: Database,
    reason: String,
    left: usize,
}

impl Search<'_> {
    /// Keeps the change if the answers still differ.
    async fn attempt(&mut self, change: impl FnOnce(&mut Database)) -> Result<()> {
        if self.left == 0 {
            return Ok(());
        }
        self.left -= 1;
        let mut database = self.best.clone();
        change(&mut database);
        if let Comparison::Differs(reason) = self.arena.ask(self.cx, &mut database, self.values).await? {
            self.best = database;
            self.reason = reason;
        }
        Ok(())
    }
}
