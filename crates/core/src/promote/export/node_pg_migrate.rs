//! node-pg-migrate: one module for each unit, `<17 digits>_<name>.mjs`; `pgm.noTransaction()` leaves the transaction
//! out. Each `pgm.sql` is a query of its own.

use super::ExportFile;
use super::migration::{Migration, Side, Unit};
use super::text::{comments, string_literal};

pub(super) fn files(migration: &Migration) -> Vec<ExportFile> {
    let units = migration.units.iter().map(|unit| {
        // Seventeen digits are read as a time in UTC down to the millisecond.
        let name = format!("{}000_{}.mjs", migration.version(unit.number), unit.slug);
        ExportFile::new(name, module(migration, unit))
    });
    units.collect()
}

fn module(migration: &Migration, unit: &Unit) -> String {
    let mut text = comments("//", migration.lines(unit));
    text.push_str("\nexport const shorthands = undefined;\n");
    for (name, side) in [("up", &unit.up), ("down", &unit.down)] {
        text.push_str(&format!("\nexport const {name} = (pgm) => {{\n{}}};\n", body(side)));
    }
    text
}

fn body(side: &Side) -> String {
    if side.statements.is_empty() {
        return "  pgm.sql(\"SELECT 1\"); // nothing to do in this direction\n".to_owned();
    }
    let mut text = String::new();
    // Else all migrations of a run share one transaction.
    if side.alone {
        text.push_str("  pgm.noTransaction();\n");
    }
    let statements = match (side.outside, side.alone) {
        (true, _) => side.unbounded(),
        (false, true) => side.bounded_alone(),
        (false, false) => side.bounded(),
    };
    for sql in statements {
        // It puts a semicolon at the end where there is none, also behind a comment.
        let end = if sql.contains("--") { "\n" } else { "" };
        text.push_str(&format!("  pgm.sql({});\n", string_literal(&format!("{sql}{end}"))));
    }
    text
}
