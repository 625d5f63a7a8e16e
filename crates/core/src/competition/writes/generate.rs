//! Makes up writes from a table's own rows, so that types, domains and references are right by construction; what
//! the server still refuses is not used.

use std::collections::BTreeSet;

use super::facts::{Column, Facts};
use crate::bench::Lab;
use crate::context::Context;
use crate::error::Result;
use crate::pg::quote::{ident, literal};
use crate::types::GeneratedKind;

/// A write without the rows that it is about.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Template {
    pub(super) kind: GeneratedKind,
    /// Column that an update changes.
    pub(super) column: Option<String>,
    body: Body,
}

#[derive(Debug, Clone, PartialEq)]
enum Body {
    /// Target columns, and what goes into them, of row `s`.
    Insert(Vec<String>, Vec<String>),
    Update(String),
    Delete,
}

impl Template {
    /// The statement for these rows, given by their places on disk.
    pub(super) fn sql(&self, table: &str, rows: &[String]) -> String {
        let list =
            |rows: &[String]| format!("{}::tid[]", literal(&format!("{{{}}}", quoted(rows).join(","))));
        match &self.body {
            Body::Insert(columns, values) => format!(
                "INSERT INTO {table} ({}) SELECT {} FROM {table} AS s WHERE s.ctid = ANY ({})",
                columns.join(", "),
                values.join(", "),
                list(rows)
            ),
            Body::Update(column) => {
                let mut others = rows.to_vec();
                others.rotate_left(1.min(rows.len()));
                format!(
                    "UPDATE {table} AS t SET {column} = s.{column} FROM {table} AS s, unnest({}, {}) AS pair(this, other) \
                     WHERE t.ctid = pair.this AND s.ctid = pair.other",
                    list(rows),
                    list(&others)
                )
            }
            Body::Delete => format!("DELETE FROM {table} WHERE ctid = ANY ({})", list(rows)),
        }
    }
}

/// Array elements with commas in them.
fn quoted(rows: &[String]) -> Vec<String> {
    rows.iter().map(|row| format!("\"{row}\"")).collect()
}

/// What may be tried for one kind of write, the best first; or why there is nothing.
pub(super) type Choice = std::result::Result<Vec<Template>, String>;

/// Writes of all kinds for a table as it is without and with the change.
pub(super) async fn templates(
    cx: &Context,
    lab: &Lab,
    table: &str,
    before: &Facts,
    after: &Facts,
) -> Result<Vec<(GeneratedKind, Choice)>> {
    use GeneratedKind::{Delete, Insert, UpdateIndexed, UpdateUnindexed};
    let added: BTreeSet<&String> = after.indexed.difference(&before.indexed).collect();
    let indexed: BTreeSet<&String> = before.indexed.union(&after.indexed).collect();
    let may_change = |c: &&Column| {
        !c.generated && !c.numbered && !before.is_exclusive(&c.name) && !after.is_exclusive(&c.name)
    };
    let mut covered: Vec<&Column> =
        before.columns.iter().filter(may_change).filter(|c| indexed.contains(&c.name)).collect();
    // What only the candidate covers shows best what it costs.
    covered.sort_by_key(|c| !added.contains(&c.name));
    let plain: Vec<&Column> =
        before.columns.iter().filter(may_change).filter(|c| !indexed.contains(&c.name)).collect();
    let updates = |kind, columns: Vec<&Column>, none: &str| {
        let templates: Vec<Template> = columns
            .into_iter()
            .map(|c| Template { kind, column: Some(c.name.clone()), body: Body::Update(ident(&c.name)) })
            .collect();
        (kind, if templates.is_empty() { Err(none.to_owned()) } else { Ok(templates) })
    };
    let delete = Template { kind: Delete, column: None, body: Body::Delete };
    Ok(vec![
        (Insert, inserts(cx, lab, table, before, after).await?),
        updates(UpdateIndexed, covered, "every column that an index covers is part of a key or computed"),
        updates(UpdateUnindexed, plain, "there is no column outside of all indexes that may be changed"),
        (Delete, Ok(vec![delete])),
    ])
}

async fn inserts(cx: &Context, lab: &Lab, table: &str, before: &Facts, after: &Facts) -> Result<Choice> {
    let columns: Vec<&Column> = before.columns.iter().filter(|c| !c.generated && !c.numbered).collect();
    let mut fresh: BTreeSet<&str> =
        before.columns.iter().filter(|c| c.numbered).map(|c| c.name.as_str()).collect();
    let mut made: Vec<(&str, Vec<String>)> = Vec::new();
    for key in before.exclusive.iter().chain(&after.exclusive) {
        if key.iter().any(|name| fresh.contains(name.as_str())) {
            continue;
        }
        let mut chosen = None;
        // A reference must name a row that exists.
        for column in columns.iter().filter(|c| key.contains(&c.name) && !c.refers) {
            let values = fresh_values(cx, lab, table, column).await?;
            if !values.is_empty() {
                chosen = Some((column.name.as_str(), values));
                break;
            }
        }
        let Some((name, values)) = chosen else {
            let key: Vec<&str> = key.iter().map(String::as_str).collect();
            return Ok(Err(format!("no fresh value can be made up for the key ({})", key.join(", "))));
        };
        fresh.insert(name);
        made.push((name, values));
    }
    let attempts = made.iter().map(|(_, values)| values.len()).max().unwrap_or(1);
    let template = |attempt: usize| {
        let value = |c: &&Column| {
            let made = made.iter().find(|(name, _)| *name == c.name);
            made.and_then(|(_, values)| values.get(attempt).or(values.last()).cloned())
                .unwrap_or_else(|| format!("s.{}", ident(&c.name)))
        };
        let names = columns.iter().map(|c| ident(&c.name)).collect();
        let body = Body::Insert(names, columns.iter().map(value).collect());
        Template { kind: GeneratedKind::Insert, column: None, body }
    };
    if columns.is_empty() {
        return Ok(Err("every column is computed or numbered by the server".to_owned()));
    }
    Ok(Ok((0..attempts).map(template).collect()))
}

/// Expressions over row `s` that give a value the table does not have and that differs from row to row.
async fn fresh_values(cx: &Context, lab: &Lab, table: &str, column: &Column) -> Result<Vec<String>> {
    let name = ident(&column.name);
    let (one, kind) = match column.base.as_str() {
        "smallint" | "integer" | "bigint" | "numeric" | "date" => ("1", ""),
        "timestamp without time zone" | "timestamp with time zone" => ("interval '1 second'", "interval"),
        "uuid" => return Ok(vec!["gen_random_uuid()".to_owned()]),
        "text" | "character varying" | "citext" => {
            return Ok(vec![
                format!("s.{name} || '~'"),
                // An explicit cast cuts off what is too long.
                format!("md5(s.ctid::text || 'pgverse')::{}", column.type_name),
            ]);
        }
        _ => return Ok(Vec::new()),
    };
    // Further than the largest value is away from the smallest: past the end for every row.
    let sql = format!("SELECT coalesce((max({name}) - min({name}) + {one})::text, '') FROM {table}");
    let span = lab.session().text(cx, &sql, &[]).await?;
    if span.is_empty() {
        return Ok(Vec::new());
    }
    let kind = if kind.is_empty() && column.base == "date" { "integer" } else { kind };
    let kind = if kind.is_empty() { column.base.as_str() } else { kind };
    Ok(vec![format!("s.{name} + {}::{kind}", literal(&span))])
}
