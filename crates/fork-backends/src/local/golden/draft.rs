//! Golden directories are built beside and swapped in whole. Who uses or builds one holds a lock on the
//! directory itself (flock), which ends with the process, however that ends. A program that is just being started
//! shares it for the moment before its exec; whoever meets that leaves the directory for the next time.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pgverse_core::{Context, Event, Result};
use rustix::fs::{FlockOperation, flock};

use super::super::mechanism;
use crate::shared::lease::new_id;
use crate::shared::{Account, Home, files};

/// Prefix of directories that are being built (or tried out); without a lock on it one is dead.
pub(in crate::local) const BUILDING: &str = "build";

/// A directory that is being built.
#[derive(Debug)]
pub(in crate::local) struct Draft {
    path: PathBuf,
    lock: File,
}

impl Draft {
    /// A new private directory of the account's own, locked.
    pub(in crate::local) fn create(home: &Home, account: &Account) -> Result<Self> {
        loop {
            let path = home.golden().join(new_id(BUILDING).as_str());
            account.create_private(&path)?;
            // A sweep may have found it before it was locked, and have removed it as dead.
            if let Some(lock) = lock_exclusive(&path)?
                && path.metadata().is_ok_and(|m| lock.metadata().is_ok_and(|l| l.ino() == m.ino()))
            {
                return Ok(Self { path, lock });
            }
        }
    }

    /// The directory.
    pub(in crate::local) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it.
    pub(in crate::local) fn remove(self) -> Result<()> {
        mechanism::remove(&self.path)
    }

    /// Writes it to the disk: the servers that filled it flushed nothing.
    pub(in crate::local) fn flush(&self) -> Result<()> {
        #[cfg(target_os = "linux")]
        rustix::fs::syncfs(&self.lock).map_err(|e| files::failed("cannot flush", &self.path, e))?;
        Ok(())
    }

    /// Makes it durable and gives it its name; returns the lock, now shared with other users.
    pub(in crate::local) fn finish(self, path: &Path) -> Result<File> {
        self.flush()?;
        std::fs::rename(&self.path, path).map_err(|e| files::failed("cannot rename", &self.path, e))?;
        flock(&self.lock, FlockOperation::LockShared).map_err(|e| files::failed("cannot lock", path, e))?;
        Ok(self.lock)
    }
}

/// Locks a directory for building or removing, if nobody uses it.
pub(in crate::local) fn lock_exclusive(path: &Path) -> Result<Option<File>> {
    lock(path, FlockOperation::NonBlockingLockExclusive)
}

/// Locks a directory for use, if it exists and nobody builds or removes it.
pub(in crate::local) fn lock_shared(path: &Path) -> Result<Option<File>> {
    lock(path, FlockOperation::NonBlockingLockShared)
}

fn lock(path: &Path, operation: FlockOperation) -> Result<Option<File>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(files::failed("cannot open", path, e)),
    };
    match flock(&file, operation) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(e) => Err(files::failed("cannot lock", path, e)),
    }
}

/// Waits until no other process builds the image of this name; then nobody else does until the file is dropped.
pub(super) async fn lock_name(cx: &Context, home: &Home, name: &str) -> Result<File> {
    let path = home.golden().join(format!("{name}.lock"));
    let file = File::options().create(true).append(true).open(&path);
    let file = file.map_err(|e| files::failed("cannot open", &path, e))?;
    let mut told = false;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK) if !told => {
                told = true;
                cx.emit(Event::Preparing {
                    what: "waiting for another process that builds the golden image".into(),
                });
            }
            Err(rustix::io::Errno::WOULDBLOCK) => {}
            Err(e) => return Err(files::failed("cannot lock", &path, e)),
        }
        cx.guard(async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok(())
        })
        .await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_in_use_is_not_removed_and_a_finished_one_is_shared() {
        let place = tempfile::tempdir().unwrap();
        let home = Home::resolve(Some(place.path())).unwrap();
        home.create().unwrap();
        let account = Account::resolve().unwrap();
        let draft = Draft::create(&home, &account).unwrap();
        let building = draft.path().to_owned();
        assert!(lock_exclusive(&building).unwrap().is_none());
        assert!(lock_shared(&building).unwrap().is_none());
        let whole = home.golden().join("whole");
        let mine = draft.finish(&whole).unwrap();
        assert!(!building.exists());
        assert!(lock_shared(&whole).unwrap().is_some());
        assert!(lock_exclusive(&whole).unwrap().is_none());
        drop(mine);
        // Programs that other tests start right now share the lock until their exec.
        while lock_exclusive(&whole).unwrap().is_none() {
            std::thread::yield_now();
        }
        assert!(lock_exclusive(&building).unwrap().is_none());
    }

    #[tokio::test]
    async fn builders_of_one_name_wait_for_each_other() {
        let place = tempfile::tempdir().unwrap();
        let home = Home::resolve(Some(place.path())).unwrap();
        home.create().unwrap();
        let cx = Context::new();
        let first = lock_name(&cx, &home, "x").await.unwrap();
        let second = lock_name(&cx, &home, "x");
        tokio::pin!(second);
        let waits = tokio::time::timeout(Duration::from_millis(1), &mut second).await;
        assert!(waits.is_err());
        drop(first);
        second.await.unwrap();
        assert_eq!(cx.events().history().len(), 1);
    }
}
