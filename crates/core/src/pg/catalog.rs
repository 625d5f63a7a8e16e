//! Reads the catalogs of one database into [`Catalog`].

use super::{Session, SourceSession};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::types::Catalog;

/// One JSON document in the shape of [`Catalog`]. Works on PostgreSQL 14 to 18.
const CATALOG: &str = include_str!("catalog.sql");

/// Everything the database says of itself; system schemas are left out.
pub async fn read_catalog(session: &Session, cx: &Context) -> Result<Catalog> {
    read(session.json(cx, CATALOG, &[]).await?)
}

/// The same of a source, with unqualified names looked up in these schemas; in those of the session if none is named.
pub(crate) async fn read_source_catalog(
    session: &SourceSession,
    cx: &Context,
    search_path: &[String],
) -> Result<Catalog> {
    read(session.json(cx, search_path, CATALOG, &[]).await?)
}

fn read(documents: Vec<serde_json::Value>) -> Result<Catalog> {
    let document = documents.into_iter().next().unwrap_or_default();
    serde_json::from_value(document)
        .map_err(|e| Error::internal("the catalog does not have the expected shape").caused_by(e))
}
