//! What no B-tree can find: containment, patterns, full text, ranges; and BRIN for tables in physical order.

use pgverse_core::types::{IndexKey, Table};

use super::filter::{percent, read_share};
use super::keys::ranges;
use crate::index::access::Access;
use crate::index::idea::{Idea, seen};
use crate::index::immutable::is_immutable;
use crate::index::spec::Spec;
use crate::shared::conditions::{Key, Test, What};

/// GIN and trigram searches recheck every row that they find.
const LARGEST_SHARE: f64 = 0.10;

/// A trigram index needs three characters in a row.
const SHORTEST_PATTERN: usize = 3;

/// Smallest table for BRIN, bytes: a range of 128 pages must be a small part of it.
const SMALLEST_BRIN_TABLE: u64 = 32 << 20;

/// Physical order that BRIN needs.
const LEAST_CORRELATION: f64 = 0.95;

pub(super) fn ideas<'a>(access: &Access<'a>) -> Vec<Idea<'a>> {
    let mut ideas: Vec<Idea<'a>> = Vec::new();
    if access.fraction() <= LARGEST_SHARE {
        for p in &access.predicates {
            let found = match &p.test {
                Test::Operator(symbol, _) => containment(access.table, &p.on, symbol),
                Test::Like { pattern: Some(pattern), negated: false, insensitive } => {
                    trigram(access, &p.on, pattern, *insensitive)
                }
                _ => None,
            };
            if let Some((method, key, why)) = found {
                let spec = Spec::of(access.table, method, key);
                let note = format!("{}. {why}", seen(access));
                ideas.push(Idea::index(spec, access, access.ms * (1.0 - access.fraction()), note));
            }
        }
    }
    ideas.extend(brin(access));
    ideas
}

type Found = (&'static str, IndexKey, String);

fn containment(table: &Table, on: &Key, symbol: &str) -> Option<Found> {
    let kind = kind(table, on)?;
    let key = key(table, on)?;
    let name = on.text();
    match (kind, symbol) {
        (Kind::Json, "@>") => Some((
            "gin",
            key.with_opclass("jsonb_path_ops"),
            format!(
                "jsonb_path_ops answers {name} @> …: one hash for each path and value, smaller and faster than jsonb_ops, which is only needed for ? and its relatives."
            ),
        )),
        (Kind::Json, "?" | "?|" | "?&") => Some((
            "gin",
            key,
            format!("jsonb_ops, the default class, is the one that answers {name} {symbol} …."),
        )),
        (Kind::Array, "@>" | "&&" | "<@") => Some((
            "gin",
            key,
            format!("GIN holds an entry for each array element, which answers {name} {symbol} …."),
        )),
        (Kind::Text, "@@") => Some(("gin", key, format!("GIN answers full-text matches of {name}."))),
        (Kind::Range, "@>" | "&&" | "<@" | "-|-" | "<<" | ">>") => {
            Some(("gist", key, format!("GiST answers {name} {symbol} ….")))
        }
        _ => None,
    }
}

enum Kind {
    Json,
    Array,
    Text,
    Range,
}

fn kind(table: &Table, on: &Key) -> Option<Kind> {
    let type_name = match &on.what {
        What::Column(name) => table.column(name)?.type_name.as_str(),
        What::Expression(sql) if sql.starts_with("to_tsvector(") => "tsvector",
        What::Expression(sql) if sql.contains("->") && !sql.contains("->>") => "jsonb",
        What::Expression(_) => return None,
    };
    match type_name {
        "jsonb" => Some(Kind::Json),
        "tsvector" => Some(Kind::Text),
        t if t.ends_with("[]") => Some(Kind::Array),
        t if t.ends_with("range") => Some(Kind::Range),
        _ => None,
    }
}

fn key(table: &Table, on: &Key) -> Option<IndexKey> {
    match &on.what {
        What::Column(name) => Some(IndexKey::column(name.clone())),
        What::Expression(sql) => is_immutable(table, sql).then(|| IndexKey::expression(sql.clone())),
    }
}

/// Trigrams find a pattern wherever it stands. Installing the extension is for others to decide.
fn trigram(access: &Access<'_>, on: &Key, pattern: &str, insensitive: bool) -> Option<Found> {
    let anchored = !insensitive && !pattern.starts_with(['%', '_']);
    let longest = pattern.split(['%', '_', '\\']).map(|run| run.chars().count()).max().unwrap_or(0);
    if anchored || longest < SHORTEST_PATTERN || !access.has_trigrams {
        return None;
    }
    let why = format!(
        "Trigrams of {} find '{pattern}' inside the text; a B-tree cannot, since the pattern does not begin with a fixed text{}. The pattern leaves {} of the rows; for a frequent one the same index would not pay.",
        on.text(),
        if insensitive { " in one case" } else { "" },
        percent(access.fraction()),
    );
    Some(("gin", key(access.table, on)?.with_opclass("gin_trgm_ops"), why))
}

/// A range over a column that follows the physical order.
fn brin<'a>(access: &Access<'a>) -> Option<Idea<'a>> {
    if access.table.bytes < SMALLEST_BRIN_TABLE || !access.sequential || access.fraction() > 0.5 {
        return None;
    }
    let (key, correlation) = ranges(access).into_iter().find_map(|key| {
        let column = access.table.column(key.column.as_deref()?)?;
        let correlation = column.statistics.as_ref()?.correlation?;
        (correlation.abs() > LEAST_CORRELATION).then_some((key, correlation))
    })?;
    let note = format!(
        "{}. {} follows the physical order (correlation {correlation:.3}), so a BRIN index of a few pages skips most of the table; a B-tree is exact but costs its size and a write for each row.",
        seen(access),
        key.column.as_deref().unwrap_or_default(),
    );
    let saved = access.ms * (1.0 - read_share(access, std::slice::from_ref(&key), None));
    Some(Idea::index(Spec::of(access.table, "brin", key), access, saved, note))
}
