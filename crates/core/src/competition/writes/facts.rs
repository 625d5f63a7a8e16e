//! What must be known of a table before a valid write to it can be made up.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::bench::{Arm, Lab};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::pg::quote::{ident, qualified};

/// A table as an arm has it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Facts {
    /// `reltuples`.
    pub(super) rows: f64,
    pub(super) columns: Vec<Column>,
    /// Key columns of each unique index and exclusion constraint.
    pub(super) exclusive: Vec<BTreeSet<String>>,
    /// Columns that some index holds, or that its expressions and predicate read.
    pub(super) indexed: BTreeSet<String>,
    /// Foreign keys that keep rows from being deleted.
    held_by: Vec<Holder>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Column {
    pub(super) name: String,
    /// Declared type.
    pub(super) type_name: String,
    /// The same without length, and without the domain.
    pub(super) base: String,
    /// Computed from other columns.
    pub(super) generated: bool,
    /// An identity, or a default that is new each time.
    pub(super) numbered: bool,
    /// Part of a foreign key.
    #[serde(rename = "foreign")]
    pub(super) refers: bool,
}

#[derive(Debug, Clone, Deserialize)]
struct Holder {
    schema: String,
    table: String,
    /// Column of the table, column of the holder.
    pairs: Vec<(String, String)>,
}

impl Facts {
    pub(super) async fn read(cx: &Context, lab: &Lab, arm: &Arm, table: &str) -> Result<Self> {
        lab.enter(cx, arm).await?;
        let rows = lab.session().json(cx, include_str!("facts.sql"), &[Some(table.to_owned())]).await;
        lab.leave(cx).await?;
        serde_json::from_value(rows?.into_iter().next().unwrap_or_default()).map_err(|e| {
            Error::internal("the facts of a table cannot be read").with("table", table).caused_by(e)
        })
    }

    pub(super) fn is_exclusive(&self, column: &str) -> bool {
        self.exclusive.iter().any(|key| key.contains(column))
    }

    /// A condition on row `s` that no other table holds on to it.
    pub(super) fn free(&self) -> String {
        let conditions: Vec<String> = self
            .held_by
            .iter()
            .map(|holder| {
                let equal: Vec<String> = holder
                    .pairs
                    .iter()
                    .map(|(mine, theirs)| format!("h.{} = s.{}", ident(theirs), ident(mine)))
                    .collect();
                let table = qualified(&holder.schema, &holder.table);
                format!("NOT EXISTS (SELECT FROM {table} AS h WHERE {})", equal.join(" AND "))
            })
            .collect();
        if conditions.is_empty() { "true".to_owned() } else { conditions.join(" AND ") }
    }
}
