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

/// Whether the file system of `path` is one that shares blocks between files when the server clones. (ZFS may
/// do so too, but it is off by default and free space does not tell within seconds.)
#[cfg(target_os = "linux")]
pub(super) fn shares_blocks(path: &Path) -> bool {
    // Magic numbers of statfs(2).
    const XFS: u32 = 0x5846_5342;
    const BTRFS: u32 = 0x9123_683e;
    let magic = rustix::fs::statfs(path).map_or(0, |stat| stat.f_type as u32);
    magic == XFS || magic == BTRFS
}

/// Whether the file system of `path` is one that shares blocks between files when the server clones.
#[cfg(not(target_os = "linux"))]
pub(super) fn shares_blocks(_: &Path) -> bool {
    false
}
