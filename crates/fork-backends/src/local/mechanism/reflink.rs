//! Each file shares the blocks of the golden image's file until one of them is written (ioctl_ficlone(2)).

use std::fs::File;
use std::io;
use std::path::Path;

use pgverse_core::{Context, Error, ErrorKind, Result};

use crate::shared::files;

/// How long ZFS is asked again: it clones no block before it has written it (EAGAIN).
#[cfg(target_os = "linux")]
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

/// Shares one file's blocks. Never copies instead.
#[cfg(target_os = "linux")]
pub(super) fn file(cx: &Context, from: &File, to: &File) -> io::Result<u64> {
    let begin = std::time::Instant::now();
    loop {
        match rustix::fs::ioctl_ficlone(to, from) {
            Ok(()) => return Ok(0),
            // Some kernels refuse to clone nothing.
            Err(_) if from.metadata()?.len() == 0 => return Ok(0),
            Err(rustix::io::Errno::AGAIN) if begin.elapsed() < PATIENCE && cx.check().is_ok() => {
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            Err(e) => return Err(e.into()),
        }
    }
}

/// Shares one file's blocks: not on this system.
#[cfg(not(target_os = "linux"))]
pub(super) fn file(_: &Context, _: &File, _: &File) -> io::Result<u64> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Clones a small file for real.
pub(super) fn probe(directory: &Path) -> Result<()> {
    let (one, two) = (directory.join("one"), directory.join("two"));
    let attempt = || {
        std::fs::write(&one, vec![1_u8; 8192])?;
        file(&Context::new(), &File::open(&one)?, &File::create(&two)?)?;
        Ok::<_, io::Error>(std::fs::read(&two)? == vec![1_u8; 8192])
    };
    match attempt() {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::new(ErrorKind::Disk, "a cloned file differs").with("path", two.display())),
        Err(e) => match e.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
            Some(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOTTY | rustix::io::Errno::INVAL) => {
                Err(Error::new(ErrorKind::Unsupported, "the file system cannot share blocks between files"))
            }
            _ => Err(files::failed("a file cannot be cloned", &one, e)),
        },
    }
}
