//! What can be seen of the server's files from here.

use std::path::{Path, PathBuf};

use pgverse_core::pg::{Dsn, Session};
use pgverse_core::{Context, Result};

use serde::Deserialize;

use super::database::query;

/// Directory of the source's files, if they lie on this machine and we may look at them.
pub(super) async fn files_of(cx: &Context, dsn: &Dsn, session: &Session) -> Result<Option<PathBuf>> {
    if !dsn.is_local() {
        return Ok(None);
    }
    #[derive(Deserialize)]
    struct Row {
        data: String,
        space: String,
        oid: String,
    }
    let sql = "SELECT current_setting('data_directory') AS data, \
               CASE WHEN spcname = 'pg_default' THEN 'base' \
                    ELSE format('pg_tblspc/%s/PG_%s_%s', t.oid, current_setting('server_version_num')::int / 10000, \
                         (SELECT catalog_version_no FROM pg_control_system())) END AS space, d.oid::text AS oid \
               FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace WHERE d.datname = $1";
    // A role that may not see the data directory gets an error here; we know nothing then.
    let Ok(rows) = query::<Row>(cx, session, sql, &[dsn.database()]).await else { return Ok(None) };
    let Some(row) = rows.first() else { return Ok(None) };
    let path = Path::new(&row.data).join(&row.space).join(&row.oid);
    // The path may be that of another machine or container: only a database that is seen to be there counts.
    Ok(path.join("PG_VERSION").is_file().then_some(path))
}

/// What a file system makes of the server's request to clone files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cloning {
    /// Blocks are always shared (btrfs).
    Always,
    /// Blocks are shared if it was made so, which free space tells at once (XFS).
    AsFreeSpaceTells,
    /// Files are copied, or we cannot tell. (ZFS may share, but by default does not, and its free space tells
    /// only seconds later.)
    Unknown,
}

/// What the file system of `path` makes of it.
#[cfg(target_os = "linux")]
pub(super) fn cloning(path: &Path) -> Cloning {
    // Magic numbers of statfs(2).
    match rustix::fs::statfs(path).map_or(0, |stat| stat.f_type as u32) {
        0x9123_683e => Cloning::Always,
        0x5846_5342 => Cloning::AsFreeSpaceTells,
        _ => Cloning::Unknown,
    }
}

/// What the file system of `path` makes of it.
#[cfg(not(target_os = "linux"))]
pub(super) fn cloning(_: &Path) -> Cloning {
    Cloning::Unknown
}
