//! The sets that were made by hand: indexes, statistics, views and rewrites.

use std::path::Path;

use pgverse::pg::quote;
use pgverse::types::{Change, LockLevel, Operation, Refresh};
use pgverse::{Error, Result};

use crate::sets::{self, Set};

/// How old an answer may be where views are allowed, seconds.
pub(crate) const STALENESS: f64 = 60.0;

/// How many times its time a write may take: what these sets cost `w4_update_users`, of which the best one takes 4.8 to 5.1
/// times its time, and the one with views 3.8 to 6.2 times.
pub(crate) const WRITES: f64 = 6.0;

/// The sets of these names, whatever they take for granted.
pub(crate) fn by_hand(folder: &Path, names: &[&str], known: &mut Vec<Operation>) -> Result<Vec<Set>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let file = sets::json(&folder.join("hand_made.json"))?;
    names
        .iter()
        .map(|name| {
            let set = &file["sets"][*name];
            let mut views = Vec::new();
            let mut operations = Vec::new();
            for sql in sets::strings(&set["setup"]).iter().chain(&sets::strings(&set["ddl"])) {
                if let Some(view) = view(sql) {
                    views.push(view);
                } else if sql.starts_with("CREATE INDEX") {
                    operations.push(sets::operation(sql, known)?);
                } else if sql.starts_with("CREATE STATISTICS") {
                    let table = sql.rsplit(' ').next().unwrap_or_default();
                    operations.push(statistics(sql, table));
                } else if sql.starts_with("ALTER STATISTICS")
                    && let Some(Operation::Sql { apply, .. }) = operations.last_mut()
                {
                    apply.insert(1, sql.clone());
                }
            }
            // The indexes of a view come after it.
            views.extend(operations);
            let rewrites = set["rewrites"].as_object().into_iter().flatten();
            views.extend(rewrites.map(|(statement, sql)| Operation::RewriteStatement {
                statement: statement.as_str().into(),
                sql: sql.as_str().unwrap_or_default().to_owned(),
                rule: "by_hand".to_owned(),
            }));
            if views.is_empty() {
                return Err(Error::invalid("a set made by hand is empty").with("set", name));
            }
            Ok(Set::new(name, Change { operations: views }))
        })
        .collect()
}

fn view(sql: &str) -> Option<Operation> {
    let (name, query) = sql.strip_prefix("CREATE MATERIALIZED VIEW ")?.split_once(" AS ")?;
    Some(Operation::CreateMaterializedView {
        schema: "public".to_owned(),
        name: name.to_owned(),
        query: query.to_owned(),
        unique_key: Vec::new(),
        refresh: Refresh { every_seconds: STALENESS, concurrently: false },
    })
}

fn statistics(sql: &str, table: &str) -> Operation {
    Operation::Sql {
        apply: vec![sql.to_owned(), format!("ANALYZE {}", quote::ident(table))],
        undo: Vec::new(),
        online: Vec::new(),
        lock: LockLevel::ShareUpdateExclusive,
    }
}
