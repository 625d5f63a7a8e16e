//! A full copy: the honest fallback. Never shares blocks, not even where the file system could.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use pgverse_core::Context;

/// Bytes copied at once; also the size of the holes that are kept.
const CHUNK: usize = 256 << 10;

/// Copies one file by reading and writing. `copy_file_range`, which `std::fs::copy` uses, would clone blocks
/// on XFS and btrfs and so report a copy that is none. What is only zeros (WAL made ready) stays a hole.
/// Counts what it wrote, in whole pages: the file's blocks are allocated later, and more than are needed.
pub(super) fn file(cx: &Context, mut from: &File, mut to: &File) -> io::Result<u64> {
    let length = from.metadata()?.len();
    let mut buffer = vec![0; CHUNK.min(usize::try_from(length).unwrap_or(CHUNK)).max(1)];
    let mut written = 0;
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        let chunk = &buffer[..read];
        if chunk.iter().all(|byte| *byte == 0) {
            to.seek(SeekFrom::Current(i64::try_from(read).unwrap_or(0)))?;
        } else {
            to.write_all(chunk)?;
            written += read.next_multiple_of(4096) as u64;
        }
        cx.check().map_err(io::Error::other)?;
    }
    to.set_len(length)?;
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_stay_and_bytes_are_equal() {
        let mut source = vec![0_u8; 3 * CHUNK];
        source[CHUNK + 5] = 1;
        source.extend([0, 0, 2, 0]);
        let place = tempfile::tempdir().unwrap();
        let (from, to) = (place.path().join("from"), place.path().join("to"));
        std::fs::write(&from, &source).unwrap();
        let written =
            file(&Context::new(), &File::open(&from).unwrap(), &File::create(&to).unwrap()).unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), source);
        assert_eq!(written, (CHUNK + 4096) as u64);
    }
}
