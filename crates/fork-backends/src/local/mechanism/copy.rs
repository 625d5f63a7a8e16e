//! A full copy: the honest fallback. Never shares blocks, not even where the file system could.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;

use pgverse_core::Context;

/// Bytes between two looks at the context.
const CHUNK: usize = 1 << 20;

/// Copies one file by reading and writing. `copy_file_range`, which `std::fs::copy` uses, would clone blocks
/// on XFS and btrfs and so report a copy that is none.
pub(super) fn file(cx: &Context, mut from: &File, mut to: &File) -> io::Result<u64> {
    let mut buffer = vec![0; CHUNK];
    loop {
        match from.read(&mut buffer)? {
            0 => break,
            read => to.write_all(&buffer[..read])?,
        }
        cx.check().map_err(io::Error::other)?;
    }
    Ok(allocated(to)?)
}

/// Blocks of a file, bytes. A file system that allocates late tells none for data still in memory; the
/// file's length, in whole pages, is what it will take then.
fn allocated(file: &File) -> io::Result<u64> {
    let meta = file.metadata()?;
    Ok((meta.blocks() * 512).max(meta.len().next_multiple_of(4096)))
}
