//! Index keys out of predicates: what filter, partial and join rules share.

use std::collections::BTreeSet;

use pgverse_core::types::{IndexKey, Table};

use super::nearest::is_distance;
use crate::index::access::{Access, Order};
use crate::index::estimate::{selectivity, width};
use crate::index::immutable::is_immutable;
use crate::index::spec::{Spec, reversed};
use crate::shared::conditions::{Bound, Key, OrderKey, Predicate, Side, Test, What};

/// More equality columns than this make an index wide without making it better.
const MOST_EQUALITIES: usize = 3;

/// Columns that fit into an index for index-only scans.
const MOST_INCLUDED: usize = 4;

/// Bytes of those columns.
const WIDEST_INCLUDED: f64 = 48.0;

/// Fewer rows than this are fetched from the table as fast as from the index.
const FEW_ROWS: f64 = 500.0;

/// A B-tree key for a column or an immutable expression.
pub(super) fn btree_key(table: &Table, key: &Key) -> Option<IndexKey> {
    match &key.what {
        What::Column(name) => column_key(table, name),
        What::Expression(sql) => {
            let fits = !is_distance(sql) && is_immutable(table, sql);
            fits.then(|| IndexKey::expression(sql.clone()))
        }
    }
}

/// A B-tree key for a column, if its type has an order.
pub(super) fn column_key(table: &Table, name: &str) -> Option<IndexKey> {
    // These have none, or none that a search would use.
    const UNORDERED: [&str; 11] =
        ["box", "circle", "json", "jsonb", "line", "lseg", "path", "point", "polygon", "tsvector", "xml"];
    let column = table.column(name)?;
    (!UNORDERED.contains(&column.type_name.as_str())).then(|| IndexKey::column(name))
}

/// An equality with the key that serves it and its share of the rows.
#[derive(Debug, Clone)]
pub(super) struct Equality<'p> {
    pub key: IndexKey,
    pub predicate: &'p Predicate,
    pub selectivity: f64,
}

/// The equalities of an access, most selective first, lists of values last, at most three. A unique key
/// makes all others pointless.
pub(super) fn equalities<'p>(access: &'p Access<'_>) -> Vec<Equality<'p>> {
    let mut found: Vec<Equality<'p>> = Vec::new();
    for p in access.predicates.iter().filter(|p| p.test.is_equality()) {
        let Some(key) = btree_key(access.table, &p.on) else { continue };
        if found.iter().all(|e| e.key != key) {
            found.push(Equality { key, predicate: p, selectivity: selectivity(access.table, p) });
        }
    }
    found.sort_by(|a, b| {
        let list = |e: &Equality<'_>| matches!(e.predicate.test, Test::In(_));
        list(a).cmp(&list(b)).then(a.selectivity.total_cmp(&b.selectivity))
    });
    let unique = |e: &Equality<'_>| e.key.column.as_deref().is_some_and(|c| access.table.is_unique(&[c]));
    if let Some(at) = found.iter().position(unique) {
        found.swap(0, at);
        found.truncate(1);
    }
    found.truncate(MOST_EQUALITIES);
    found
}

/// Keys that are compared with `<` or `>`, both ends first.
pub(super) fn ranges(access: &Access<'_>) -> Vec<IndexKey> {
    let mut found: Vec<(IndexKey, BTreeSet<u8>)> = Vec::new();
    for p in &access.predicates {
        let Test::Range(bound, _) = &p.test else { continue };
        let Some(key) = btree_key(access.table, &p.on) else { continue };
        let end = u8::from(*bound == Bound::Upper);
        match found.iter_mut().find(|(k, _)| *k == key) {
            Some((_, ends)) => {
                ends.insert(end);
            }
            None => found.push((key, BTreeSet::from([end]))),
        }
    }
    found.sort_by_key(|(_, ends)| std::cmp::Reverse(ends.len()));
    found.into_iter().map(|(key, _)| key).collect()
}

/// The ranges of an access, each once at the front, beside those of the keys that are there already: only the first narrows
/// the search, but the next one is tested in the index before the table is visited (PostgreSQL manual, "Multicolumn
/// Indexes").
pub(super) fn led_ranges(access: &Access<'_>, keys: &[IndexKey]) -> Vec<Vec<IndexKey>> {
    let ranges: Vec<IndexKey> = ranges(access).into_iter().filter(|r| !keys.contains(r)).take(2).collect();
    let mut other_first = ranges.clone();
    other_first.reverse();
    if ranges.len() > 1 { vec![ranges, other_first] } else { vec![ranges] }
}

