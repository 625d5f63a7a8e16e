//! Plain SQL: a script for each direction, for `psql -v ON_ERROR_STOP=1 -f`.

use super::ExportFile;
use super::migration::{Migration, Side, Unit};
use super::text::{comments, terminated};

pub(super) fn files(migration: &Migration) -> Vec<ExportFile> {
    let name = format!("{}_{}", migration.version(0), migration.slug());
    let forth = migration.units.iter().map(|unit| (unit, &unit.up));
    let back = migration.units.iter().rev().map(|unit| (unit, &unit.down));
    vec![
        ExportFile::new(format!("{name}.up.sql"), script(migration, "up", forth)),
        ExportFile::new(format!("{name}.down.sql"), script(migration, "down", back)),
    ]
}

fn script<'a>(
    migration: &Migration,
    direction: &str,
    sides: impl Iterator<Item = (&'a Unit, &'a Side)>,
) -> String {
    let mut text = comments("--", migration.header.iter().map(String::as_str));
    text.push_str(&format!(
        "-- {direction}: psql -v ON_ERROR_STOP=1 -f this file, without --single-transaction\n"
    ));
    for (unit, side) in sides.filter(|(_, side)| !side.statements.is_empty()) {
        text.push('\n');
        text.push_str(&comments("--", unit.notes.iter().map(String::as_str)));
        text.push_str(&block(side));
    }
    text
}

/// A side as SQL that a client sends statement by statement.
pub(super) fn block(side: &Side) -> String {
    let statements = if side.outside { side.unbounded() } else { transaction(side) };
    statements.iter().map(|sql| terminated(sql)).collect()
}

/// A transaction of its own; nothing if there is nothing to do.
pub(super) fn transaction(side: &Side) -> Vec<String> {
    let mut statements = side.bounded();
    if !statements.is_empty() {
        statements.insert(0, "BEGIN".to_owned());
        statements.push("COMMIT".to_owned());
    }
    statements
}
