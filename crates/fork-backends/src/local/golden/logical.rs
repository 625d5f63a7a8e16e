//! A copy of one database by `pg_dump` and `pg_restore`: works over any connection and across versions.

use std::path::Path;

use pgverse_core::pg::{Dsn, Session, quote};
use pgverse_core::{Context, Error, ErrorKind, Result};

use super::super::core::Place;
use super::Meta;
use super::facts::Facts;
use super::live::{configure, meta, require_extensions, run_with_progress};
use crate::shared::server::SUPERUSER;
use crate::shared::{Programs, Settings, StopMode, files, run};

/// The programs that copy.
pub(super) const TOOLS: [&str; 2] = ["pg_dump", "pg_restore"];

/// Dumps, restores into a new cluster, and gathers statistics. Owners and privileges are left out; what the
/// database itself is set to (encoding, locale, `ALTER DATABASE ... SET`) is kept.
pub(super) async fn fill(
    cx: &Context,
    place: &Place,
    programs: &Programs,
    dsn: &Dsn,
    facts: &Facts,
    draft: &Path,
) -> Result<Meta> {
    if facts.database == "template1" {
        return Err(Error::new(ErrorKind::Unsupported, "template1 cannot be copied by dump and restore"));
    }
    super::new_cluster(cx, place, programs, draft).await?;
    let preload = Settings::default().with("shared_preload_libraries", &facts.preload());
    let (running, local) =
        super::start(cx, &place.account, programs, draft, &super::building().and(&preload), SUPERUSER)
            .await?;
    let session = Session::connect(cx, &local, "golden").await?;
    require_extensions(cx, &session, facts).await?;
    let existing = session.text(cx, "SELECT json_agg(rolname)::text FROM pg_roles", &[]).await?;
    let existing: Vec<String> = serde_json::from_str(&existing)
        .map_err(|e| Error::internal("names of roles cannot be read").caused_by(e))?;
    for role in facts.roles.iter().filter(|role| !existing.contains(role)) {
        session.batch(cx, &format!("CREATE ROLE {} NOLOGIN", quote::ident(role))).await?;
    }
    if facts.database == "postgres" {
        // The restore makes it anew, with the source's encoding, locale and settings.
        session.batch(cx, "DROP DATABASE postgres").await?;
    }

    let dump = draft.join("dump");
    // Two at once, not compressed: on this machine's disk that is the fastest (measured).
    let mut command = run::client(&programs.tool(TOOLS[0])?, dsn);
    command.args(["--format=directory", "--jobs=2", "--compress=0", "--no-sync", "--lock-wait-timeout=60s"]);
    command.args(["--no-owner", "--no-privileges", "--no-tablespaces", "--no-security-labels"]);
    command.args(["--no-publications", "--no-subscriptions", "-f"]).arg(&dump);
    run_with_progress(cx, command, &dump, facts.bytes).await.map_err(|e| named(e).with("source", dsn))?;

    let mut command = run::client(&programs.tool(TOOLS[1])?, &local);
    command.args(["--jobs=2", "--exit-on-error", "--create", "--dbname=template1"]);
    command.args(["--no-owner", "--no-privileges", "--no-tablespaces"]).arg(&dump);
    run_with_progress(cx, command, &draft.join(super::DATA), facts.bytes).await?;
    files::remove_tree(&dump)?;

    let session = Session::connect(cx, &local.with_database(&facts.database), "golden").await?;
    // Statistics are not part of a dump; and forks, which run without autovacuum, start with visibility maps.
    session.batch(cx, "VACUUM (FREEZE, ANALYZE)").await?;
    super::drop_others(cx, &session).await?;
    session.batch(cx, "CHECKPOINT").await?;
    let settings = facts.fork_settings().known_to(cx, &session).await?;
    drop(session);
    cx.guard(running.stop(StopMode::Fast)).await?;
    configure(place, draft, &settings)?;
    Ok(meta(facts, programs, SUPERUSER))
}

/// The kind behind what `pg_dump` says.
fn named(error: Error) -> Error {
    if error.to_string().contains("permission denied") {
        return Error::new(ErrorKind::Permission, "the role may not read everything that is to be copied")
            .caused_by(error)
            .hint("GRANT pg_read_all_data to the role, or connect as another");
    }
    error
}
