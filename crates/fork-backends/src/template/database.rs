//! The databases of forks: what they are named, the marks they carry, and their end.

use std::time::{Duration, Instant};

use pgverse_core::pg::{Session, parameters, quote};
use pgverse_core::types::UniverseId;
use pgverse_core::{Context, Error, ErrorKind, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::SCHEME;
use crate::shared::Lease;

/// What the name of every fork begins with.
pub(super) const PREFIX: &str = "pgverse_fork";

/// How long a server process that makes a fork may take to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// The role of the session that makes a fork, as its application name shows it after `pgverse `. A sweep
/// finds by it a server process that still copies for an owner who is dead.
pub(super) fn purpose(id: &UniverseId) -> String {
    format!("fork {id}")
}

/// Runs a query and reads each row by the names of its columns.
pub(super) async fn query<T: DeserializeOwned>(
    cx: &Context,
    session: &Session,
    sql: &str,
    values: &[&str],
) -> Result<Vec<T>> {
    let rows = session.json(cx, &format!("SELECT to_json(q) FROM ({sql}) q"), &parameters(values)).await?;
    let read = |e| Error::internal("the catalog answered in an unexpected form").caused_by(e);
    rows.into_iter().map(|row| serde_json::from_value(row).map_err(read)).collect()
}

/// Refuses names that cannot be those of forks, so that no slip ever drops a database of the user's.
pub(super) fn require_fork(id: &UniverseId) -> Result<()> {
    let random = id.as_str().strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('_'));
    if random
        .is_some_and(|r| !r.is_empty() && r.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
    {
        return Ok(());
    }
    Err(Error::invalid("this is not the name of a fork")
        .with("name", id)
        .hint("list the forks with: pgverse fork list"))
}

/// Writes the lease onto the database, as its comment.
pub(super) async fn mark(cx: &Context, session: &Session, lease: &Lease) -> Result<()> {
    let text = serde_json::to_string(lease)
        .map_err(|e| Error::internal("a lease cannot be written as JSON").caused_by(e))?;
    let name = quote::ident(lease.id.as_str());
    session.batch(cx, &format!("COMMENT ON DATABASE {name} IS {}", quote::literal(&text))).await
}

/// The leases in the comments of all databases of the server that have the name of a fork and a comment of
/// ours.
pub(super) async fn marks(cx: &Context, session: &Session) -> Result<Vec<Lease>> {
    #[derive(Deserialize)]
    struct Row {
        name: String,
        comment: String,
    }
    let sql = "SELECT datname AS name, shobj_description(oid, 'pg_database') AS comment FROM pg_database \
               WHERE starts_with(datname::text, $1) AND shobj_description(oid, 'pg_database') IS NOT NULL \
               ORDER BY datname";
    let rows: Vec<Row> = query(cx, session, sql, &[PREFIX]).await?;
    let lease = |row: Row| {
        let lease: Lease = serde_json::from_str(&row.comment).ok()?;
        let ours = lease.id.as_str() == row.name && lease.scheme == SCHEME && require_fork(&lease.id).is_ok();
        ours.then_some(lease)
    };
    Ok(rows.into_iter().filter_map(lease).collect())
}

/// Drops the database of a fork, whoever is connected to it, after ending what still copies into it. One
/// that is gone, or never was, is fine.
pub(super) async fn remove(cx: &Context, session: &Session, id: &UniverseId) -> Result<()> {
    require_fork(id)?;
    end_makers(cx, session, id).await?;
    session.batch(cx, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quote::ident(id.as_str()))).await
}

/// Ends what still copies into a fork's database: CREATE DATABASE goes on in the server when its client has died
/// or given up, and would be done after our DROP found nothing.
async fn end_makers(cx: &Context, session: &Session, id: &UniverseId) -> Result<()> {
    #[derive(Deserialize)]
    struct Row {
        pid: i32,
        ended: bool,
    }
    let sql = "SELECT pid, pg_terminate_backend(pid, 30000) AS ended FROM pg_stat_activity \
               WHERE application_name = $1 AND pid <> pg_backend_pid()";
    let name = format!("pgverse {}", purpose(id));
    let begin = Instant::now();
    loop {
        let told: Vec<Row> = query(cx, session, sql, &[&name]).await?;
        let Some(stuck) = told.iter().find(|maker| !maker.ended) else { return Ok(()) };
        // One that is ending by itself is listed for a moment after it can be told; that is no failure.
        if begin.elapsed() >= PATIENCE {
            return Err(Error::new(ErrorKind::Busy, "the server process that makes the fork does not end")
                .with("fork", id)
                .with("pid", stuck.pid));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::lease::new_id;

    #[test]
    fn only_names_of_forks_are_ever_dropped() {
        require_fork(&new_id(PREFIX)).unwrap();
        for name in [
            "shop",
            "pgverse_fork",
            "pgverse_fork_",
            "pgverse_fork_A",
            "pgverse_fork_x y",
            "pgverse_forks_x",
            "",
        ] {
            assert_eq!(require_fork(&name.into()).unwrap_err().kind(), ErrorKind::InvalidInput, "{name}");
        }
    }
}
