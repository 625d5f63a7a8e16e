//! The server's own spelling of an index that is not there yet.

use crate::context::Context;
use crate::error::Result;
use crate::pg::Session;

/// A definition without names: whether it is unique, and everything from the access method on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Canonical {
    unique: bool,
    rest: String,
}

impl Canonical {
    /// From a text that `pg_get_indexdef` printed.
    pub(super) fn of_definition(definition: &str) -> Self {
        Self { unique: definition.starts_with("CREATE UNIQUE "), rest: rest(definition).to_owned() }
    }

    /// From a CREATE INDEX statement of ours: the server builds it on an empty temporary table of the same columns,
    /// in a transaction that is rolled back, and prints it.
    pub(super) async fn of_statement(
        cx: &Context,
        session: &Session,
        sql: &str,
        table: &str,
    ) -> Result<Self> {
        let unique = if sql.starts_with("CREATE UNIQUE ") { "UNIQUE " } else { "" };
        let printed = async {
            session
                .batch(
                    cx,
                    &format!(
                        "BEGIN; SET LOCAL lock_timeout = '1s'; \
                         CREATE TEMPORARY TABLE pgverse_probe (LIKE {table}) ON COMMIT DROP; \
                         CREATE {unique}INDEX pgverse_probe_index ON pg_temp.pgverse_probe {}",
                        rest(sql)
                    ),
                )
                .await?;
            let sql = "SELECT pg_get_indexdef('pg_temp.pgverse_probe_index'::regclass)";
            session.text(cx, sql, &[]).await
        }
        .await;
        session.batch(&cx.for_cleanup(), "ROLLBACK").await?;
        Ok(Self::of_definition(&printed?))
    }
}

fn rest(definition: &str) -> &str {
    definition.find(" USING ").map_or("", |at| &definition[at + 1..])
}
