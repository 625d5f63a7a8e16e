//! Alembic: one revision file. `autocommit_block()` commits what runs before it and leaves the transaction; the text
//! is given as `sa.DDL`, in which only `%` has a meaning, since a plain string would take `:name` for a parameter.

mod head;

use super::migration::{Migration, Side, Unit};
use super::text::{comments, one_line, string_literal};
use super::{ExportFile, ExportOptions};
use crate::error::Result;

pub(super) fn files(migration: &Migration, options: ExportOptions<'_>) -> Result<Vec<ExportFile>> {
    let revision: String = migration.hash.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
    let down_revision = match (options.down_revision, options.existing) {
        (Some(given), _) => Some(given.to_owned()),
        (None, Some(folder)) => head::find(folder, &revision)?,
        (None, None) => None,
    };
    let name = format!("{revision}_{}.py", migration.slug());
    Ok(vec![ExportFile::new(name, text(migration, &revision, down_revision.as_deref()))])
}

fn text(migration: &Migration, revision: &str, down_revision: Option<&str>) -> String {
    let title = migration.header.first().map(String::as_str).unwrap_or_default();
    let below = down_revision.map_or_else(|| "None".to_owned(), string_literal);
    let forth = migration.units.iter().map(|unit| (unit, &unit.up));
    let back = migration.units.iter().rev().map(|unit| (unit, &unit.down));
    format!(
        "{}\n# Revision ID: {revision}\n# Revises: {}\n{}\nimport sqlalchemy as sa\nfrom alembic import op\n\n\
         revision = {}\ndown_revision = {below}\nbranch_labels = None\ndepends_on = None\n\n\n\
         def upgrade() -> None:\n{}\n\ndef downgrade() -> None:\n{}",
        string_literal(title),
        one_line(down_revision.unwrap_or_default()),
        comments("#", migration.header.iter().skip(1).map(String::as_str)),
        string_literal(revision),
        body(forth),
        body(back),
    )
}

fn body<'a>(sides: impl Iterator<Item = (&'a Unit, &'a Side)>) -> String {
    let mut text = String::new();
    for (unit, side) in sides.filter(|(_, side)| !side.statements.is_empty()) {
        text.push_str(&comments("    #", unit.notes.iter().map(String::as_str)));
        if side.alone {
            text.push_str("    with op.get_context().autocommit_block():\n");
            let statements = if side.outside { side.unbounded() } else { side.bounded_alone() };
            statements.iter().for_each(|sql| text.push_str(&format!("        {}\n", execute(sql))));
        } else {
            // The transaction goes on in the next unit; a block outside of it ends it, and this with it.
            side.bounded().iter().for_each(|sql| text.push_str(&format!("    {}\n", execute(sql))));
        }
    }
    if text.is_empty() { "    pass\n".to_owned() } else { text }
}

fn execute(sql: &str) -> String {
    format!("op.execute(sa.DDL({}))", string_literal(&sql.replace('%', "%%")))
}
