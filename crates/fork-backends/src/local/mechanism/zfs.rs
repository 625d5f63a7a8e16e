//! Clones of ZFS datasets, by the `zfs` program.
//!
//! A golden data directory is a dataset of its own, below the one that the home lies on, with one snapshot; each fork
//! is a clone of that. The name of a dataset is written into a file beside its mount point before it is made, so that
//! whoever clears up after a killed process finds it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pgverse_core::{Error, ErrorKind, Result};

use super::{Cloned, DATA};
use crate::shared::{Account, files, process};

/// Directory of the clone by which ZFS is tried out, within that of its origin.
const TRIAL: &str = "trial";
/// File beside a data directory that names its dataset.
const MARK: &str = "dataset";
/// What the last part of the name of each of our datasets begins with.
const PREFIX: &str = "pgverse_";
/// The snapshot of a golden image that forks are clones of.
const SNAPSHOT: &str = "golden";
/// Temporary failures: ZFS answers so while it writes a transaction group, mounts or unmounts.
const TEMPORARY: [&str; 4] = ["is busy", "try again", "temporarily unavailable", "EAGAIN"];
/// How long they are met with another attempt.
const PATIENCE: Duration = Duration::from_secs(20);
/// Time between two attempts.
const PAUSE: Duration = Duration::from_millis(50);
/// `ZFS_SUPER_MAGIC` of statfs(2).
const MAGIC: u32 = 0x2fc1_2fc1;

/// Makes, snapshots, clones and destroys a small dataset for real.
pub(super) fn probe(account: &Account, directory: &Path) -> Result<()> {
    parent(directory)?;
    let (data, trial) = (directory.join(DATA), directory.join(TRIAL));
    let result = create(account, &data).and_then(|()| seal(directory)).and_then(|()| {
        files::create_private(&trial)?;
        clone(&data, &trial.join(DATA)).map(drop)
    });
    destroy(directory).and(result)
}

/// Makes an empty dataset that is mounted there and private to the account.
pub(super) fn create(account: &Account, data: &Path) -> Result<()> {
    let name = mark(data)?;
    zfs(&["create", "-o", "atime=off", "-o", &mounted_at(data)?, &name])?;
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(data, private).map_err(|e| files::failed("cannot make private", data, e))?;
    account.give(data)
}

/// Takes the snapshot of a golden image that is filled. Anything but a dataset is left alone.
pub(super) fn seal(directory: &Path) -> Result<()> {
    let Some(name) = marked(directory)? else { return Ok(()) };
    zfs(&["snapshot", &format!("{name}@{SNAPSHOT}")]).map(drop)
}

/// Tells ZFS that a golden image has been renamed, so that it is mounted in its place again after a restart.
pub(super) fn moved(directory: &Path) -> Result<()> {
    let Some(name) = marked(directory)? else { return Ok(()) };
    zfs(&["set", &mounted_at(&directory.join(DATA))?, &name]).map(drop)
}

/// Clones the golden image's snapshot.
pub(super) fn clone(golden: &Path, data: &Path) -> Result<Cloned> {
    let Some(origin) = marked(golden.parent().unwrap_or(golden))? else {
        return Err(Error::internal("the golden image is not a dataset").with("path", golden.display()));
    };
    let name = mark(data)?;
    let snapshot = format!("{origin}@{SNAPSHOT}");
    zfs(&["clone", "-o", "atime=off", "-o", &mounted_at(data)?, &snapshot, &name])?;
    Ok(Cloned::default())
}

/// Destroys the dataset that belongs to a fork's or a golden image's directory; anything else, or nothing, is left to
/// the caller.
pub(super) fn destroy(directory: &Path) -> Result<()> {
    let Some(name) = marked(directory)? else { return Ok(()) };
    destroy(&directory.join(TRIAL))?;
    // What a killed owner had started goes on, and would make the dataset after we found none.
    let begin = Instant::now();
    while process::any_with_argument("zfs", &name) {
        if begin.elapsed() > PATIENCE {
            return Err(Error::new(ErrorKind::Busy, "a zfs command does not end").with("dataset", name));
        }
        std::thread::sleep(PAUSE);
    }
    match zfs(&["destroy", "-r", &name]) {
        Err(e) if e.to_string().contains("does not exist") => {}
        other => drop(other?),
    }
    files::remove_file(&directory.join(MARK))
}

