//! The server of the source: how to reach it without touching the source, and what it allows.

use std::path::PathBuf;

use async_trait::async_trait;
use pgverse_core::pg::{Dsn, Session, quote};
use pgverse_core::{Context, Error, ErrorKind, Result};

use serde::Deserialize;

use super::database::query;
use super::{Strategy, TemplateConfig, host};
use crate::shared::pooler;

/// Oldest major version that this backend works with.
const OLDEST: i32 = 14;

/// What is known of the server and the role after `prepare`.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// Major version.
    pub(super) major: i32,
    /// Whether the role is a superuser.
    pub(super) superuser: bool,
    /// The source's files, if they are on this machine and we may look at them.
    pub(super) files: Option<PathBuf>,
}

/// Opens a session on a database that is not the source: nobody may be connected to that while it is copied.
pub(super) async fn maintenance(cx: &Context, dsn: &Dsn, purpose: &str) -> Result<Session> {
    let mut first = None;
    for name in ["postgres", "template1"] {
        if name == dsn.database() {
            continue;
        }
        match Session::connect(cx, &dsn.with_database(name), purpose).await {
            Ok(session) => return Ok(session),
            // Without such a database, or without the right to connect to it, the next may do.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::Permission | ErrorKind::Authentication
                ) =>
            {
                first.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    let error = first.unwrap_or_else(|| Error::internal("no maintenance database was tried"));
    Err(error.with("needed for", "a session that is not on the source database"))
}

/// The way to the server past the source.
struct Maintenance<'a>(&'a Dsn);

#[async_trait]
impl pooler::Way for Maintenance<'_> {
    type Session = Session;

    async fn open(&self, cx: &Context) -> Result<Session> {
        maintenance(cx, self.0, "prepare").await
    }

    async fn ask(&self, cx: &Context, session: &Session, sql: &str) -> Result<String> {
        session.text(cx, sql, &[]).await
    }
}

/// Checks that forks can be made, so that what is missing is said at once and by name.
pub(super) async fn check(cx: &Context, config: &TemplateConfig) -> Result<Facts> {
    let dsn = &config.dsn;
    let suspect = |error| pooler::suspect(error, dsn);
    let session = maintenance(cx, dsn, "prepare").await.map_err(suspect)?;
    pooler::refuse(cx, dsn, &Maintenance(dsn), &session).await.map_err(suspect)?;

    #[derive(Deserialize)]
    struct Row {
        major: i32,
        version: String,
        standby: bool,
        superuser: bool,
        creates: bool,
    }
    let sql = "SELECT current_setting('server_version_num')::int / 10000 AS major, \
               current_setting('server_version') AS version, pg_is_in_recovery() AS standby, \
               rolsuper AS superuser, rolcreatedb OR rolsuper AS creates FROM pg_roles WHERE rolname = current_user";
    let rows: Vec<Row> = query(cx, &session, sql, &[]).await?;
    let Some(row) = rows.first() else { return Err(Error::internal("the role of the session is unknown")) };
    if row.major < OLDEST {
        return Err(Error::new(ErrorKind::Unsupported, format!("PostgreSQL {OLDEST} or newer is needed"))
            .with("server version", &row.version));
    }
    if config.strategy == Some(Strategy::WalLog) && row.major < 15 {
        return Err(Error::new(ErrorKind::Unsupported, "the strategy wal_log needs PostgreSQL 15 or newer")
            .with("server version", &row.version)
            .hint("leave the strategy to pgverse, or choose file_copy"));
    }
    if row.standby {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "the server is a standby, on which no database can be made",
        )
        .with("server", dsn)
        .hint("give the primary, or fork with --backend local"));
    }
    if !row.creates {
        return Err(Error::new(ErrorKind::Permission, "the role may not create databases")
            .with("role", dsn.user())
            .hint(format!("let a superuser run: ALTER ROLE {} CREATEDB", quote::ident(dsn.user()))));
    }
    check_source(cx, dsn, &session).await?;
    let files = host::files_of(cx, dsn, &session).await?;
    Ok(Facts { major: row.major, superuser: row.superuser, files })
}

/// CREATE DATABASE copies a database that is no template only for its owner and for superusers.
async fn check_source(cx: &Context, dsn: &Dsn, session: &Session) -> Result<()> {
    #[derive(Deserialize)]
    struct Row {
        allowed: bool,
        owner: String,
    }
    let sql = "SELECT datistemplate OR pg_has_role(datdba, 'USAGE') AS allowed, pg_get_userbyid(datdba) AS owner \
               FROM pg_database WHERE datname = $1";
    let rows: Vec<Row> = query(cx, session, sql, &[dsn.database()]).await?;
    let Some(row) = rows.first() else {
        return Err(Error::new(ErrorKind::NotFound, "there is no such database")
            .with("database", dsn.database())
            .with("server", dsn)
            .hint("list the databases with: psql -l"));
    };
    if row.allowed {
        return Ok(());
    }
    let owner = &row.owner;
    Err(Error::new(ErrorKind::Permission, "only its owner or a superuser may copy the source database")
        .with("database", dsn.database())
        .with("owner", owner)
        .with("role", dsn.user())
        .hint(format!("connect as {owner}, or fork with --backend local")))
}
