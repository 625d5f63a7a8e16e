//! What the server says of itself, of names, rights, transactions and disk.

use std::path::Path;

use super::Check;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::pg::quote::qualified;
use crate::pg::{Parameters, SourceSession};
use crate::promote::action::{IndexName, Manner, Present, up};
use crate::promote::journal::{PromotionRecord, StepState};
use crate::types::{Operation, PromotionPlan};

async fn texts(
    cx: &Context,
    session: &SourceSession,
    sql: &str,
    values: &Parameters,
) -> Result<Vec<Option<String>>> {
    let rows = session.rows(cx, sql, values).await?;
    rows.iter()
        .map(|row| row.try_get(0).map_err(|e| Error::internal("the catalog cannot be read").caused_by(e)))
        .collect()
}

async fn text(cx: &Context, session: &SourceSession, sql: &str) -> Result<String> {
    Ok(texts(cx, session, sql, &[]).await?.into_iter().flatten().next().unwrap_or_default())
}

/// Database, version, role of the server.
pub(super) async fn identity(
    cx: &Context,
    session: &SourceSession,
    plan: &PromotionPlan,
) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    checks.push(if text(cx, session, "SELECT pg_is_in_recovery()::text").await? == "true" {
        Check::refused("server", "is a replica, which takes no changes; name its primary")
    } else {
        Check::fine("server", "is no replica")
    });
    let database = text(cx, session, "SELECT current_database()::text").await?;
    let wanted = &plan.grounds.database;
    checks.push(if database == *wanted {
        Check::fine("database", database)
    } else {
        Check::refused("database", format!("is {database}; {wanted} was measured"))
    });
    let version = text(cx, session, "SELECT current_setting('server_version_num')").await?;
    let now = version.parse::<u32>().unwrap_or(0) / 10_000;
    let then = plan.grounds.server_version / 10_000;
    checks.push(if now == then {
        Check::fine("server version", format!("PostgreSQL {now}"))
    } else {
        Check::refused("server version", format!("is PostgreSQL {now}; {then} was measured"))
    });
    Ok(checks)
}

/// The names that the plan makes must be free, but for what an unfinished promotion has begun.
pub(super) async fn names(
    cx: &Context,
    session: &SourceSession,
    plan: &PromotionPlan,
    unfinished: Option<&PromotionRecord>,
) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    for (number, step) in (1..).zip(&plan.steps) {
        let begun = unfinished
            .and_then(|record| record.steps.iter().find(|s| s.number == number))
            .is_some_and(|s| s.state != StepState::Pending);
        if begun {
            continue;
        }
        for object in made(&step.operation)? {
            let (name, taken) = match &object {
                Present::Relation { schema, name } => {
                    let name = qualified(schema, name);
                    // An index that is not valid may be what an earlier attempt left; whether it is, the promoter sees.
                    let sql = "SELECT 'taken' WHERE to_regclass($1) IS NOT NULL AND NOT EXISTS \
                               (SELECT FROM pg_index WHERE indexrelid = to_regclass($1) AND NOT indisvalid)";
                    (name.clone(), texts(cx, session, sql, &[Some(name)]).await?)
                }
                Present::Statistics { schema, name } => {
                    let sql = "SELECT 'taken' FROM pg_statistic_ext x JOIN pg_namespace n ON n.oid = x.stxnamespace \
                               WHERE n.nspname = $1 AND x.stxname = $2";
                    let values = [Some(schema.clone()), Some(name.clone())];
                    (qualified(schema, name), texts(cx, session, sql, &values).await?)
                }
                Present::Constraint { schema, table, name } => {
                    let sql =
                        "SELECT 'taken' FROM pg_constraint WHERE conrelid = to_regclass($1) AND conname = $2";
                    let values = [Some(qualified(schema, table)), Some(name.clone())];
                    (name.clone(), texts(cx, session, sql, &values).await?)
                }
            };
            checks.push(if taken.is_empty() {
                Check::fine("name", format!("{name} is free"))
            } else {
                Check::refused("name", format!("{name} is taken"))
            });
        }
    }
    Ok(checks)
}

/// The objects that an operation makes.
fn made(operation: &Operation) -> Result<Vec<Present>> {
    Ok(match operation {
        Operation::CreateIndex { schema, name, .. } => {
            let mut made = vec![Present::Relation { schema: schema.clone(), name: name.clone() }];
            for action in up(operation)? {
                if let Manner::Build(IndexName { schema, name, .. }) = action.manner {
                    made.push(Present::Relation { schema, name });
                }
            }
            made.dedup();
            made
        }
        Operation::CreateMaterializedView { schema, name, .. } => {
            vec![Present::Relation { schema: schema.clone(), name: name.clone() }]
        }
        Operation::CreateStatistics { schema, name, .. } => {
            vec![Present::Statistics { schema: schema.clone(), name: name.clone() }]
        }
        Operation::AddConstraint { schema, table, name, .. } => {
            vec![Present::Constraint { schema: schema.clone(), table: table.clone(), name: name.clone() }]
        }
        _ => Vec::new(),
    })
}

