//! What pg_stat_statements holds at one moment, and what two of these differ in.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::pg::{SourceSession, quote};

/// What pg_stat_statements held at one moment; can be kept in a file and subtracted later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Snapshot {
    /// `server_version_num`.
    pub server_version: u32,
    /// Minutes that the counters cover: since they were reset, or between two snapshots.
    pub minutes: f64,
    /// Seconds since 1970, by the server's clock.
    pub taken: f64,
    /// Seconds since 1970 of the last reset of the counters.
    pub reset: f64,
    /// Statements of the database that was asked, the longest total time first.
    pub entries: Vec<Entry>,
    /// Statements whose text the role may not see.
    pub hidden: usize,
}

/// One statement of one user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Entry {
    /// `queryid`.
    pub queryid: i64,
    /// The role that ran it.
    pub user: String,
    /// The normalized text.
    pub query: String,
    /// Times that it was run.
    pub calls: f64,
    /// Milliseconds that it ran, without planning.
    pub total_ms: f64,
    /// The longest run, milliseconds; of the whole time since the reset.
    pub max_ms: f64,
    /// Rows returned or changed.
    pub rows: f64,
    /// Blocks written to temporary files.
    pub temp_blocks: f64,
}

impl Entry {
    /// Mean milliseconds of a run.
    pub fn mean_ms(&self) -> f64 {
        if self.calls > 0.0 { self.total_ms / self.calls } else { 0.0 }
    }
}

impl Snapshot {
    /// What happened since an earlier snapshot. Counters that were reset in between count from the reset.
    ///
    /// # Errors
    /// `InvalidInput` if the earlier one was taken later.
    pub fn since(&self, earlier: &Self) -> Result<Self> {
        if earlier.taken > self.taken {
            return Err(Error::invalid("the earlier snapshot is from the future of this server")
                .hint("take both snapshots from the same server"));
        }
        let reset = self.reset > earlier.reset;
        let known: HashMap<(i64, &str), &Entry> =
            earlier.entries.iter().map(|e| ((e.queryid, e.user.as_str()), e)).collect();
        let difference = |entry: &Entry| {
            let before = known.get(&(entry.queryid, entry.user.as_str()));
            // Evicted and entered anew, or reset by itself.
            let Some(before) = before.filter(|b| !reset && b.calls <= entry.calls) else {
                return entry.clone();
            };
            Entry {
                calls: entry.calls - before.calls,
                total_ms: (entry.total_ms - before.total_ms).max(0.0),
                rows: (entry.rows - before.rows).max(0.0),
                temp_blocks: (entry.temp_blocks - before.temp_blocks).max(0.0),
                ..entry.clone()
            }
        };
        let mut entries: Vec<Entry> =
            self.entries.iter().map(difference).filter(|entry| entry.calls > 0.0).collect();
        entries.sort_by(|a, b| b.total_ms.total_cmp(&a.total_ms));
        let from = if reset { self.reset } else { earlier.taken };
        Ok(Self { minutes: (self.taken - from) / 60.0, entries, ..self.clone() })
    }
}

const ENABLE: &str = "add it to shared_preload_libraries and restart the server: ALTER SYSTEM SET shared_preload_libraries = \
     'pg_stat_statements'; (keep what is there already), restart, then in this database: CREATE EXTENSION pg_stat_statements;";

