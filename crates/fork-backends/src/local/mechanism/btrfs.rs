//! Snapshots of btrfs subvolumes, by the `btrfs` program: its ioctls have no safe binding.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use pgverse_core::{Error, ErrorKind, Result};

use super::Cloned;
use crate::shared::{Account, files};

/// `BTRFS_SUPER_MAGIC` of statfs(2).
const MAGIC: u32 = 0x9123_683e;

/// Inode number of every subvolume's root (`BTRFS_FIRST_FREE_OBJECTID`).
const SUBVOLUME_INODE: u64 = 256;

/// Makes and snapshots a subvolume for real.
pub(super) fn probe(directory: &Path) -> Result<()> {
    if !is_btrfs(directory) {
        return Err(Error::new(ErrorKind::Unsupported, "the file system is not btrfs"));
    }
    let (one, two) = (directory.join("one"), directory.join("two"));
    let result = subvolume(&["create"], &[&one]).and_then(|()| subvolume(&["snapshot"], &[&one, &two]));
    delete(&two).and(delete(&one)).and(result)
}

/// Makes an empty subvolume that is private to the account.
pub(super) fn create(account: &Account, data: &Path) -> Result<()> {
    subvolume(&["create"], &[data])?;
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(data, private).map_err(|e| files::failed("cannot make private", data, e))?;
    account.give(data)
}

/// Snapshots the golden subvolume.
pub(super) fn clone(golden: &Path, data: &Path) -> Result<Cloned> {
    subvolume(&["snapshot"], &[golden, data])?;
    Ok(Cloned::default())
}

/// Deletes a subvolume; anything else, or nothing, is left to the caller.
pub(super) fn delete(data: &Path) -> Result<()> {
    if !is_subvolume(data) {
        return Ok(());
    }
    match subvolume(&["delete"], &[data]) {
        // An ordinary user may not delete, but may empty a subvolume of his own and remove it like a directory.
        Err(e) if !rustix::process::geteuid().is_root() => {
            tracing::debug!(error = %e, "removing the subvolume as a directory");
            files::remove_tree(data)
        }
        other => other,
    }
}

fn is_subvolume(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|m| m.is_dir() && m.ino() == SUBVOLUME_INODE) && is_btrfs(path)
}

#[cfg(target_os = "linux")]
fn is_btrfs(path: &Path) -> bool {
    rustix::fs::statfs(path).is_ok_and(|s| u32::try_from(s.f_type).is_ok_and(|magic| magic == MAGIC))
}

#[cfg(not(target_os = "linux"))]
fn is_btrfs(_: &Path) -> bool {
    false
}

fn subvolume(action: &[&str], paths: &[&Path]) -> Result<()> {
    let mut command = Command::new("btrfs");
    command.arg("subvolume").args(action).arg("--").args(paths).stdin(Stdio::null());
    let output = command.output().map_err(|e| {
        Error::new(ErrorKind::NotFound, "the program btrfs is missing")
            .caused_by(e)
            .hint("install it with `apt-get install btrfs-progs`")
    })?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Process, format!("btrfs subvolume {} failed", action.join(" ")))
        .with("path", paths.last().unwrap_or(&Path::new("")).display())
        .with("output", String::from_utf8_lossy(&output.stderr).trim()))
}
