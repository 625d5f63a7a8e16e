//! An overlay mount: the golden image below, the fork's own files above (the kernel's overlayfs.rst).
//!
//! PostgreSQL opens each file for writing, so the kernel copies it up whole when it is first opened; where
//! both layers are on one reflink file system that copy shares its blocks.

use std::path::Path;

use pgverse_core::{Error, ErrorKind, Result};

use super::{Cloned, DATA, tree};
use crate::shared::{Account, files};

const UPPER: &str = "upper";
const WORK: &str = "work";

/// Mounts an overlay for real, reads and writes through it.
pub(super) fn probe(directory: &Path) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Err(Error::new(ErrorKind::Permission, "only root may mount"));
    }
    let (lower, data) = (directory.join("lower"), directory.join(DATA));
    files::create_private(&lower)?;
    let below = lower.join("file");
    std::fs::write(&below, "below").map_err(|e| files::failed("cannot write", &below, e))?;
    for name in [UPPER, WORK, DATA] {
        files::create_private(&directory.join(name))?;
    }
    mount(&lower, directory)?;
    let used = std::fs::write(data.join("file"), "above").and_then(|()| std::fs::read(&below));
    unmount(&data)?;
    match used {
        Ok(text) if text == b"below" => Ok(()),
        Ok(_) => Err(Error::new(ErrorKind::Disk, "an overlay let a write through to the golden image")),
        Err(e) => Err(files::failed("cannot use an overlay", &data, e)),
    }
}

/// Makes the fork's layers beside `data` and mounts them there.
pub(super) fn clone(account: &Account, golden: &Path, data: &Path) -> Result<Cloned> {
    let directory = data.parent().unwrap_or(data);
    for name in [UPPER, WORK, DATA] {
        account.create_private(&directory.join(name))?;
    }
    mount(golden, directory)?;
    Ok(Cloned::default())
}

/// What the upper layer holds, bytes. Files copied up by reflink share their blocks and count only by how
/// much they have grown; without reflink they count whole.
pub(super) fn own_bytes(reflink: bool, golden: &Path, data: &Path) -> u64 {
    let upper = data.with_file_name(UPPER);
    if reflink { tree::grown(golden, &upper) } else { files::occupied(&upper) }
}

#[cfg(target_os = "linux")]
fn mount(lower: &Path, directory: &Path) -> Result<()> {
    use rustix::mount::MountFlags;

    let target = directory.join(DATA);
    let failed = |e: std::io::Error| {
        Error::new(ErrorKind::Unsupported, "an overlay cannot be mounted")
            .with("path", target.display())
            .caused_by(e)
    };
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        escaped(lower),
        escaped(&directory.join(UPPER)),
        escaped(&directory.join(WORK))
    );
    // A fork is never mounted again, so nothing of it has to be flushed; older kernels do not know how.
    let attempt = |options: String| {
        let options = std::ffi::CString::new(options).map_err(std::io::Error::other)?;
        rustix::mount::mount("overlay", &target, "overlay", MountFlags::NOATIME, Some(options.as_c_str()))
            .map_err(std::io::Error::from)
    };
    attempt(format!("{options},volatile")).or_else(|_| attempt(options)).map_err(failed)
}

/// The option parser splits at commas and colons.
#[cfg(target_os = "linux")]
fn escaped(path: &Path) -> String {
    let special = |c: char| if matches!(c, '\\' | ',' | ':') { vec!['\\', c] } else { vec![c] };
    path.to_string_lossy().chars().flat_map(special).collect()
}

/// Unmounts what is mounted there; nothing mounted is fine.
#[cfg(target_os = "linux")]
pub(super) fn unmount(data: &Path) -> Result<()> {
    use rustix::io::Errno;
    use rustix::mount::{UnmountFlags, unmount};

    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    match unmount(data, UnmountFlags::NOFOLLOW) {
        Ok(()) | Err(Errno::INVAL | Errno::NOENT) => Ok(()),
        // Somebody looks into it: it goes when they leave.
        Err(Errno::BUSY) => unmount(data, UnmountFlags::NOFOLLOW | UnmountFlags::DETACH)
            .map_err(|e| files::failed("cannot unmount", data, e)),
        Err(Errno::PERM) => Ok(()),
        Err(e) => Err(files::failed("cannot unmount", data, e)),
    }
}

#[cfg(not(target_os = "linux"))]
fn mount(_: &Path, _: &Path) -> Result<()> {
    Err(Error::new(ErrorKind::Unsupported, "there is no overlayfs on this system"))
}

/// Nothing is ever mounted here.
#[cfg(not(target_os = "linux"))]
pub(super) fn unmount(_: &Path) -> Result<()> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn separators_in_paths_are_escaped() {
        assert_eq!(escaped(Path::new(r"/a:b,c\d")), r"/a\:b\,c\\d");
    }
}
