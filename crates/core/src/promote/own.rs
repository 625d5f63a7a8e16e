//! Indexes by name: whether one is there, whether it is valid, and whether it is ours.

use super::action::{IndexName, Present};
use super::canonical::Canonical;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::pg::{Session, quote::qualified};

/// An index that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FoundIndex {
    pub(super) valid: bool,
    pub(super) definition: String,
    /// The table that it is on, as SQL names it.
    pub(super) table: String,
}

/// The index of this name, if there is one; another relation of the name is an error.
pub(super) async fn find_index(
    cx: &Context,
    session: &Session,
    name: &IndexName,
) -> Result<Option<FoundIndex>> {
    let sql = "SELECT i.indisvalid AND i.indisready, pg_get_indexdef(c.oid), format('%I.%I', tn.nspname, t.relname) \
               FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               LEFT JOIN pg_index i ON i.indexrelid = c.oid \
               LEFT JOIN pg_class t ON t.oid = i.indrelid LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace \
               WHERE n.nspname = $1 AND c.relname = $2";
    let values = [Some(name.schema.clone()), Some(name.name.clone())];
    let rows = session.rows(cx, sql, &values).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let unreadable = |e| Error::internal("the catalog cannot be read").caused_by(e);
    let valid: Option<bool> = row.try_get(0).map_err(unreadable)?;
    let definition: Option<String> = row.try_get(1).map_err(unreadable)?;
    let table: Option<String> = row.try_get(2).map_err(unreadable)?;
    match (valid, definition, table) {
        (Some(valid), Some(definition), Some(table)) => Ok(Some(FoundIndex { valid, definition, table })),
        _ => Err(Error::invalid("a relation that is no index has this name")
            .with("name", name.sql())
            .hint("rename it, or run the competition again")),
    }
}

/// Whether an index that exists is the one that this statement makes.
pub(super) async fn is_ours(cx: &Context, session: &Session, found: &FoundIndex, sql: &str) -> Result<bool> {
    let wanted = Canonical::of_statement(cx, session, sql, &found.table).await?;
    Ok(wanted == Canonical::of_definition(&found.definition))
}

/// Whether an object is there.
pub(super) async fn is_present(cx: &Context, session: &Session, object: &Present) -> Result<bool> {
    let (sql, values) = match object {
        Present::Relation { schema, name } => {
            ("SELECT 1 WHERE to_regclass($1) IS NOT NULL", vec![Some(qualified(schema, name))])
        }
        Present::Statistics { schema, name } => (
            "SELECT 1 FROM pg_statistic_ext x JOIN pg_namespace n ON n.oid = x.stxnamespace \
             WHERE n.nspname = $1 AND x.stxname = $2",
            vec![Some(schema.clone()), Some(name.clone())],
        ),
        Present::Constraint { schema, table, name } => (
            "SELECT 1 FROM pg_constraint WHERE conrelid = to_regclass($1) AND conname = $2",
            vec![Some(qualified(schema, table)), Some(name.clone())],
        ),
    };
    Ok(!session.rows(cx, sql, &values).await?.is_empty())
}
