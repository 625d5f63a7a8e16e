//! Promotion plans as migration files: their text, and that each tool applies and reverts them.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "export/report.rs"]
mod report;
#[path = "export/tools.rs"]
mod tools;

use std::path::Path;

use pgverse_core::ErrorKind;
use pgverse_core::promote::export::{ExportFile, ExportOptions, Format, export, write};
use pgverse_core::promote::patches;
use pgverse_core::types::Operation;

fn files(format: Format) -> Vec<ExportFile> {
    export(&report::report(), format, ExportOptions::default()).unwrap().files
}

/// The files as one text, without the hash, which is another one whenever the types of a plan change.
fn listing(format: Format) -> String {
    let listing: String =
        files(format).iter().map(|file| format!("===== {}\n{}", file.path.display(), file.text)).collect();
    let hash = report::report().promotion.hash;
    let revision: String = hash.chars().take(12).collect();
    listing.replace(&hash, "HASH").replace(&revision, "REVISION")
}

macro_rules! reads_as {
    ($($name:ident: $format:ident),*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(listing(Format::$format));
        }
    )*};
}

reads_as!(sql: Sql, sqlx: Sqlx, flyway: Flyway, alembic: Alembic, prisma: Prisma, node_pg_migrate: NodePgMigrate);

#[test]
fn a_statement_that_refuses_transactions_is_alone_in_its_file() {
    for format in [Format::Sqlx, Format::Flyway, Format::Prisma] {
        let files = files(format);
        let concurrent = files.iter().filter(|f| f.path.extension().is_some_and(|e| e == "sql"));
        let mut seen = 0;
        for file in concurrent.filter(|f| f.text.contains("INDEX CONCURRENTLY")) {
            seen += 1;
            let code: Vec<&str> = file.text.lines().filter(|l| !l.starts_with("--")).collect();
            assert_eq!(code.join("\n").matches(';').count(), 1, "{}", file.text);
            if format == Format::Sqlx {
                assert!(file.text.starts_with("-- no-transaction\n"));
            }
            if format == Format::Flyway {
                let conf = format!("{}.conf", file.path.display());
                let conf = files.iter().find(|f| f.path == Path::new(&conf)).unwrap();
                assert!(conf.text.contains("executeInTransaction=false\n"));
            }
        }
        assert!(seen >= 6, "{seen} files of {}", format.as_str());
    }
}

/// Flyway documents: prefix, version of digits with single separators, two underscores, description, suffix; each
/// version once; every undo has the version and description of its migration.
#[test]
fn flyways_names_follow_its_rules() {
    let files = files(Format::Flyway);
    let names: Vec<&str> = files.iter().filter_map(|f| f.path.to_str()?.strip_suffix(".sql")).collect();
    let mut versions = Vec::new();
    for name in &names {
        let (version, description) = name[1..].split_once("__").unwrap();
        assert!(version.bytes().all(|b| b.is_ascii_digit()) && !description.is_empty(), "{name}");
        assert!(description.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{name}");
        let other = if name.starts_with('V') { "U" } else { "V" };
        assert!(names.contains(&format!("{other}{}", &name[1..]).as_str()), "{name}");
        versions.extend(name.starts_with('V').then_some(version));
    }
    assert!(versions.len() > 5 && versions.is_sorted_by(|a, b| a < b), "{versions:?}");
}

#[test]
fn nothing_is_overwritten_and_nothing_is_left_of_a_failed_export() {
    let folder = tempfile::tempdir().unwrap();
    let made = export(&report::report(), Format::Sqlx, ExportOptions::default()).unwrap();
    let last = folder.path().join(&made.files.last().unwrap().path);
    std::fs::write(&last, "mine").unwrap();
    let error = write(&made, folder.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains(last.to_str().unwrap()), "{error}");
    assert_eq!(std::fs::read_to_string(&last).unwrap(), "mine");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn without_a_winner_there_is_nothing_to_export() {
    let mut report = report::report();
    report.verdict.winner = None;
    let error = export(&report, Format::Sql, ExportOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(patches::of(&report).is_empty());
    assert!("mysql".parse::<Format>().unwrap_err().to_string().contains("node-pg-migrate"));
}

#[test]
fn a_report_that_was_edited_is_refused() {
    let mut steps = report::report();
    steps.promotion.steps[0].up[0].push_str(" WHERE id > 0");
    let mut change = report::report();
    if let Operation::DropIndex { name, .. } =
        &mut change.universes[0].candidates[0].change.last_mut().unwrap().operation
    {
        name.push_str("_other");
    }
    let mut hash = report::report();
    hash.promotion.hash = hash.promotion.hash.chars().rev().collect();
    for edited in [steps, change, hash] {
        let error = export(&edited, Format::Sql, ExportOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("do not belong together"), "{error}");
    }
}

#[test]
fn a_rewrite_reads_as_a_patch() {
    let patches = patches::of(&report::report());
    assert_eq!(patches.len(), 1);
    assert!(patches[0].diff.contains("\n-WHERE (SELECT count(*)"), "{}", patches[0].diff);
    assert_eq!(patches[0].place.tags["controller"], "users");
    let json = serde_json::to_value(&patches).unwrap();
    assert_eq!(json[0]["parameters"][0], serde_json::json!({"number": 1, "old_uses": 1, "new_uses": 1}));
}