/// Writes the name of the dataset that is to be mounted at `data` beside it, and returns it.
fn mark(data: &Path) -> Result<String> {
    let directory = data.parent().unwrap_or(data);
    let own = directory.file_name().unwrap_or_default().to_string_lossy();
    let name = format!("{}/{PREFIX}{own}", parent(directory)?);
    let path = directory.join(MARK);
    std::fs::write(&path, &name).map_err(|e| files::failed("cannot write", &path, e))?;
    Ok(name)
}

/// The dataset of this directory, if it has one.
fn marked(directory: &Path) -> Result<Option<String>> {
    let path = directory.join(MARK);
    let name = match std::fs::read_to_string(&path) {
        Ok(name) => name,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(files::failed("cannot read", &path, e)),
    };
    // A process that was killed before it had written the name had made nothing.
    if name.is_empty() {
        return Ok(None);
    }
    // A mark that was tampered with must not destroy anything else.
    match name.rsplit_once('/') {
        Some((_, own)) if own.starts_with(PREFIX) && !own.contains('@') => Ok(Some(name)),
        _ => Err(Error::invalid("a file names a dataset that is not pgverse's").with("path", path.display())),
    }
}

/// The dataset that this directory lies on.
fn parent(directory: &Path) -> Result<String> {
    let not_zfs = || Error::new(ErrorKind::Unsupported, "the file system is not ZFS");
    let path = directory.to_str().ok_or_else(not_zfs)?;
    match zfs(&["list", "-H", "-o", "name", path]) {
        Ok(name) if !name.trim().is_empty() => Ok(name.trim().to_owned()),
        Err(e) if e.kind() == ErrorKind::NotFound && is_zfs(directory) => Err(e),
        Ok(_) | Err(_) => Err(not_zfs()),
    }
}

fn is_zfs(path: &Path) -> bool {
    #[cfg(target_os = "linux")]
    return rustix::fs::statfs(path).is_ok_and(|s| u32::try_from(s.f_type).is_ok_and(|magic| magic == MAGIC));
    #[cfg(not(target_os = "linux"))]
    false
}

fn mounted_at(data: &Path) -> Result<String> {
    let path: PathBuf = std::path::absolute(data).map_err(|e| files::failed("cannot resolve", data, e))?;
    let path = path.to_str().ok_or_else(|| Error::invalid("the path is not UTF-8"))?;
    Ok(format!("mountpoint={path}"))
}

/// Runs the program, again and again while it says that something is busy for the moment.
fn zfs(arguments: &[&str]) -> Result<String> {
    let begin = Instant::now();
    loop {
        let mut command = Command::new("zfs");
        command.args(arguments).env("LC_ALL", "C").stdin(Stdio::null());
        let output = command.output().map_err(|e| {
            Error::new(ErrorKind::NotFound, "the program zfs is missing")
                .caused_by(e)
                .hint("install it with `apt-get install zfsutils-linux`")
        })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let temporary = TEMPORARY.iter().any(|word| said.contains(word));
        if !temporary || begin.elapsed() > PATIENCE {
            let action = arguments.first().copied().unwrap_or_default();
            return Err(Error::new(ErrorKind::Process, format!("zfs {action} failed"))
                .with("dataset", arguments.last().copied().unwrap_or_default())
                .with("output", said));
        }
        tracing::debug!(said, "zfs is asked again");
        std::thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_datasets_are_ever_destroyed() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join(MARK);
        assert_eq!(marked(place.path()).unwrap(), None);
        for (text, own) in [("", None), ("tank/home/pgverse_build_x", Some("tank/home/pgverse_build_x"))] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(marked(place.path()).unwrap().as_deref(), own);
        }
        for other in ["tank", "tank/home", "tank/pgverse_x/home", "tank/pgverse_x@golden"] {
            std::fs::write(&path, other).unwrap();
            assert_eq!(destroy(place.path()).unwrap_err().kind(), ErrorKind::InvalidInput, "{other}");
        }
    }
}
