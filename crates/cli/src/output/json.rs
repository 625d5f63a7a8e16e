//! `--json FILE|-`: the report as JSON.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use pgverse::{Error, ErrorKind, Result};
use serde::Serialize;

/// Where JSON goes.
#[derive(Debug, Clone)]
pub(crate) enum JsonTarget {
    /// Standard output, which then carries nothing else.
    Stdout,
    /// A file, replaced as a whole.
    File(PathBuf),
}

impl FromStr for JsonTarget {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(if text == "-" { Self::Stdout } else { Self::File(text.into()) })
    }
}

impl JsonTarget {
    /// Fails now rather than after the run if the file cannot be written.
    pub(crate) fn check(&self) -> Result<()> {
        let Self::File(path) = self else { return Ok(()) };
        if path.is_dir() || path.file_name().is_none() {
            return Err(Error::invalid("the report needs the name of a file").with("path", path.display()));
        }
        let folder = folder_of(path);
        if folder.is_dir() {
            // A pipe or a device is written to, not replaced.
            let writable = if path.exists() && !path.is_file() { Ok(()) } else { try_write(path) };
            return writable.map_err(|e| {
                Error::new(ErrorKind::Permission, "the report cannot be written there")
                    .with("path", path.display())
                    .caused_by(e)
                    .hint("name a file in a folder that you may write to")
            });
        }
        Err(Error::invalid("there is no such folder for the report")
            .with("folder", folder.display())
            .hint(format!("make it first: mkdir -p {}", folder.display())))
    }

    /// Writes a value. A file appears whole or not at all.
    pub(crate) fn write(&self, value: &impl Serialize) -> Result<()> {
        let mut text = serde_json::to_string_pretty(value)
            .map_err(|e| Error::internal("the report cannot be written as JSON").caused_by(e))?;
        text.push('\n');
        match self {
            Self::Stdout => super::print(&text),
            Self::File(path) => replace(path, &text).map_err(|e| {
                Error::new(ErrorKind::Disk, "cannot write the report")
                    .with("path", path.display())
                    .caused_by(e)
            }),
        }
    }

    /// Whether standard output belongs to the JSON.
    pub(crate) fn is_stdout(&self) -> bool {
        matches!(self, Self::Stdout)
    }
}

fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    // A pipe or a device is written to, not replaced.
    if path.exists() && !path.is_file() {
        return std::fs::write(path, text);
    }
    let part = part_of(path);
    let written = std::fs::write(&part, text).and_then(|()| std::fs::rename(&part, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    written
}

/// Whether a file could be put beside this one, as `replace` does.
fn try_write(path: &Path) -> std::io::Result<()> {
    let part = part_of(path);
    std::fs::write(&part, "")?;
    std::fs::remove_file(&part)
}

fn part_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    folder_of(path).join(name)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_folder_is_found_before_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let target = JsonTarget::File(folder.path().join("no/such/report.json"));
        let error = target.check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.way_out().unwrap().starts_with("make it first: mkdir -p "));
    }

    #[test]
    fn a_file_is_replaced_and_nothing_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        std::fs::write(&path, "old").unwrap();
        let target: JsonTarget = path.to_str().unwrap().parse().unwrap();
        target.check().unwrap();
        target.write(&serde_json::json!({"format": 1})).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\n  \"format\": 1\n}\n");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
