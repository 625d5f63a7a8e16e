//! The source database: read-only by type. Nothing that measures or changes can be built from it.

use tokio_postgres::Row;

use super::session::Parameters;
use super::{Dsn, Session};
use crate::context::Context;
use crate::error::Result;
use crate::promote::Approval;
use crate::types::Plan;

/// The database that is to be made faster. Opens read-only sessions and nothing else; the connection string, by which a
/// session could be opened that writes, does not come out again:
///
/// ```compile_fail,E0624
/// # use pgverse_core::pg::{Dsn, Source};
/// # fn f(source: &Source, approval: &pgverse_core::promote::Approval) {
/// let dsn: &Dsn = source.dsn(approval); // private method
/// # }
/// ```
///
/// ```compile_fail,E0616
/// # fn f(source: &pgverse_core::pg::Source) {
/// let dsn = &source.dsn; // private field
/// # }
/// ```
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

    /// Whether the server is on this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.dsn.is_local()
    }

    /// The connection string, by which a session can be opened that writes: for promotion only, which has an approval.
    pub(crate) fn dsn(&self, _: &Approval) -> &Dsn {
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
