//! A copy of the whole server, file by file, by `pg_basebackup`: same bytes, same statistics, same plans.

use std::path::Path;

use pgverse_core::pg::{Dsn, Session, quote};
use pgverse_core::{Context, Error, ErrorKind, Result};

use super::super::core::Place;
use super::super::mechanism::DATA;
use super::Meta;
use super::facts::Facts;
use super::live::{configure, meta, require_extensions, run_with_progress};
use crate::shared::{Programs, StopMode, files, run};

/// The program that copies.
pub(super) const TOOL: &str = "pg_basebackup";

/// Copies and starts the server once, so that forks need no recovery.
pub(super) async fn fill(
    cx: &Context,
    place: &Place,
    programs: &Programs,
    tool: &Path,
    dsn: &Dsn,
    facts: &Facts,
    draft: &Path,
) -> Result<Meta> {
    let data = draft.join(DATA);
    place.choice.mechanism.create_golden(&place.account, &data)?;
    let mut command = run::client(tool, dsn);
    command
        .args(["--wal-method=stream", "--checkpoint=fast", "--no-sync", "--no-manifest"])
        .arg("-D")
        .arg(&data);
    if facts.free_slots < 1 {
        // Without one the server may remove WAL that is not copied yet; the copy fails then and says so.
        command.arg("--no-slot");
    }
    run_with_progress(cx, command, &data, facts.cluster_bytes).await.map_err(|e| e.with("source", dsn))?;
    // A copy of a standby must not follow its primary.
    for name in ["standby.signal", "recovery.signal"] {
        files::remove_file(&data.join(name))?;
    }
    place.account.give_tree(&data)?;
    configure(place, draft, &facts.fork_settings())?;

    let user = facts.superuser.as_deref().unwrap_or_default();
    let (running, local) =
        super::start(cx, &place.account, programs, draft, &super::building(), user).await?;
    let session = Session::connect(cx, &local.with_database(&facts.database), "golden").await?;
    require_extensions(cx, &session, facts).await?;
    same_collation(cx, &session, facts).await?;
    slim(cx, &session).await?;
    session.batch(cx, "CHECKPOINT").await?;
    drop(session);
    cx.guard(running.stop(StopMode::Fast)).await?;
    Ok(meta(facts, programs, user))
}

/// What a failure says against a physical copy as such; a logical copy may work then.
pub(super) fn obstacle(error: &Error) -> Option<String> {
    let text = error.to_string();
    if error.kind() == ErrorKind::Unsupported && text.contains(COLLATION_DIFFERS) {
        Some(COLLATION_DIFFERS.to_owned())
    } else if error.kind() != ErrorKind::Process {
        None
    } else if text.contains("pg_hba.conf") {
        Some("pg_hba.conf allows this role no replication connection".to_owned())
    } else if text.contains("max_wal_senders") {
        Some("all of the server's senders (max_wal_senders) are in use".to_owned())
    } else {
        None
    }
}

const COLLATION_DIFFERS: &str = "this machine sorts text in another way than the source";

/// Indexes on text are right only where the same library version sorts.
async fn same_collation(cx: &Context, session: &Session, facts: &Facts) -> Result<()> {
    let Some(theirs) = &facts.collation else { return Ok(()) };
    let sql = "SELECT coalesce(pg_database_collation_actual_version(oid), '') FROM pg_database \
               WHERE datname = current_database()";
    let ours = session.text(cx, sql, &[]).await?;
    if ours == *theirs {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Unsupported, COLLATION_DIFFERS).with("source", theirs).with("here", ours))
}

/// Rolls back what could hold forks up: prepared transactions with their locks. Then drops other databases.
async fn slim(cx: &Context, session: &Session) -> Result<()> {
    let names = "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()";
    for gid in super::names(cx, session, names).await? {
        session.batch(cx, &format!("ROLLBACK PREPARED {}", quote::literal(&gid))).await?;
    }
    super::drop_others(cx, session).await
}
