//! The head of a folder of Alembic revisions: the revision that no other one follows.

use std::collections::BTreeSet;
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};

/// The head; `None` in a folder without revisions. Our own revision is left out, so that an export into a folder that
/// has it already fails over the file and not over the head.
pub(super) fn find(folder: &Path, own: &str) -> Result<Option<String>> {
    let mut revisions = BTreeSet::new();
    let mut followed = BTreeSet::new();
    for text in texts(folder)? {
        for revision in assigned(&text, "revision").filter(|r| r != own) {
            followed.extend(assigned(&text, "down_revision"));
            revisions.insert(revision);
        }
    }
    let mut heads = revisions.difference(&followed);
    let head = heads.next().cloned();
    let others: Vec<&str> = heads.map(String::as_str).collect();
    if others.is_empty() {
        return Ok(head);
    }
    Err(Error::invalid("the folder has several heads of Alembic revisions")
        .with("folder", folder.display())
        .with("heads", format!("{}, {}", head.unwrap_or_default(), others.join(", ")))
        .hint("say which one this follows: --down-revision REVISION"))
}

fn texts(folder: &Path) -> Result<Vec<String>> {
    let failed = |e: std::io::Error| {
        Error::new(ErrorKind::Disk, "cannot read the revisions").with("folder", folder.display()).caused_by(e)
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(failed(e)),
    };
    let mut texts = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|e| e == "py") {
            let bytes = std::fs::read(&path).map_err(failed)?;
            texts.push(String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    Ok(texts)
}

/// The strings that a module assigns to a name at its outermost level: `name = "a"`, `name: str = 'a'`, or a tuple
/// of strings, also over several lines.
fn assigned(text: &str, name: &str) -> impl Iterator<Item = String> {
    let value = text.lines().enumerate().find_map(|(number, line)| {
        let rest = line.strip_prefix(name)?;
        let (annotation, value) = rest.split_once('=')?;
        let plain = annotation.trim().is_empty() || annotation.trim_start().starts_with(':');
        plain.then_some((number, value))
    });
    let mut strings = Vec::new();
    if let Some((number, value)) = value {
        let open = value.trim_start().starts_with(['(', '[']);
        let mut lines = std::iter::once(value).chain(text.lines().skip(number + 1));
        for line in lines.by_ref() {
            strings.extend(quoted(line));
            if !open || line.contains([')', ']']) {
                break;
            }
        }
    }
    strings.into_iter()
}

/// What stands in quotes in a line, before any comment.
fn quoted(line: &str) -> Vec<String> {
    let mut strings = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find(['"', '\'', '#']) {
        let mark = &rest[at..=at];
        let Some((string, after)) = rest[at + 1..].split_once(mark).filter(|_| mark != "#") else { break };
        strings.push(string.to_owned());
        rest = after;
    }
    strings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (number, text) in files.iter().enumerate() {
            std::fs::write(folder.path().join(format!("{number}.py")), text).unwrap();
        }
        folder
    }

    #[test]
    fn the_head_is_what_nothing_follows() {
        let first = "revision: str = 'a1'\ndown_revision: Union[str, None] = None\n";
        let second = "\"\"\"Revises: a1\"\"\"\nrevision = \"b2\"  # 'x'\ndown_revision = \"a1\"\n";
        let other = "revision = 'c3'\ndown_revision = 'a1'\n";
        let merge = "revision = 'd4'\ndown_revision = (\n    'b2',\n    'c3',\n)\n";
        let find = |files: &[&str]| find(folder(files).path(), "own");
        assert_eq!(find(&[]).unwrap(), None);
        assert_eq!(find(&[first, second]).unwrap().as_deref(), Some("b2"));
        assert_eq!(find(&[first, second, other, merge]).unwrap().as_deref(), Some("d4"));
        let error = find(&[first, second, other]).unwrap_err().to_string();
        assert!(error.contains("b2, c3") && error.contains("--down-revision"), "{error}");
        assert_eq!(find(&[first, "revision = 'own'\ndown_revision = 'a1'"]).unwrap().as_deref(), Some("a1"));
    }

    #[test]
    fn a_folder_that_is_not_there_has_no_head() {
        assert_eq!(super::find(Path::new("/nonexistent/versions"), "own").unwrap(), None);
    }
}
