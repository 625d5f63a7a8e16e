//! Values of expressions over the rows that a statement reads.

use std::time::Duration;

use super::compared::Scope;
use crate::context::Context;
use crate::error::Result;
use crate::pg::Session;

/// Longest time of one question about values.
const LIMIT: Duration = Duration::from_secs(20);

/// Rows that are looked at, at most.
const ROWS: usize = 500_000;

/// How many combinations are kept of each class, for lists and for further attempts.
pub(super) const KEPT: usize = 6;

/// Values that occur together, and how often.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Together {
    pub(super) values: Vec<String>,
    pub(super) rows: i64,
}

/// Combinations by how often they occur.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Combinations {
    pub(super) frequent: Vec<Together>,
    pub(super) typical: Vec<Together>,
    pub(super) rare: Vec<Together>,
}

/// Runs a question that only reads, under a time-out, and returns its first column as JSON.
async fn ask(cx: &Context, session: &Session, sql: &str) -> Result<Vec<serde_json::Value>> {
    let begin = format!("BEGIN READ ONLY; SET LOCAL statement_timeout = {}", LIMIT.as_millis());
    session.batch(cx, &begin).await?;
    let rows = session.json(cx, sql, &[]).await;
    session.batch(cx, "ROLLBACK").await?;
    rows
}

/// The rows of a scope as a FROM item; without its conditions where `bare`, as a subquery needs that names the
/// tables around it in them.
fn rows_of(scope: &Scope, select: &str, bare: bool) -> String {
    let conditions: String =
        if bare { String::new() } else { scope.conditions.iter().map(|c| format!(" AND ({c})")).collect() };
    format!(
        "({} SELECT {select} FROM {} WHERE TRUE{conditions} LIMIT {ROWS}) AS pgverse_rows",
        scope.with, scope.from
    )
}

/// The combinations of values that these expressions take together.
pub(super) async fn combinations(
    cx: &Context,
    session: &Session,
    scope: &Scope,
    expressions: &[String],
) -> Result<Combinations> {
    let select: Vec<String> =
        expressions.iter().enumerate().map(|(at, e)| format!("({e})::text AS v{at}")).collect();
    let names: Vec<String> = (0..expressions.len()).map(|at| format!("v{at}")).collect();
    let (list, known) = (
        names.join(", "),
        names.iter().map(|n| format!("{n} IS NOT NULL")).collect::<Vec<_>>().join(" AND "),
    );
    let question = |bare| {
        format!(
            "WITH pgverse_groups AS (SELECT {list}, count(*) AS n, row_number() OVER (ORDER BY count(*) DESC, {list}) AS r, \
             count(*) OVER () AS groups FROM {} WHERE {known} GROUP BY {list}) \
             SELECT json_build_object('values', json_build_array({list}), 'rows', n, 'rank', r, 'groups', groups) \
             FROM pgverse_groups WHERE r <= {KEPT} OR r > groups - {KEPT} \
             OR (r > (groups - 1) / 2 AND r <= (groups - 1) / 2 + {KEPT}) ORDER BY r",
            rows_of(scope, &select.join(", "), bare)
        )
    };
    let rows = match ask(cx, session, &question(false)).await {
        Err(error) if error.kind() == crate::ErrorKind::Sql => ask(cx, session, &question(true)).await?,
        other => other?,
    };
    let mut found = Combinations::default();
    for row in rows {
        let number = |key: &str| row.get(key).and_then(serde_json::Value::as_i64).unwrap_or_default();
        let values = row.get("values").and_then(serde_json::Value::as_array);
        let values = values.into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect();
        let together = Together { values, rows: number("rows") };
        let (rank, groups, kept) =
            (number("rank"), number("groups"), i64::try_from(KEPT).unwrap_or_default());
        if rank <= kept {
            found.frequent.push(together.clone());
        }
        if rank > (groups - 1) / 2 && rank <= (groups - 1) / 2 + kept {
            found.typical.push(together.clone());
        }
        if rank > groups - kept {
            found.rare.insert(0, together);
        }
    }
    Ok(found)
}

/// Values at these ranks (0 to 1) of an expression among the rows where others have the given values, and two
/// expressions over all its values.
pub(super) async fn quantiles(
    cx: &Context,
    session: &Session,
    scope: &Scope,
    expression: &str,
    equal: &[(String, String)],
    ranks: &[f64],
    ends: &[String],
) -> Result<Vec<Option<String>>> {
    let mut select = format!("({expression}) AS v");
    let mut known = "v IS NOT NULL".to_owned();
    for (at, (other, value)) in equal.iter().enumerate() {
        select.push_str(&format!(", ({other})::text AS e{at}"));
        known.push_str(&format!(" AND e{at} = {}", crate::pg::quote::literal(value)));
    }
    let mut wanted: Vec<String> =
        ranks.iter().map(|r| format!("(percentile_disc({r}) WITHIN GROUP (ORDER BY v))::text")).collect();
    wanted.extend_from_slice(ends);
    let question = |bare| {
        format!(
            "SELECT json_build_array({}) FROM {} WHERE {known}",
            wanted.join(", "),
            rows_of(scope, &select, bare)
        )
    };
    let rows = match ask(cx, session, &question(false)).await {
        Err(error) if error.kind() == crate::ErrorKind::Sql => ask(cx, session, &question(true)).await?,
        other => other?,
    };
    let values = rows.first().and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
    Ok(values.iter().map(|v| v.as_str().map(str::to_owned)).collect())
}

/// A row of a table in the middle of it: these columns, as text; and for each column whether it is part of a unique
/// key but of no foreign key.
pub(super) async fn stored(
    cx: &Context,
    session: &Session,
    table: &str,
    columns: &[String],
) -> Result<Vec<(Option<String>, bool)>> {
    let list: Vec<String> = columns.iter().map(|c| format!("t.{c}::text")).collect();
    let row = format!(
        "SELECT json_build_array({}) FROM {table} AS t OFFSET (SELECT count(*) / 2 FROM {table}) LIMIT 1",
        list.join(", ")
    );
    let rows = ask(cx, session, &row).await?;
    let values = rows.first().and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
    let keys = format!(
        "SELECT to_json(quote_ident(a.attname)) FROM pg_attribute a WHERE a.attrelid = {}::regclass AND a.attnum > 0 \
         AND EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique AND a.attnum = ANY (i.indkey)) \
         AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conrelid = a.attrelid AND c.contype = 'f' \
         AND a.attnum = ANY (c.conkey))",
        crate::pg::quote::literal(table)
    );
    let keys = ask(cx, session, &keys).await?;
    let is_key = |column: &String| keys.iter().any(|key| key.as_str() == Some(column));
    let value = |at: usize| values.get(at).and_then(|v| v.as_str().map(str::to_owned));
    Ok(columns.iter().enumerate().map(|(at, column)| (value(at), is_key(column))).collect())
}
