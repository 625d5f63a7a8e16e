//! Flyway: versioned migrations `V…`, undo migrations `U…` (run by the editions that have `undo`; by hand elsewhere),
//! and a script configuration `….conf` where a script must run outside of a transaction.

use super::ExportFile;
use super::migration::{Migration, Side, Unit};
use super::text::{comments, terminated};

pub(super) fn files(migration: &Migration) -> Vec<ExportFile> {
    migration.units.iter().flat_map(|unit| unit_files(migration, unit)).collect()
}

fn unit_files(migration: &Migration, unit: &Unit) -> Vec<ExportFile> {
    let mut files = Vec::new();
    for (letter, side) in [("V", &unit.up), ("U", &unit.down)] {
        let name = format!("{letter}{}__{}.sql", migration.version(unit.number), unit.slug);
        let text = text(migration, unit, side);
        if let Some(settings) = settings(side, &text) {
            files.push(ExportFile::new(format!("{name}.conf"), settings));
        }
        files.push(ExportFile::new(name, text));
    }
    files
}

fn text(migration: &Migration, unit: &Unit, side: &Side) -> String {
    let mut text = comments("--", migration.lines(unit));
    if side.outside {
        text.push_str(
            "-- run with flyway.postgresql.transactional.lock=false: Flyway's own lock is else held in a transaction,\n\
             -- which this waits for, lock_timeout must be 0 for the role that runs this\n",
        );
        side.statements.iter().for_each(|sql| text.push_str(&terminated(sql)));
    } else if side.statements.is_empty() {
        text.push_str("-- nothing to do in this direction\nSELECT 1;\n");
    } else {
        side.bounded().iter().for_each(|sql| text.push_str(&terminated(sql)));
    }
    text
}

fn settings(side: &Side, text: &str) -> Option<String> {
    let mut settings = String::new();
    if side.outside {
        settings.push_str("executeInTransaction=false\n");
    }
    // Flyway replaces `${name}` everywhere, also within quotes.
    if text.contains("${") {
        settings.push_str("placeholderReplacement=false\n");
    }
    (!settings.is_empty()).then_some(settings)
}