/// An index on a partitioned table cannot become valid part by part while a partition is a foreign table.
pub(super) async fn foreign_partitions(
    cx: &Context,
    session: &SourceSession,
    plan: &PromotionPlan,
) -> Result<Vec<Check>> {
    let sql = "SELECT c.oid::regclass::text FROM pg_partition_tree(to_regclass($1)) t JOIN pg_class c ON c.oid = t.relid \
               WHERE c.relkind = 'f'";
    let mut checks = Vec::new();
    for step in &plan.steps {
        if let Operation::CreateIndex { schema, table, partitions: Some(_), .. } = &step.operation {
            let whole = qualified(schema, table);
            for part in texts(cx, session, sql, &[Some(whole.clone())]).await?.into_iter().flatten() {
                let detail = format!(
                    "{part} is a foreign table and can have no index, so that the one on {whole} would never become valid; index each other partition by itself"
                );
                checks.push(Check::refused("partition", detail));
            }
        }
    }
    Ok(checks)
}

/// What the role must be allowed to do.
pub(super) async fn rights(
    cx: &Context,
    session: &SourceSession,
    plan: &PromotionPlan,
) -> Result<Vec<Check>> {
    let mut missing = Vec::new();
    let journal = "SELECT 'create the schema pgverse in this database' \
                   WHERE to_regnamespace('pgverse') IS NULL AND NOT has_database_privilege(current_database(), 'CREATE') \
                   UNION ALL SELECT 'write to the journal' \
                   WHERE to_regclass('pgverse.promotion') IS NOT NULL AND NOT has_table_privilege('pgverse.promotion', 'INSERT, UPDATE')";
    missing.extend(texts(cx, session, journal, &[]).await?.into_iter().flatten());
    let owner = "SELECT format('own %s', c.oid::regclass) FROM pg_class c \
                 WHERE c.oid = to_regclass($1) AND NOT pg_has_role(c.relowner, 'USAGE')";
    let create = "SELECT format('create objects in schema %s', $1::text) WHERE NOT has_schema_privilege($1::text, 'CREATE')";
    for step in &plan.steps {
        let table = match &step.operation {
            Operation::CreateIndex { schema, table, .. }
            | Operation::SetStatisticsTarget { schema, table, .. }
            | Operation::Analyze { schema, table }
            | Operation::AddConstraint { schema, table, .. }
            | Operation::CreateStatistics { schema, table, .. } => Some(qualified(schema, table)),
            Operation::DropIndex { schema, name, .. } => Some(qualified(schema, name)),
            _ => None,
        };
        if let Some(table) = table {
            missing.extend(texts(cx, session, owner, &[Some(table)]).await?.into_iter().flatten());
        }
        if let Operation::CreateIndex { schema, .. }
        | Operation::CreateStatistics { schema, .. }
        | Operation::CreateMaterializedView { schema, .. } = &step.operation
        {
            missing.extend(texts(cx, session, create, &[Some(schema.clone())]).await?.into_iter().flatten());
        }
    }
    missing.sort();
    missing.dedup();
    Ok(vec![if missing.is_empty() {
        Check::fine("rights", "the role has all that is needed")
    } else {
        Check::refused("rights", format!("the role must be allowed to {}", missing.join(", to ")))
    }])
}

/// A concurrent build waits for every transaction of this database that is older than itself.
pub(super) async fn transactions(cx: &Context, session: &SourceSession) -> Result<Vec<Check>> {
    let old = "SELECT format('%s of %s since %s (%s): %s', pid, usename, xact_start::timestamptz(0), state, left(query, 60)) \
               FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
                 AND xact_start < clock_timestamp() - interval '30 s' \
                 AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL) AND backend_type <> 'autovacuum worker' \
               ORDER BY xact_start LIMIT 5";
    let prepared = "SELECT format('%s since %s', gid, prepared::timestamptz(0)) FROM pg_prepared_xacts \
                    WHERE database = current_database() ORDER BY prepared LIMIT 5";
    let mut checks: Vec<Check> = Vec::new();
    for who in texts(cx, session, old, &[]).await?.into_iter().flatten() {
        checks.push(Check::warning("old transaction", format!("{who}; a build has to wait for its end")));
    }
    for which in texts(cx, session, prepared, &[]).await?.into_iter().flatten() {
        let detail = format!("{which}; a build has to wait until it is committed or rolled back");
        checks.push(Check::warning("prepared transaction", detail));
    }
    if checks.is_empty() {
        checks.push(Check::fine("old transactions", "none"));
    }
    Ok(checks)
}

/// Disk: what was added on the fork, and as much again for sorting, must be free where that can be seen.
pub(super) async fn disk(
    cx: &Context,
    session: &SourceSession,
    local: bool,
    plan: &PromotionPlan,
) -> Result<Vec<Check>> {
    let added: i64 = plan.steps.iter().filter_map(|s| s.cost).map(|c| c.bytes.max(0)).sum();
    let needed = added.unsigned_abs().saturating_mul(2);
    let unseen = format!("needs about {needed} bytes; how much is free cannot be seen from here");
    if !local {
        return Ok(vec![Check::warning("disk", unseen)]);
    }
    // Shown to roles that may see it only.
    let sql = "SELECT setting FROM pg_settings WHERE name = 'data_directory'";
    let directory = text(cx, session, sql).await?;
    let free = rustix::fs::statvfs(Path::new(&directory)).ok().map(|s| s.f_bavail.saturating_mul(s.f_frsize));
    Ok(vec![match free.filter(|_| !directory.is_empty()) {
        None => Check::warning("disk", unseen),
        Some(free) if free < needed => {
            Check::refused("disk", format!("needs about {needed} bytes; {free} are free"))
        }
        Some(free) => Check::fine("disk", format!("needs about {needed} bytes of {free} that are free")),
    }])
}
