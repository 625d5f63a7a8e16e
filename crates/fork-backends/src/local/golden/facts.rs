//! What must be known of a live source before it is copied.

use async_trait::async_trait;
use pgverse_core::pg::{Dsn, Source, SourceSession};
use pgverse_core::{Context, Error, ErrorKind, Result};
use serde::Deserialize;

use crate::shared::{Settings, pooler};

/// Extensions that work only if their library was loaded when the server started. Others in
/// `shared_preload_libraries` observe or act on a schedule; on a fork both would only disturb.
const NEED_PRELOAD: &[&str] = &["timescaledb", "citus", "pg_search", "columnar", "pg_duckdb", "vchord"];

/// A live source.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Facts {
    /// Server version, such as `15.18`.
    pub version: String,
    version_number: u32,
    /// Name of the database.
    pub database: String,
    /// Size of the database, bytes.
    pub bytes: u64,
    /// Size of all databases that we may know of, bytes.
    pub cluster_bytes: u64,
    may_replicate: bool,
    wal_level: String,
    wal_senders: u32,
    /// Replication slots that nobody holds.
    pub free_slots: i64,
    tablespaces: Vec<String>,
    /// Unlogged tables that are not empty.
    unlogged: i64,
    /// A superuser who may log in.
    pub superuser: Option<String>,
    /// Extensions in the database.
    pub extensions: Vec<String>,
    preload: String,
    /// Roles that the dumped schema names although owners and privileges are left out.
    pub roles: Vec<String>,
    /// Version of the library behind the database's collation, where the server tells (15 and later).
    #[serde(default)]
    pub collation: Option<String>,
    /// What its sessions are planned with.
    #[serde(skip)]
    pub settings: Settings,
}

const FACTS: &str = "SELECT json_build_object(
    'version', split_part(current_setting('server_version'), ' ', 1),
    'version_number', current_setting('server_version_num')::int,
    'database', d.datname,
    'bytes', pg_database_size(d.oid),
    'cluster_bytes', (SELECT sum(CASE WHEN o.oid = d.oid OR has_database_privilege(o.oid, 'CONNECT')
        OR pg_has_role('pg_read_all_stats', 'USAGE') THEN pg_database_size(o.oid) ELSE 0 END)::int8 FROM pg_database o),
    'may_replicate', (SELECT rolreplication OR rolsuper FROM pg_roles WHERE rolname = current_user),
    'wal_level', current_setting('wal_level'),
    'wal_senders', current_setting('max_wal_senders')::int,
    'free_slots', current_setting('max_replication_slots')::int - (SELECT count(*) FROM pg_replication_slots),
    'tablespaces', (SELECT coalesce(json_agg(spcname), '[]') FROM pg_tablespace
        WHERE spcname NOT IN ('pg_default', 'pg_global')),
    'unlogged', (SELECT count(*) FROM pg_class WHERE relpersistence = 'u' AND relkind = 'r'
        AND pg_relation_size(oid) > 0),
    'superuser', (SELECT rolname FROM pg_roles WHERE rolsuper AND rolcanlogin
        ORDER BY rolname = 'postgres' DESC, oid LIMIT 1),
    'extensions', (SELECT coalesce(json_agg(extname ORDER BY extname), '[]') FROM pg_extension),
    'preload', coalesce((SELECT setting FROM pg_settings WHERE name = 'shared_preload_libraries'), ''),
    'roles', (SELECT coalesce(json_agg(DISTINCT r.rolname), '[]') FROM pg_roles r WHERE r.oid IN (
        SELECT unnest(polroles) FROM pg_policy
        UNION SELECT setrole FROM pg_db_role_setting s WHERE s.setdatabase = d.oid
        UNION SELECT umuser FROM pg_user_mappings))
    )::text FROM pg_database d WHERE d.datname = current_database()";

const COLLATION: &str =
    "SELECT pg_database_collation_actual_version(oid) FROM pg_database WHERE datname = current_database()";

#[async_trait]
impl pooler::Way for Source {
    type Session = SourceSession;

    async fn open(&self, cx: &Context) -> Result<SourceSession> {
        self.session(cx).await
    }

    async fn ask(&self, cx: &Context, session: &SourceSession, sql: &str) -> Result<String> {
        one_text(cx, session, sql).await.map(Option::unwrap_or_default)
    }
}

