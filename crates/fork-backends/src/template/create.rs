//! CREATE DATABASE … TEMPLATE: the strategy, the wait, and what it took.

use std::time::{Duration, Instant};

use pgverse_core::pg::{Session, quote};
use pgverse_core::types::UniverseId;
use pgverse_core::{Context, Error, ErrorKind, Result};
use serde::Deserialize;

use super::database::query;
use super::host::{self, Cloning};
use super::server::Facts;
use super::{Strategy, TemplateConfig};
use crate::shared::files;
use crate::shared::pooler::sqlstate;

/// Below this size copying through the write-ahead log is faster than two checkpoints. Measured on
/// PostgreSQL 15, ext4: 7 MB 17 ms against 41 ms, 39 MB 54 against 62, 117 MB 168 against 103.
const SMALL: u64 = 32 << 20;

/// Mechanism of a fork that shares its blocks with the source.
pub(super) const CLONE: &str = "create_database_clone";

/// Most sessions that an error names.
const NAMED: usize = 10;

/// What was made.
#[derive(Debug)]
pub(super) struct Made {
    /// Name for reports.
    pub(super) mechanism: &'static str,
    /// Disk that it took, bytes.
    pub(super) bytes: u64,
    /// Size of the source, bytes.
    pub(super) full_bytes: u64,
}

/// Copies the database `template` into a new one.
pub(super) async fn create(
    cx: &Context,
    session: &Session,
    config: &TemplateConfig,
    template: &str,
    facts: &Facts,
    id: &UniverseId,
) -> Result<Made> {
    let full_bytes = size(cx, session, template).await?;
    let strategy = choose(facts.major, config.strategy, full_bytes);
    let mut sql =
        format!("CREATE DATABASE {} TEMPLATE {}", quote::ident(id.as_str()), quote::ident(template));
    if facts.major >= 15 {
        sql = format!("{sql} STRATEGY {}", strategy.as_str());
    }
    if strategy == Strategy::FileCopy && facts.major >= 18 && clones(cx, session).await? {
        let free_before = free(facts);
        match copy(cx, session, &sql, template, config.wait).await {
            Ok(()) => {
                if let Some(bytes) = bytes_of_clone(facts, free_before, full_bytes) {
                    return Ok(Made { mechanism: CLONE, bytes, full_bytes });
                }
                let bytes = size(cx, session, id.as_str()).await?;
                return Ok(Made { mechanism: "create_database_file_copy", bytes, full_bytes });
            }
            // A file system may refuse to clone between two of its files, or a tablespace lie on another.
            Err(error) if error.kind() == ErrorKind::Sql => {
                tracing::info!(%error, "the server cannot clone the files; it copies them");
                session.batch(cx, "SET file_copy_method = 'copy'").await?;
            }
            Err(error) => return Err(error),
        }
    }
    copy(cx, session, &sql, template, config.wait).await?;
    let mechanism = match strategy {
        Strategy::FileCopy => "create_database_file_copy",
        Strategy::WalLog => "create_database_wal_log",
    };
    Ok(Made { mechanism, bytes: size(cx, session, id.as_str()).await?, full_bytes })
}

fn choose(major: i32, asked: Option<Strategy>, bytes: u64) -> Strategy {
    let faster = if major >= 15 && bytes < SMALL { Strategy::WalLog } else { Strategy::FileCopy };
    asked.unwrap_or(faster)
}

/// Tells the server to clone files; whether it was built to.
async fn clones(cx: &Context, session: &Session) -> Result<bool> {
    match session.batch(cx, "SET file_copy_method = 'clone'").await {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::Sql => Ok(false),
        Err(error) => Err(error),
    }
}

/// Free space where the source's files are, if we can see it.
fn free(facts: &Facts) -> Option<u64> {
    files::free_space(facts.files.as_deref()?).ok()
}

/// What a clone took beyond the blocks that it shares; `None` if it is not known to share any.
fn bytes_of_clone(facts: &Facts, free_before: Option<u64>, full: u64) -> Option<u64> {
    match host::cloning(facts.files.as_deref()?) {
        Cloning::Always => Some(0),
        Cloning::AsFreeSpaceTells => {
            Some(free_before?.saturating_sub(free(facts)?)).filter(|taken| *taken < full / 2)
        }
        Cloning::Unknown => None,
    }
}

pub(super) async fn size(cx: &Context, session: &Session, database: &str) -> Result<u64> {
    #[derive(Deserialize)]
    struct Row {
        bytes: u64,
    }
    let rows: Vec<Row> = query(cx, session, "SELECT pg_database_size($1) AS bytes", &[database]).await?;
    Ok(rows.first().map_or(0, |row| row.bytes))
}

/// The statement itself, again and again until nobody is connected to the source or the time to wait is over.
/// Each attempt waits up to five seconds in the server.
async fn copy(
    cx: &Context,
    session: &Session,
    sql: &str,
    template: &str,
    wait: Option<Duration>,
) -> Result<()> {
    let begin = Instant::now();
    loop {
        match session.batch(cx, sql).await {
            Err(error) if sqlstate(&error) == Some("55006") => {
                if begin.elapsed() >= wait.unwrap_or(Duration::ZERO) {
                    return Err(in_use(cx, session, template).await?.caused_by(error));
                }
                tracing::info!(template, "waiting for other sessions to leave the source database");
            }
            other => return other,
        }
    }
}

/// The error for a source that others are connected to: it names them.
async fn in_use(cx: &Context, session: &Session, source: &str) -> Result<Error> {
    #[derive(Deserialize)]
    struct Row {
        pid: i32,
        user: Option<String>,
        application: Option<String>,
        kind: Option<String>,
    }
    let sql = "SELECT pid, usename AS \"user\", application_name AS application, backend_type AS kind \
               FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid() ORDER BY backend_start";
    let rows: Vec<Row> = query(cx, session, sql, &[source]).await?;
    let mut sessions: Vec<String> = rows
        .iter()
        .take(NAMED)
        .map(|row| {
            let application = row.application.as_deref().filter(|name| !name.is_empty());
            format!(
                "pid {} user {} application {}",
                row.pid,
                row.user.as_deref().unwrap_or("unknown"),
                application.or(row.kind.as_deref()).unwrap_or("unknown")
            )
        })
        .collect();
    if rows.len() > NAMED {
        sessions.push(format!("and {} more", rows.len() - NAMED));
    }
    let message = "the source database is in use, and PostgreSQL copies a database only while nobody is connected to it";
    Ok(Error::new(ErrorKind::Busy, message)
        .with("database", source)
        .with("sessions", if sessions.is_empty() { "gone by now".to_owned() } else { sessions.join("; ") })
        .hint("end these sessions, wait for them with --backend template:?wait=60s, fork a copy with --backend template:?copy, or fork with --backend local, which copies a database in use"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_faster_strategy_is_chosen_unless_one_is_asked_for() {
        assert_eq!(choose(15, None, SMALL), Strategy::FileCopy);
        assert_eq!(choose(15, None, SMALL - 1), Strategy::WalLog);
        assert_eq!(choose(14, None, 1), Strategy::FileCopy);
        assert_eq!(choose(18, Some(Strategy::WalLog), u64::MAX), Strategy::WalLog);
    }
}
