//! Small file-system helpers with our errors.

use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use pgverse_core::{Error, ErrorKind, Result};

/// The error of a failed file-system call.
pub fn failed(what: &str, path: &Path, error: impl Into<io::Error>) -> Error {
    let error = error.into();
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied => ErrorKind::Permission,
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        _ => ErrorKind::Disk,
    };
    let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let mapped = Error::new(kind, what.to_owned()).with("path", path.display()).caused_by(error);
    if full {
        mapped.hint("free some space, or choose a home on another disk with PGVERSE_HOME")
    } else {
        mapped
    }
}

/// Makes a directory that only its owner may enter. Fails if it exists.
pub fn create_private(path: &Path) -> Result<()> {
    std::fs::DirBuilder::new().mode(0o700).create(path).map_err(|e| failed("cannot create", path, e))
}

/// Removes a tree; one that is gone already is fine.
pub fn remove_tree(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(failed("cannot remove", path, e)),
        _ => Ok(()),
    }
}

/// Removes a file; one that is gone already is fine.
pub fn remove_file(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(failed("cannot remove", path, e)),
        _ => Ok(()),
    }
}

/// Disk that a tree occupies, bytes: the sum of its files' blocks (`st_blocks`, 512 bytes each).
/// Files that vanish meanwhile do not count.
pub fn occupied(root: &Path) -> u64 {
    let Ok(meta) = root.symlink_metadata() else { return 0 };
    let own = meta.blocks() * 512;
    if !meta.is_dir() {
        return own;
    }
    let Ok(entries) = std::fs::read_dir(root) else { return own };
    own + entries.flatten().map(|entry| occupied(&entry.path())).sum::<u64>()
}

/// Free space for unprivileged users on the file system of `path`, bytes (`statvfs`).
pub fn free_space(path: &Path) -> Result<u64> {
    let stat = rustix::fs::statvfs(path).map_err(|e| failed("cannot ask for free space", path, e))?;
    Ok(stat.f_bavail * stat.f_frsize)
}

/// An error if less than `bytes` are free on the file system of `path`.
pub fn require_space(path: &Path, bytes: u64) -> Result<()> {
    let free = free_space(path)?;
    if free >= bytes {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Disk, "there is not enough disk space")
        .with("path", path.display())
        .with("needed", format!("{} MB", bytes.div_ceil(1_000_000)))
        .with("free", format!("{} MB", free / 1_000_000))
        .hint("free some space, or choose a home on another disk with PGVERSE_HOME"))
}

/// The last lines of a log, one line of text; empty if there is none.
pub fn tail(path: &Path) -> String {
    let text =
        std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(5)..].join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_are_measured_and_removed() {
        let parent = tempfile::tempdir().unwrap();
        let tree = parent.path().join("tree");
        create_private(&tree).unwrap();
        assert!(create_private(&tree).is_err());
        let before = occupied(&tree);
        std::fs::write(tree.join("file"), vec![1_u8; 100_000]).unwrap();
        std::fs::File::open(tree.join("file")).unwrap().sync_all().unwrap();
        assert!(occupied(&tree) >= before + 100_000);
        remove_tree(&tree).unwrap();
        remove_tree(&tree).unwrap();
        assert_eq!(occupied(&tree), 0);
    }

    #[test]
    fn too_little_space_is_a_disk_error() {
        let error = require_space(&std::env::temp_dir(), u64::MAX).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disk);
        require_space(&std::env::temp_dir(), 1).unwrap();
    }

    #[test]
    fn the_tail_of_a_log_is_one_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "1\n2\n\n3\n4\n5\n6\n").unwrap();
        assert_eq!(tail(file.path()), "2 | 3 | 4 | 5 | 6");
        assert_eq!(tail(Path::new("/nowhere")), "");
    }
}