impl Facts {
    /// Asks the source, in read-only transactions.
    pub(super) async fn read(cx: &Context, dsn: &Dsn) -> Result<Self> {
        let suspect = |error| pooler::suspect(error, dsn);
        let source = Source::new(dsn.clone());
        let session = source.session(cx).await.map_err(suspect)?;
        pooler::refuse(cx, dsn, &source, &session).await.map_err(suspect)?;
        let text = one_text(cx, &session, FACTS).await?.unwrap_or_default();
        let mut facts: Self = serde_json::from_str(&text)
            .map_err(|e| Error::internal("the facts of the source cannot be read").caused_by(e))?;
        if facts.version_number < 140_000 {
            return Err(Error::new(ErrorKind::Unsupported, "the server is too old")
                .with("version", &facts.version)
                .hint("PostgreSQL 14 or later is needed"));
        }
        if facts.version_number >= 150_000 {
            facts.collation = one_text(cx, &session, COLLATION).await?;
        }
        facts.settings = Settings::of_source(cx, &session).await?;
        Ok(facts)
    }

    /// Major version of the server.
    pub(super) fn major(&self) -> u32 {
        self.version_number / 10_000
    }

    /// Why the source cannot be copied physically, file by file; `None` if nothing speaks against it.
    pub(super) fn against_physical(&self) -> Option<String> {
        if !self.may_replicate {
            Some("the role may not replicate".to_owned())
        } else if self.wal_level == "minimal" || self.wal_senders < 2 {
            Some("the server's settings allow no replication".to_owned())
        } else if !self.tablespaces.is_empty() {
            Some(format!("there are tablespaces in places of their own: {}", self.tablespaces.join(", ")))
        } else if self.unlogged > 0 {
            Some("its unlogged tables would be empty in a physical copy".to_owned())
        } else if self.superuser.is_none() {
            Some("no superuser may log in".to_owned())
        } else {
            None
        }
    }

    /// Libraries that a server with these extensions has to be started with.
    pub(super) fn preload(&self) -> String {
        let needed = |library: &&str| {
            NEED_PRELOAD.contains(library) && self.extensions.iter().any(|extension| extension == library)
        };
        self.preload.split(',').map(str::trim).filter(needed).collect::<Vec<_>>().join(",")
    }

    /// Settings of forks of this source.
    pub(super) fn fork_settings(&self) -> Settings {
        Settings::for_fork().and(&self.settings).with("shared_preload_libraries", &self.preload())
    }
}

async fn one_text(cx: &Context, session: &SourceSession, sql: &str) -> Result<Option<String>> {
    let rows = session.rows(cx, sql, &[]).await?;
    let row = rows.first().ok_or_else(|| Error::internal("expected one row"))?;
    row.try_get(0).map_err(|e| Error::internal("a fact of the source is not text").caused_by(e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(change: impl FnOnce(&mut Facts)) -> Facts {
        let mut facts: Facts = serde_json::from_str(
            r#"{"version": "16.2", "version_number": 160002, "database": "d", "bytes": 1, "cluster_bytes": 2,
                "may_replicate": true, "wal_level": "replica", "wal_senders": 10, "free_slots": 0, "tablespaces": [], "unlogged": 0,
                "superuser": "postgres", "extensions": ["pg_stat_statements", "citus"],
                "preload": "pg_stat_statements, citus, pg_cron", "roles": []}"#,
        )
        .unwrap();
        change(&mut facts);
        facts
    }

    #[test]
    fn reasons_against_a_physical_copy() {
        assert_eq!(facts(|_| ()).against_physical(), None);
        assert_eq!(facts(|_| ()).major(), 16);
        for (change, word) in [
            ((|f| f.may_replicate = false) as fn(&mut Facts), "role"),
            (|f| f.wal_level = "minimal".into(), "settings"),
            (|f| f.wal_senders = 0, "settings"),
            (|f| f.tablespaces.push("fast".into()), "fast"),
            (|f| f.unlogged = 1, "unlogged"),
            (|f| f.superuser = None, "superuser"),
        ] {
            let reason = facts(change).against_physical().unwrap();
            assert!(reason.contains(word), "{reason}");
        }
    }

    #[test]
    fn only_libraries_that_answers_need_are_preloaded() {
        assert_eq!(facts(|_| ()).preload(), "citus");
        assert_eq!(facts(|f| f.extensions.clear()).preload(), "");
    }
}
