//! What rolled-back writes leave behind: dead rows, pages that are no longer known to be visible to all, and space at
//! the end of tables and indexes. Without clearing it away, a scan of a table that the workload writes to takes longer
//! round by round, so that an index that spares the scan looks better than it is, and an index-only scan visits the
//! table after all, so that a covering index looks worse.

use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::screen::Cell;
use super::tree;
use super::universe::closed;
use crate::bench::Lab;
use crate::context::Context;
use crate::error::Result;
use crate::pg::quote::qualified;
use crate::types::{Brief, Statement, StatementKind};

/// A table that grew by more than this share is cleared whatever that takes.
const TOLERATED: f64 = 0.02;

/// Share of the time between that clearing a table may take; a table that takes longer is left until it has grown.
const LONGEST_SHARE: f64 = 0.25;

/// The tables that a race writes to.
#[derive(Debug)]
pub(super) struct Litter {
    tables: Vec<Table>,
    /// When they were clean.
    clean: Instant,
}

#[derive(Debug)]
struct Table {
    name: String,
    /// Size that it goes back to.
    bytes: i64,
    /// What clearing it took.
    took: Duration,
}

impl Litter {
    /// The tables that the writes among these cells name in their plans, as large as they are now.
    pub(super) async fn of<'a>(
        cx: &Context,
        lab: &Lab,
        brief: &Brief,
        cells: impl Iterator<Item = Cell<'a>>,
    ) -> Result<Self> {
        Self::of_writes(cx, lab, brief, cells.map(|cell| cell.statement)).await
    }

    /// The same for these statements.
    pub(super) async fn of_writes<'a>(
        cx: &Context,
        lab: &Lab,
        brief: &Brief,
        statements: impl Iterator<Item = &'a Statement>,
    ) -> Result<Self> {
        let names: Vec<String> = statements
            .filter(|statement| statement.kind == StatementKind::Write)
            .flat_map(|statement| brief.plans_of(&statement.id))
            .flat_map(|planned| planned.plan.nodes())
            .filter(|node| node.node_type == "ModifyTable")
            .filter_map(|node| Some(qualified(node.schema.as_ref()?, node.relation_name.as_ref()?)))
            .collect();
        Self::of_tables(cx, lab, names).await
    }

    /// These tables, qualified and quoted, as large as they are now.
    pub(super) async fn of_tables(cx: &Context, lab: &Lab, mut names: Vec<String>) -> Result<Self> {
        names.sort_unstable();
        names.dedup();
        let mut tables = Vec::with_capacity(names.len());
        for name in names {
            let bytes = tree::bytes(cx, lab, &name).await?;
            tables.push(Table { name, bytes, took: Duration::ZERO });
        }
        Ok(Self { tables, clean: Instant::now() })
    }

    /// Whether nothing is written to.
    pub(super) fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Makes all of them as if nothing had been written: no dead rows, and pages visible to all.
    pub(super) async fn vacuum(&self, cx: &Context, lab: &Lab) -> Result<()> {
        for table in &self.tables {
            lab.session().batch(cx, &format!("VACUUM (INDEX_CLEANUP ON) {}", table.name)).await?;
        }
        Ok(())
    }

    /// Clears the tables while nobody is timed: it would disturb them.
    pub(super) async fn clear(&mut self, cx: &Context, lab: &Lab, slot: &Semaphore) -> Result<()> {
        if self.tables.is_empty() {
            return Ok(());
        }
        let longest = self.clean.elapsed().mul_f64(LONGEST_SHARE);
        let _permit = slot.acquire().await.map_err(closed)?;
        for table in &mut self.tables {
            #[allow(clippy::cast_precision_loss)] // Bytes of a table fit a float's 53 bits.
            let tolerated = table.bytes as f64 * (1.0 + TOLERATED);
            #[allow(clippy::cast_precision_loss)]
            let grown = tree::bytes(cx, lab, &table.name).await? as f64 > tolerated;
            if grown || table.took <= longest {
                let begin = Instant::now();
                lab.session().batch(cx, &format!("VACUUM (INDEX_CLEANUP ON) {}", table.name)).await?;
                table.took = begin.elapsed();
                // What could not be given back would be tried again after each round.
                table.bytes = table.bytes.max(tree::bytes(cx, lab, &table.name).await?);
            }
        }
        self.clean = Instant::now();
        Ok(())
    }
}
