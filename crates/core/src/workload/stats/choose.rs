//! Which statements of a snapshot make a workload, and their weights.

use std::collections::BTreeMap;

use super::{Entry, Snapshot};
use crate::types::StatementKind;
use crate::workload;
use crate::workload::log::without_prepare;
use crate::workload::normalize::fingerprint;
use crate::workload::scan::{Kind, code};

/// What is left out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter {
    /// Only statements of this role.
    pub user: Option<String>,
    /// Only statements that name this table, without its schema.
    pub table: Option<String>,
    /// Only statements whose mean time is at least this, milliseconds.
    pub min_mean_ms: f64,
    /// At most this many, the longest total time first; 0 is no limit.
    pub most: usize,
}

/// A statement of the workload to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// Its figures; users that run the same statement are added up.
    pub entry: Entry,
    /// Calls per minute.
    pub weight: f64,
    /// Reads or writes.
    pub kind: StatementKind,
    /// Equal for statements of the same shape.
    pub fingerprint: String,
}

/// The statements that pass the filter, and why the others do not, with their number.
pub fn choose(snapshot: &Snapshot, filter: &Filter) -> (Vec<Chosen>, Vec<String>) {
    let mut left_out: BTreeMap<&str, usize> = BTreeMap::new();
    let mut chosen: Vec<Chosen> = Vec::new();
    for entry in &snapshot.entries {
        if filter.user.as_ref().is_some_and(|user| *user != entry.user) {
            *left_out.entry("of other users").or_default() += 1;
            continue;
        }
        // A statement that was prepared by SQL is kept with its PREPARE.
        let query = without_prepare(&entry.query);
        let kind = match kind_of(query) {
            Ok(kind) => kind,
            Err(why) => {
                *left_out.entry(why).or_default() += 1;
                continue;
            }
        };
        let fingerprint = fingerprint(query);
        if let Some(same) = chosen.iter_mut().find(|c| c.fingerprint == fingerprint) {
            same.entry.calls += entry.calls;
            same.entry.total_ms += entry.total_ms;
            same.entry.rows += entry.rows;
            same.entry.temp_blocks += entry.temp_blocks;
            same.entry.max_ms = same.entry.max_ms.max(entry.max_ms);
        } else {
            let entry = Entry { query: query.to_owned(), ..entry.clone() };
            chosen.push(Chosen { entry, weight: 0.0, kind, fingerprint });
        }
    }
    let all = chosen.len();
    chosen.retain(|c| {
        c.entry.mean_ms() >= filter.min_mean_ms
            && filter.table.as_ref().is_none_or(|table| names(&c.entry.query, table))
    });
    if chosen.len() < all {
        left_out.insert("that the filters exclude", all - chosen.len());
    }
    chosen.sort_by(|a, b| b.entry.total_ms.total_cmp(&a.entry.total_ms));
    if filter.most > 0 && chosen.len() > filter.most {
        left_out.insert("that take less time in total", chosen.len() - filter.most);
        chosen.truncate(filter.most);
    }
    if snapshot.hidden > 0 {
        left_out.insert("whose text the role may not see (GRANT pg_read_all_stats)", snapshot.hidden);
    }
    for each in &mut chosen {
        each.weight = each.entry.calls / snapshot.minutes.max(1.0 / 60.0);
    }
    let notes = left_out.into_iter().map(|(why, count)| format!("left out: {count} {why}")).collect();
    (chosen, notes)
}

/// Reads or writes, or why it does not belong to a workload.
fn kind_of(query: &str) -> Result<StatementKind, &'static str> {
    let kind = workload::kind_of(query).map_err(|_| "utility or unreadable statements")?;
    match (reads_system(query), reads_something(query)) {
        (true, _) => Err("that read system catalogs, as pgverse does itself"),
        (_, false) => Err("that read no table"),
        _ => Ok(kind),
    }
}

/// Whether a text names a table, as far as its words tell.
fn reads_something(query: &str) -> bool {
    code(query).any(|t| ["from", "into", "update", "table"].iter().any(|w| t.is_word(w)))
}

/// Whether a text reads a system catalog, or no table but the server's own state, as clients that look around do, and
/// pgverse itself.
pub(in crate::workload) fn reads_system(query: &str) -> bool {
    let reads_something = reads_something(query);
    let mut open = !reads_something;
    for token in code(query).filter(|t| matches!(t.kind, Kind::Word | Kind::QuotedName)) {
        let name = token.text.trim_matches('"').to_ascii_lowercase();
        if open && (name.starts_with("pg_") || name == "information_schema") {
            return true;
        }
        let opens = ["from", "join", "into", "update"].iter().any(|word| token.is_word(word));
        open = opens || !reads_something;
    }
    false
}

/// Whether a text names this table or column.
pub(in crate::workload) fn names(query: &str, table: &str) -> bool {
    code(query).any(|token| match token.kind {
        Kind::Word => token.text.eq_ignore_ascii_case(table),
        Kind::QuotedName => token.text.trim_matches('"') == table,
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(queries: &[(&str, f64, f64)]) -> Snapshot {
        let entry = |(at, (query, calls, total_ms)): (usize, &(&str, f64, f64))| Entry {
            queryid: i64::try_from(at).unwrap(),
            user: "app".to_owned(),
            query: (*query).to_owned(),
            calls: *calls,
            total_ms: *total_ms,
            max_ms: 1.0,
            rows: 0.0,
            temp_blocks: 0.0,
        };
        let entries = queries.iter().enumerate().map(entry).collect();
        Snapshot { server_version: 150_000, minutes: 2.0, taken: 120.0, reset: 0.0, entries, hidden: 1 }
    }

    #[test]
    fn calls_are_weights_and_what_is_left_out_is_counted() {
        let snapshot = snapshot(&[
            ("SELECT * FROM orders WHERE id = $1", 10.0, 100.0),
            ("select * from orders where id = $1", 30.0, 900.0),
            ("UPDATE users SET name = $1", 4.0, 2.0),
            ("prepare o(int, text) as SELECT * FROM items WHERE id = $1 AND name = $2", 2.0, 1.0),
            ("BEGIN", 4.0, 2.0),
            ("SELECT oid FROM pg_class", 4.0, 2.0),
            ("SELECT $1", 4.0, 2.0),
        ]);
        let (chosen, notes) = choose(&snapshot, &Filter::default());
        let facts: Vec<_> = chosen.iter().map(|c| (c.weight, c.entry.mean_ms(), c.kind)).collect();
        assert_eq!(
            facts,
            [
                (20.0, 25.0, StatementKind::Read),
                (2.0, 0.5, StatementKind::Write),
                (1.0, 0.5, StatementKind::Read)
            ]
        );
        assert!(chosen[2].entry.query.starts_with("SELECT * FROM items"));
        assert_eq!(notes.len(), 4, "{notes:?}");
        let only = |filter| choose(&snapshot, &filter).0.len();
        assert!(reads_system("SELECT * FROM public.a JOIN pg_catalog.pg_class c ON true"));
        assert!(reads_system("SELECT pg_backend_pid()") && !reads_system("SELECT f($1)"));
        assert!(!reads_system("SELECT pg_sleep(1) FROM a"));
        assert_eq!(only(Filter { min_mean_ms: 1.0, ..Filter::default() }), 1);
        assert_eq!(only(Filter { table: Some("users".into()), ..Filter::default() }), 1);
        assert_eq!(only(Filter { user: Some("nobody".into()), ..Filter::default() }), 0);
        assert_eq!(only(Filter { most: 1, ..Filter::default() }), 1);
    }
}