/// Reads pg_stat_statements for the database of this session. Works on PostgreSQL 14 to 18.
///
/// # Errors
/// `NotFound` with the statements that enable it where it is missing, `Permission` where the role sees no text.
pub async fn read(cx: &Context, session: &SourceSession) -> Result<Snapshot> {
    let sql = "SELECT n.nspname::text, \
               (SELECT setting FROM pg_settings WHERE name = 'shared_preload_libraries'), current_user::text \
               FROM (SELECT 1) one LEFT JOIN pg_extension e ON e.extname = 'pg_stat_statements' \
               LEFT JOIN pg_namespace n ON n.oid = e.extnamespace";
    let rows = session.rows(cx, sql, &[]).await?;
    let row = rows.first().ok_or_else(|| Error::internal("the catalog returned no row"))?;
    let column = |at| row.try_get::<_, Option<String>>(at).ok().flatten();
    let (schema, preloaded, user) = (column(0), column(1), column(2).unwrap_or_default());
    let loaded = preloaded.as_ref().map(|list| list.contains("pg_stat_statements"));
    let Some(schema) = schema else {
        let error = Error::new(ErrorKind::NotFound, "pg_stat_statements is not installed in this database");
        return Err(error.hint(match loaded {
            Some(true) => "in this database, as a superuser: CREATE EXTENSION pg_stat_statements;",
            _ => ENABLE,
        }));
    };
    let sql = format!(
        "SELECT current_setting('server_version_num'), extract(epoch FROM clock_timestamp())::float8, \
         (SELECT extract(epoch FROM stats_reset)::float8 FROM {}), \
         coalesce(json_agg(json_build_object('queryid', queryid, 'user', s.usename, 'query', s.query, 'calls', s.calls, \
         'total_ms', s.total_exec_time, 'max_ms', s.max_exec_time, 'rows', s.rows, 'temp_blocks', s.temp_blks_written) \
         ORDER BY s.total_exec_time DESC), '[]') \
         FROM (SELECT s.*, coalesce(r.rolname::text, s.userid::text) AS usename FROM {} s LEFT JOIN pg_roles r ON r.oid = s.userid \
         WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND s.calls > 0 \
         AND s.query IS NOT NULL) s",
        quote::qualified(&schema, "pg_stat_statements_info"),
        quote::qualified(&schema, "pg_stat_statements"),
    );
    let rows = session.rows(cx, &sql, &[]).await.map_err(|error| {
        let unloaded = error.context().iter().any(|(key, value)| *key == "sqlstate" && value == "55000");
        if unloaded {
            Error::new(ErrorKind::NotFound, "pg_stat_statements is created but not loaded").hint(ENABLE)
        } else {
            error
        }
    })?;
    let bad = |e| Error::internal("pg_stat_statements does not have the expected shape").caused_by(e);
    let row = rows.first().ok_or_else(|| Error::internal("pg_stat_statements returned no row"))?;
    let version: String = row.try_get(0).map_err(bad)?;
    let (taken, reset): (f64, f64) = (row.try_get(1).map_err(bad)?, row.try_get(2).map_err(bad)?);
    let found: Vec<RawEntry> = serde_json::from_value(row.try_get(3).map_err(bad)?)
        .map_err(|e| Error::internal("pg_stat_statements does not have the expected shape").caused_by(e))?;
    let all = found.len();
    let entries: Vec<Entry> = found.into_iter().filter_map(RawEntry::visible).collect();
    let hidden = all - entries.len();
    if entries.is_empty() && hidden > 0 {
        return Err(Error::new(ErrorKind::Permission, "the role may not see the statements of other roles")
            .with("role", &user)
            .hint(format!("as a superuser: GRANT pg_read_all_stats TO {};", quote::ident(&user))));
    }
    let server_version = version.parse().unwrap_or_default();
    Ok(Snapshot { server_version, minutes: (taken - reset) / 60.0, taken, reset, entries, hidden })
}

/// An entry as the server shows it to a role without `pg_read_all_stats`: without `queryid`.
#[derive(Deserialize)]
struct RawEntry {
    queryid: Option<i64>,
    user: String,
    query: String,
    calls: f64,
    total_ms: f64,
    max_ms: f64,
    rows: f64,
    temp_blocks: f64,
}

impl RawEntry {
    fn visible(self) -> Option<Entry> {
        let Self { queryid, user, query, calls, total_ms, max_ms, rows, temp_blocks } = self;
        let queryid = queryid.filter(|_| query != "<insufficient privilege>")?;
        Some(Entry { queryid, user, query, calls, total_ms, max_ms, rows, temp_blocks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(queryid: i64, calls: f64, total_ms: f64) -> Entry {
        let (user, query) = ("u".to_owned(), "SELECT 1".to_owned());
        Entry { queryid, user, query, calls, total_ms, max_ms: 9.0, rows: calls, temp_blocks: 0.0 }
    }

    fn snapshot(taken: f64, reset: f64, entries: Vec<Entry>) -> Snapshot {
        Snapshot {
            server_version: 150_000,
            minutes: (taken - reset) / 60.0,
            taken,
            reset,
            entries,
            hidden: 0,
        }
    }

    #[test]
    fn the_difference_holds_what_happened_in_between() {
        let before = snapshot(60.0, 0.0, vec![entry(1, 10.0, 100.0), entry(2, 5.0, 9.0), entry(3, 9.0, 9.0)]);
        let after = snapshot(180.0, 0.0, vec![entry(1, 30.0, 500.0), entry(2, 5.0, 9.0), entry(3, 2.0, 2.0)]);
        let between = after.since(&before).unwrap();
        let facts: Vec<_> = between.entries.iter().map(|e| (e.queryid, e.calls, e.total_ms)).collect();
        // The third was evicted and entered anew: it counts from there.
        assert_eq!((between.minutes, facts), (2.0, vec![(1, 20.0, 400.0), (3, 2.0, 2.0)]));
        assert_eq!(before.since(&after).unwrap_err().kind(), ErrorKind::InvalidInput);
        let reset = snapshot(180.0, 120.0, vec![entry(1, 30.0, 500.0)]).since(&before).unwrap();
        assert_eq!((reset.minutes, reset.entries[0].calls), (1.0, 30.0));
    }
}
