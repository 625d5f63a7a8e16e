//! sqlx: reversible migrations. sqlx sends a file as one simple query, which PostgreSQL runs as one transaction
//! unless it is a single statement, and wraps it in a transaction of its own unless its first line is
//! `-- no-transaction`. So what must run outside has a file of its own, without a `SET` beside it.

use super::ExportFile;
use super::migration::{Migration, Side, Unit};
use super::text::{comments, terminated};

pub(super) fn files(migration: &Migration) -> Vec<ExportFile> {
    let both = migration.units.iter().flat_map(|unit| {
        [("up", &unit.up), ("down", &unit.down)].map(|(direction, side)| {
            let name = format!("{}.{direction}.sql", migration.name(unit));
            ExportFile::new(name, text(migration, unit, side))
        })
    });
    both.collect()
}

fn text(migration: &Migration, unit: &Unit, side: &Side) -> String {
    let mut text = String::new();
    if side.outside {
        text.push_str("-- no-transaction\n");
    }
    text.push_str(&comments("--", migration.lines(unit)));
    if side.outside {
        text.push_str("-- lock_timeout must be 0 for the role that runs this\n");
        side.statements.iter().for_each(|sql| text.push_str(&terminated(sql)));
    } else if side.statements.is_empty() {
        text.push_str("-- nothing to do in this direction\nSELECT 1;\n");
    } else {
        side.bounded().iter().for_each(|sql| text.push_str(&terminated(sql)));
    }
    text
}
