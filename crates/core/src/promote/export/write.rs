//! Writes an export; what is there already stays.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use super::Export;
use crate::error::{Error, ErrorKind, Result};

/// Writes the files below a folder, which is made if it is missing.
///
/// # Errors
/// `InvalidInput` if one of the files is there already, before anything is written; `Disk` if one cannot be written,
/// after those that were are removed again.
pub fn write(export: &Export, folder: &Path) -> Result<()> {
    let paths: Vec<_> = export.files.iter().map(|file| folder.join(&file.path)).collect();
    if let Some(path) = paths.iter().find(|path| path.symlink_metadata().is_ok()) {
        return Err(exists(path));
    }
    for (number, (file, path)) in export.files.iter().zip(&paths).enumerate() {
        if let Err(error) = write_new(path, &file.text) {
            // Best effort: the first error is the one that matters.
            paths[..number].iter().for_each(|path| drop(std::fs::remove_file(path)));
            return Err(error);
        }
    }
    Ok(())
}

fn write_new(path: &Path, text: &str) -> Result<()> {
    let parent = path.parent().unwrap_or(Path::new("."));
    let made = std::fs::create_dir_all(parent)
        .and_then(|()| OpenOptions::new().write(true).create_new(true).open(path))
        .and_then(|mut file| {
            let written = file.write_all(text.as_bytes());
            if written.is_err() {
                let _ = std::fs::remove_file(path);
            }
            written
        });
    made.map_err(|e| match e.kind() {
        std::io::ErrorKind::AlreadyExists => exists(path),
        _ => {
            Error::new(ErrorKind::Disk, "cannot write a migration").with("path", path.display()).caused_by(e)
        }
    })
}

fn exists(path: &Path) -> Error {
    Error::invalid("the file is there already, and nothing is overwritten")
        .with("path", path.display())
        .hint("name another folder, or remove the earlier export")
}
