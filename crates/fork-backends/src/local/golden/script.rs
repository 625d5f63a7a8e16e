//! Images made by running scripts in a new database: built once, kept, built anew when the scripts change.

use std::path::Path;

use pgverse_core::pg::{Session, quote};
use pgverse_core::{Context, Event, Result};

use super::super::core::Place;
use super::{Draft, FORMAT, Golden, Meta, SCRIPT, draft};
use crate::shared::{Programs, Settings, StopMode, files, server};

/// Disk that an empty cluster and its first changes need, bytes.
const LEAST_SPACE: u64 = 128 << 20;

/// The image of these scripts.
pub(super) async fn obtain(
    cx: &Context,
    place: &Place,
    programs: Programs,
    name: &str,
    sql: &[String],
) -> Result<Golden> {
    let label = format!("{SCRIPT}-{}", file_name(name));
    let directory = place.home.golden().join(format!("{label}-{}", key(place, &programs, name, sql)));
    if let Some(golden) = Golden::open(&programs, &directory)? {
        return Ok(golden);
    }
    let _name = draft::lock_name(cx, &place.home, &label).await?;
    if let Some(golden) = Golden::open(&programs, &directory)? {
        return Ok(golden);
    }
    cx.emit(Event::Preparing { what: format!("building the golden image of database {name}, once") });
    files::require_space(&place.home.golden(), LEAST_SPACE)?;
    let draft = Draft::create(&place.home, &place.account)?;
    let filled = fill(cx, place, &programs, draft.path(), name, sql).await;
    let (meta, lock) = super::complete(draft, filled, &directory).await?;
    super::remove_outdated(place, &label, &directory);
    Ok(Golden { programs, meta, directory, lock, temporary: None })
}

async fn fill(
    cx: &Context,
    place: &Place,
    programs: &Programs,
    draft: &Path,
    name: &str,
    sql: &[String],
) -> Result<Meta> {
    super::new_cluster(cx, place, programs, draft).await?;
    let (running, dsn) =
        super::start(cx, &place.account, programs, draft, &super::building(), server::SUPERUSER).await?;
    if name != "postgres" {
        let session = Session::connect(cx, &dsn, "golden").await?;
        session.batch(cx, &format!("CREATE DATABASE {}", quote::ident(name))).await?;
    }
    let session = Session::connect(cx, &dsn.with_database(name), "golden").await?;
    for (index, script) in sql.iter().enumerate() {
        session.batch(cx, script).await.map_err(|e| e.with("script", index + 1).with("database", name))?;
    }
    // A session reports its changes late, maybe after its own ANALYZE, and the tables would look changed since.
    if programs.version().major >= 15 {
        session.batch(cx, "SELECT pg_stat_force_next_flush()").await?;
    }
    // Forks run without autovacuum: they start with statistics, visibility maps and nothing left to freeze.
    session.batch(cx, "VACUUM (FREEZE, ANALYZE)").await?;
    super::drop_others(cx, &session).await?;
    session.batch(cx, "CHECKPOINT").await?;
    drop(session);
    cx.guard(running.stop(StopMode::Fast)).await?;
    Ok(Meta {
        format: FORMAT,
        version: programs.version().to_string(),
        database: name.to_owned(),
        user: server::SUPERUSER.to_owned(),
        bytes: 0,
    })
}

/// Digest of everything that decides what is in the image.
fn key(place: &Place, programs: &Programs, name: &str, sql: &[String]) -> String {
    let mut hash = blake3::Hasher::new();
    let mut add = |part: &str| {
        // Lengths keep the parts apart.
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    };
    add(&format!(
        "{FORMAT} {} {} {}",
        programs.version().major,
        place.account.uid(),
        place.choice.mechanism.golden_kind()
    ));
    add(&Settings::for_fork().to_conf());
    add(name);
    sql.iter().for_each(|script| add(script));
    hash.finalize().to_hex()[..16].to_owned()
}

/// A database's name as part of a file name.
fn file_name(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
    name.chars().take(40).map(safe).collect()
}