/// A key for `LIKE 'prefix%'` with a constant prefix: the operator class that compares bytes, unless the
/// column's own collation does so.
pub(super) fn prefix<'p>(access: &'p Access<'_>) -> Option<(IndexKey, &'p str)> {
    access.predicates.iter().find_map(|p| {
        let Test::Like { pattern: Some(pattern), insensitive: false, negated: false } = &p.test else {
            return None;
        };
        let literal = pattern.split(['%', '_', '\\']).next().filter(|literal| !literal.is_empty())?;
        let key = btree_key(access.table, &p.on)?;
        let column = p.on.column().and_then(|c| access.table.column(c));
        let bytewise = column
            .and_then(|c| c.collation.as_deref())
            .is_some_and(|c| matches!(c, "C" | "POSIX" | "ucs_basic"));
        let opclass = match column.map(|c| c.type_name.as_str()) {
            Some(t) if t.starts_with("character(") => "bpchar_pattern_ops",
            Some(t) if t == "text" || t.starts_with("character varying") => "text_pattern_ops",
            Some(_) => return None,
            None => "text_pattern_ops",
        };
        Some((if bytewise { key } else { key.with_opclass(opclass) }, literal))
    })
}

/// Keys that deliver an order, without those that are fixed by an equality. A single direction is made
/// ascending, since a B-tree is read backward just as well.
pub(super) fn order_keys(access: &Access<'_>, order: &Order, fixed: &[IndexKey]) -> Option<Vec<IndexKey>> {
    let to_key = |o: &OrderKey| {
        let mut key = btree_key(access.table, &o.key)?;
        key.descending = o.descending;
        // Without NULLs in the column their place does not matter, but the planner does not know that.
        key.nulls_first = o.nulls_first;
        Some(key)
    };
    let mut keys: Vec<IndexKey> = order.keys.iter().map(to_key).collect::<Option<_>>()?;
    keys.retain(|k| !fixed.iter().any(|f| f.column == k.column && f.expression == k.expression));
    if keys.first().is_some_and(|k| k.descending) && keys.iter().all(|k| k.descending) {
        keys = keys.iter().map(reversed).collect();
    }
    Some(keys)
}

/// Adds the columns that an index-only scan needs, if they are few, narrow and enough rows are read to
/// matter. Returns what was decided, in words.
pub(super) fn cover(access: &Access<'_>, spec: &mut Spec<'_>, rows: f64) -> String {
    if rows < FEW_ROWS {
        return format!("not covering, since only {rows:.0} rows are fetched");
    }
    if spec.keys.iter().any(|k| k.column.is_none()) {
        return "not covering, since the planner does no index-only scan for expressions".to_owned();
    }
    let Some(rest) = access.columns_beyond(&spec.columns()) else {
        return "not covering, since whole rows are needed".to_owned();
    };
    if rest.is_empty() {
        return "the keys hold every column that is needed, so the table need not be read".to_owned();
    }
    let bytes: f64 = rest.iter().map(|c| width(spec.table, c)).sum();
    if rest.len() > MOST_INCLUDED || bytes > WIDEST_INCLUDED {
        return format!(
            "not covering, since {} more columns of {bytes:.0} bytes would be needed",
            rest.len()
        );
    }
    let text = format!(
        "covering {} ({bytes:.0} bytes), so that {rows:.0} rows need no visit to the table",
        rest.join(", ")
    );
    spec.include = rest;
    text
}

/// Whether an access reads only what an index on these keys can hold.
pub(super) fn is_covered(access: &Access<'_>, spec: &Spec<'_>) -> bool {
    let mut held = spec.columns();
    held.extend(spec.include.iter().map(String::as_str));
    spec.keys.iter().all(|k| k.column.is_some())
        && access.columns_beyond(&held).is_some_and(|rest| rest.is_empty())
}

/// `column IS NOT NULL` for an index whose first key is mostly NULL and whose test is never true for NULL.
pub(super) fn without_nulls(access: &Access<'_>, key: &IndexKey) -> Option<String> {
    let name = key.column.as_deref()?;
    let column = access.table.column(name)?;
    let nulls = column.statistics.as_ref()?.null_fraction;
    let tested = access.predicates.iter().chain(access.any.iter().flat_map(|any| any.arms.iter().flatten()));
    let strict = tested.clone().any(|p| p.on.column() == Some(name) && p.test.is_strict());
    (strict && nulls >= 0.5).then(|| format!("{} IS NOT NULL", pgverse_core::pg::quote::ident(name)))
}

/// Whether a test compares with a value that stands in the text of the statement, not with a parameter. A
/// partial index on a parameter's value is lost as soon as the plan is generic.
pub(super) fn is_written_out(access: &Access<'_>, p: &Predicate) -> bool {
    let written = |value: &str| {
        access.sql.contains(&format!("'{}'", value.replace('\'', "''")))
            || (value.parse::<f64>().is_ok()
                && access
                    .sql
                    .split(|c: char| !(c.is_alphanumeric() || c == '.' || c == '-'))
                    .any(|w| w == value))
    };
    match &p.test {
        Test::Null(_) => true,
        // `active = $1` with true bound is printed as `active`.
        Test::Truth(_) => !access.sql.contains('$'),
        Test::Equal(Side::Constant(value)) => written(value),
        Test::In(Some(values)) => values.iter().all(|v| written(v)),
        _ => false,
    }
}
