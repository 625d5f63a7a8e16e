//! Clones and compares trees of plain files.

use std::fs::File;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use pgverse_core::{Context, Error, ErrorKind, Result};

use super::Cloned;
use crate::shared::{Account, files};

/// Fills the new, empty second file from the first; returns the bytes of disk that are the new one's own.
pub(super) type CloneFile = fn(&Context, &File, &File) -> io::Result<u64>;

/// Clones `from` to `to`, which must not exist. All is private to the account, as PostgreSQL wants it. Stops
/// at the next file when the context is cancelled.
pub(super) fn clone(
    cx: &Context,
    account: &Account,
    from: &Path,
    to: &Path,
    file: CloneFile,
) -> Result<Cloned> {
    let mut bytes = 0;
    let mut open = vec![(from.to_owned(), to.to_owned())];
    while let Some((from, to)) = open.pop() {
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&to)
            .map_err(|e| files::failed("cannot create", &to, e))?;
        account.give(&to)?;
        for entry in std::fs::read_dir(&from).map_err(|e| files::failed("cannot read", &from, e))? {
            cx.check()?;
            let entry = entry.map_err(|e| files::failed("cannot read", &from, e))?;
            let (source, target) = (entry.path(), to.join(entry.file_name()));
            let kind = entry.file_type().map_err(|e| files::failed("cannot read", &source, e))?;
            if kind.is_dir() {
                open.push((source, target));
            } else if kind.is_file() {
                bytes += clone_one(cx, account, &source, &target, file).map_err(|e| match cx.check() {
                    Err(cancelled) => cancelled,
                    Ok(()) => files::failed("cannot clone", &source, e).with("to", target.display()),
                })?;
            } else {
                let what = "the golden image holds something that is neither a file nor a directory";
                return Err(Error::new(ErrorKind::Unsupported, what).with("path", source.display()));
            }
        }
        bytes += to.metadata().map_or(0, |m| m.blocks() * 512);
    }
    Ok(Cloned { bytes })
}

fn clone_one(cx: &Context, account: &Account, from: &Path, to: &Path, file: CloneFile) -> io::Result<u64> {
    let old = File::open(from)?;
    let new = File::options().write(true).create_new(true).mode(0o600).open(to)?;
    if let Some((uid, gid)) = account.owner() {
        rustix::fs::fchown(&new, Some(uid), Some(gid))?;
    }
    file(cx, &old, &new)
}

/// Disk that `tree` has over `base`, bytes: blocks of its new files, and by how much the others have grown.
/// Blocks rewritten in place cannot be told from shared ones this way and do not count.
pub(super) fn grown(base: &Path, tree: &Path) -> u64 {
    let Ok(meta) = tree.symlink_metadata() else { return 0 };
    let before = base.symlink_metadata().map_or(0, |m| m.blocks());
    let own = meta.blocks().saturating_sub(before) * 512;
    if !meta.is_dir() {
        return own;
    }
    let Ok(entries) = std::fs::read_dir(tree) else { return own };
    own + entries.flatten().map(|e| grown(&base.join(e.file_name()), &e.path())).sum::<u64>()
}

/// Disk of the files that `tree` has and `base` has not, bytes, found by names alone: the inodes of a fresh snapshot
/// are not in memory yet, and to ask for each took a third of the time of a fork. Not counted is by how much others
/// have grown; a server that has just started has written to its write-ahead log alone, which is looked at.
pub(super) fn added(base: &Path, tree: &Path) -> u64 {
    let names = |directory: &Path| -> Vec<(std::ffi::OsString, bool)> {
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        entries.map(|e| (e.file_name(), e.file_type().is_ok_and(|t| t.is_dir()))).collect()
    };
    if tree.ends_with("pg_wal") {
        return grown(base, tree);
    }
    let before: std::collections::HashSet<_> = names(base).into_iter().map(|(name, _)| name).collect();
    let own = names(tree).into_iter().map(|(name, directory)| match before.contains(&name) {
        false => files::occupied(&tree.join(name)),
        true if directory => added(&base.join(&name), &tree.join(&name)),
        true => 0,
    });
    own.sum()
}

#[cfg(test)]
mod tests {
    use super::super::copy;
    use super::*;

    #[test]
    fn a_copy_is_equal_private_and_counted() {
        let place = tempfile::tempdir().unwrap();
        let (from, to) = (place.path().join("from"), place.path().join("to"));
        std::fs::create_dir_all(from.join("sub/empty")).unwrap();
        std::fs::write(from.join("sub/file"), vec![7_u8; 3_000_000]).unwrap();
        std::fs::write(from.join("nothing"), "").unwrap();
        let account = Account::resolve().unwrap();
        let cloned = clone(&Context::new(), &account, &from, &to, copy::file).unwrap();
        assert_eq!(std::fs::read(to.join("sub/file")).unwrap(), vec![7_u8; 3_000_000]);
        assert!(to.join("sub/empty").is_dir());
        let meta = to.join("sub/file").metadata().unwrap();
        assert_eq!((meta.mode() & 0o777, meta.uid()), (0o600, account.uid()));
        assert!(cloned.bytes >= 3_000_000, "{}", cloned.bytes);
        assert_eq!(grown(&from, &to), 0);
        std::fs::write(to.join("new"), vec![1_u8; 50_000]).unwrap();
        File::open(to.join("new")).unwrap().sync_all().unwrap();
        assert!((50_000..100_000).contains(&grown(&from, &to)));
        assert!((50_000..100_000).contains(&added(&from, &to)));
    }

    #[test]
    fn a_cancelled_clone_stops_and_links_are_refused() {
        let place = tempfile::tempdir().unwrap();
        let from = place.path().join("from");
        std::fs::create_dir(&from).unwrap();
        std::os::unix::fs::symlink("/elsewhere", from.join("link")).unwrap();
        let account = Account::resolve().unwrap();
        let cx = Context::new();
        let error = clone(&cx, &account, &from, &place.path().join("one"), copy::file).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        cx.cancellation().cancel();
        let error = clone(&cx, &account, &from, &place.path().join("two"), copy::file).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
    }
}
