//! What helps to find a statement in an application.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::pg::quote::literal;
use crate::workload::{normalize, uses};

/// Bytes of a text to search for.
const FRAGMENT: usize = 60;

/// What is known of where a statement comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Tags that the application or its ORM put into a comment (sqlcommenter), such as `controller` or `route`.
    pub tags: BTreeMap<String, String>,
    /// Fingerprint of the statement's shape, as the workload has it.
    pub fingerprint: String,
    /// A query that finds the statement's query id, calls and text on a server with `pg_stat_statements`.
    pub query_id: String,
}

impl Place {
    pub(super) fn of(sql: &str, fingerprint: &str) -> Self {
        // The view keeps the text as it was first sent, with constants replaced; the beginning up to the first
        // parameter or constant is the same in both.
        let bare = sql.split("/*").next().unwrap_or_default().trim_start();
        let end = bare.find(|c: char| c == '$' || c == '\'' || c.is_ascii_digit()).unwrap_or(bare.len());
        let head = &bare[..bare.floor_char_boundary(end.min(FRAGMENT))];
        let pattern = head.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        Self {
            tags: uses::tags(sql),
            fingerprint: fingerprint.to_owned(),
            query_id: format!(
                "SELECT queryid, calls, query FROM pg_stat_statements WHERE query LIKE {} ORDER BY calls DESC",
                literal(&format!("%{pattern}%"))
            ),
        }
    }
}

/// The statement's shape on one line: what logs and statement statistics show.
pub(super) fn shape(sql: &str) -> String {
    normalize(sql)
}
