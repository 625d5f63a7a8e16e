//! Server settings of forks: no crash safety, no background work, the source's planner.

use std::fmt::Write as _;

use pgverse_core::pg::{Session, SourceSession};
use pgverse_core::{Context, Error, Result};
use serde::{Deserialize, Serialize};

/// Settings as `postgresql.conf` holds them; a later one wins.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Settings(Vec<(String, String)>);

/// What a throw-away server runs with. A fork lives for minutes and is never recovered: nothing is flushed.
/// Background work that would disturb measurements, or act on the outside world as the source does
/// (subscriptions, archiving, senders), is off. `wal_level` stays `replica`, so that the WAL an index build
/// would write on the source is really written and can be measured.
const FORK: &[(&str, &str)] = &[
    ("listen_addresses", ""),
    ("max_connections", "50"),
    ("superuser_reserved_connections", "3"),
    ("ssl", "off"),
    ("shared_buffers", "128MB"),
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("synchronous_commit", "off"),
    ("wal_level", "replica"),
    ("max_wal_size", "16GB"),
    ("min_wal_size", "32MB"),
    ("wal_init_zero", "off"),
    ("wal_recycle", "off"),
    ("checkpoint_timeout", "1d"),
    ("archive_mode", "off"),
    ("max_wal_senders", "0"),
    ("max_replication_slots", "0"),
    ("max_logical_replication_workers", "0"),
    ("hot_standby", "off"),
    ("autovacuum", "off"),
    ("shared_preload_libraries", ""),
    ("logging_collector", "off"),
    ("log_destination", "stderr"),
    ("log_min_messages", "warning"),
    ("log_min_error_statement", "panic"),
    ("log_checkpoints", "off"),
    ("update_process_title", "off"),
];

/// Settings besides the group "Query Tuning" that decide plans, their costs or the text of answers.
const ALSO_COPIED: &[&str] = &[
    "work_mem",
    "hash_mem_multiplier",
    "maintenance_work_mem",
    "temp_buffers",
    "max_worker_processes",
    "max_parallel_workers",
    "max_parallel_workers_per_gather",
    "max_parallel_maintenance_workers",
    "effective_io_concurrency",
    "maintenance_io_concurrency",
    "max_prepared_transactions",
    "search_path",
    "TimeZone",
    "DateStyle",
    "IntervalStyle",
    "bytea_output",
    "xmloption",
    "extra_float_digits",
    "default_text_search_config",
    "default_toast_compression",
    "default_transaction_isolation",
    "standard_conforming_strings",
    "backslash_quote",
    "array_nulls",
    "row_security",
    "track_io_timing",
];

impl Settings {
    /// The settings of a throw-away server.
    pub fn for_fork() -> Self {
        Self(FORK.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    /// The same with one more setting.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with more settings; those win.
    #[must_use]
    pub fn and(mut self, more: &Self) -> Self {
        self.0.extend(more.0.iter().cloned());
        self
    }

    /// What a session of the source is planned with: its values of all settings that planning depends on, as
    /// they are when a session begins (with those of its role and database).
    pub async fn of_source(cx: &Context, session: &SourceSession) -> Result<Self> {
        let sql = "SELECT name, reset_val FROM pg_settings WHERE reset_val IS NOT NULL AND context <> 'internal' \
                   AND (category LIKE 'Query Tuning%' OR name = ANY (string_to_array($1, ',')))";
        let names = Some(ALSO_COPIED.join(","));
        let rows = session.rows(cx, sql, &[names]).await?;
        let read = |e| Error::internal("a setting cannot be read").caused_by(e);
        let pairs: Result<Vec<_>> = rows
            .iter()
            .map(|row| Ok((row.try_get(0).map_err(read)?, row.try_get(1).map_err(read)?)))
            .collect();
        Ok(Self(pairs?))
    }

    /// Only those that this server knows: a copy may run on another major version.
    pub async fn known_to(self, cx: &Context, session: &Session) -> Result<Self> {
        let known = session.text(cx, "SELECT string_agg(name, ',') FROM pg_settings", &[]).await?;
        let known: std::collections::HashSet<String> = known.split(',').map(str::to_lowercase).collect();
        let pairs = self.0.into_iter().filter(|(name, _)| {
            let keep = known.contains(&name.to_lowercase());
            if !keep {
                tracing::warn!(setting = name, "this server version does not know a setting of the source");
            }
            keep
        });
        Ok(Self(pairs.collect()))
    }

    /// The text of a `postgresql.conf`.
    pub fn to_conf(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, (name, value)| {
            let value = value.replace('\\', "\\\\").replace('\'', "''").replace('\n', "\\n");
            let _ = writeln!(text, "{name} = '{value}'");
            text
        })
    }

    /// All but this one.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|(known, _)| known != name);
        self
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_and_the_last_one_wins() {
        let settings = Settings::default().with("a", "it's").and(&Settings::default().with("a", r"\x"));
        assert_eq!(settings.to_conf(), "a = 'it''s'\na = '\\\\x'\n");
    }
}
