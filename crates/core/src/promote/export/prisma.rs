//! Prisma Migrate: `<time>_<name>/migration.sql`. Prisma sends the file as one simple query, so what must run outside
//! of a transaction stands alone in a migration. It has no way back for what was applied: `down.sql`, which it
//! ignores, is for `prisma db execute --file`, newest first; once the migration's row is deleted from
//! `_prisma_migrations`, it can be applied again.

use super::ExportFile;
use super::migration::{Migration, Side, Unit};
use super::psql::transaction;
use super::text::{comments, terminated};

pub(super) fn files(migration: &Migration) -> Vec<ExportFile> {
    let both = migration.units.iter().flat_map(|unit| {
        [("migration", &unit.up), ("down", &unit.down)].map(|(stem, side)| {
            let path = format!("{}/{stem}.sql", migration.name(unit));
            ExportFile::new(path, text(migration, unit, side))
        })
    });
    both.collect()
}

fn text(migration: &Migration, unit: &Unit, side: &Side) -> String {
    let mut text = comments("--", migration.lines(unit));
    if side.outside {
        text.push_str(
            "-- alone in its file: Prisma sends a file as one query, lock_timeout must be 0 for the role\n",
        );
        side.statements.iter().for_each(|sql| text.push_str(&terminated(sql)));
    } else if side.statements.is_empty() {
        text.push_str("-- nothing to do in this direction\nSELECT 1;\n");
    } else {
        transaction(side).iter().for_each(|sql| text.push_str(&terminated(sql)));
    }
    text
}
