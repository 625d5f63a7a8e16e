//! The source database: read-only by type. Nothing that measures or changes can be built from it.

use tokio_postgres::Row;

use super::session::Parameters;
use super::{Dsn, Session};
use crate::context::Context;
use crate::error::Result;
use crate::types::Plan;

/// The database that is to be made faster. Opens read-only sessions and nothing else.
#[derive(Debug, Clone)]
pub struct Source {
    dsn: Dsn,
}

impl Source {
    /// The source behind a connection string.
    pub fn new(dsn: Dsn) -> Self {
        Self { dsn }
    }

    /// Opens a session whose every transaction is read-only.
    pub async fn session(&self, cx: &Context) -> Result<SourceSession> {
        let options = "-c default_transaction_read_only=on";
        let session = Session::connect_with(cx, &self.dsn, "source (read-only)", options).await?;
        Ok(SourceSession { session })
    }

    /// Connection string, for a fork backend that copies the source with PostgreSQL's own tools.
    pub fn dsn(&self) -> &Dsn {
        &self.dsn
    }
}

/// A session that can only read: each statement runs in a read-only transaction of its own.
#[derive(Debug)]
pub struct SourceSession {
    session: Session,
}

impl SourceSession {
    /// Runs one read-only statement and returns its rows.
    pub async fn rows(&self, cx: &Context, sql: &str, values: &Parameters) -> Result<Vec<Row>> {
        self.session.batch(cx, "BEGIN READ ONLY").await?;
        let rows = self.session.rows(cx, sql, values).await;
        self.session.batch(cx, "ROLLBACK").await?;
        rows
    }

    /// Runs one read-only statement whose rows are JSON values in the first column, with unqualified names looked up in
    /// these schemas; in those of the session if none is named.
    pub(crate) async fn json(
        &self,
        cx: &Context,
        search_path: &[String],
        sql: &str,
        values: &Parameters,
    ) -> Result<Vec<serde_json::Value>> {
        let path: Vec<String> = search_path.iter().map(|schema| super::quote::ident(schema)).collect();
        self.session.batch(cx, "BEGIN READ ONLY").await?;
        let rows = async {
            if !path.is_empty() {
                let sql = "SELECT set_config('search_path', $1, true)";
                self.session.rows(cx, sql, &[Some(path.join(", "))]).await?;
            }
            self.session.json(cx, sql, values).await
        }
        .await;
        self.session.batch(cx, "ROLLBACK").await?;
        rows
    }

    /// The plan of a statement, not executed.
    pub(crate) async fn explain(&self, cx: &Context, sql: &str, values: &Parameters) -> Result<Plan> {
        self.session.batch(cx, "BEGIN READ ONLY").await?;
        let plan = super::explain(&self.session, cx, sql, values).await;
        self.session.batch(cx, "ROLLBACK").await?;
        plan
    }
}
