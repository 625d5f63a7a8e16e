//! Whole-table sorts, groups and counts: an index that holds all the columns in order, read instead of the
//! table.

use pgverse_core::types::IndexKey;

use super::filter::sentence;
use super::join::is_selective;
use super::keys::{btree_key, column_key, cover, is_covered, order_keys};
use crate::index::access::{Access, Order};
use crate::index::estimate::btree_bytes;
use crate::index::idea::{Idea, seen, words};
use crate::index::spec::Spec;

/// An index nearly as large as the table saves no reading.
const LARGEST_SIZE: f64 = 0.8;

/// The same where there is no sort to save.
const LARGEST_NARROW_SIZE: f64 = 0.5;

/// Share of a table that counts as the whole of it.
const MOST_OF_TABLE: f64 = 0.6;

pub(super) fn ideas<'a>(access: &Access<'a>) -> Vec<Idea<'a>> {
    // What follows an index may stop early, which a whole table that is read never does.
    let whole = access.sequential || access.in_order && access.kept >= MOST_OF_TABLE * access.table.rows;
    if !whole || access.fraction() < MOST_OF_TABLE || !access.predicates.is_empty() || !access.any.is_empty()
    {
        return Vec::new();
    }
    let ordered = access.order.as_ref().and_then(|order| ordered(access, order));
    ordered.or_else(|| narrow(access)).into_iter().collect()
}

fn ordered<'a>(access: &Access<'a>, order: &Order) -> Option<Idea<'a>> {
    if order.limit.is_some() || order.rows < 0.8 * access.kept {
        return None;
    }
    let mut keys = order_keys(access, order, &[])?;
    // count(DISTINCT x) sorts x within each group.
    let arguments = access.arguments.iter().filter_map(|k| btree_key(access.table, k));
    for key in arguments {
        if !keys.contains(&key) && keys.len() < 3 {
            keys.push(key);
        }
    }
    let mut spec = Spec::btree(access.table, keys, if order.grouping { order.keys.len() } else { 0 });
    let covering = cover(access, &mut spec, access.kept);
    let size = btree_bytes(&spec) / access.table.bytes.max(1) as f64;
    if !is_covered(access, &spec) || size > LARGEST_SIZE {
        return None;
    }
    let sort = if order.grouping { 0.0 } else { order.ms };
    let note = format!(
        "{}, and {} {:.0} rows in {:.1} ms. The index delivers {} in order and holds every column, at most {:.0} % of the size of the table. {}",
        seen(access),
        if order.grouping { "groups" } else { "sorts" },
        order.rows,
        order.ms,
        words(&spec.keys),
        100.0 * size,
        sentence(&covering),
    );
    Some(Idea::index(spec, access, sort + access.ms * (1.0 - size).max(0.0), note))
}

/// One or two narrow columns of a wide table, all rows of which are wanted.
fn narrow<'a>(access: &Access<'a>) -> Option<Idea<'a>> {
    let columns = access.columns.as_ref()?;
    let joined: Vec<&str> = access.joins.iter().filter_map(|j| j.on.column()).collect();
    let mut names: Vec<&String> = columns.iter().collect();
    if names.is_empty() || names.len() > 2 || is_selective(access) {
        return None;
    }
    names.sort_by_key(|n| !joined.contains(&n.as_str()));
    let table = access.table;
    let keys: Vec<IndexKey> = names.iter().take(1).map(|n| column_key(table, n)).collect::<Option<_>>()?;
    let mut spec = Spec::btree(table, keys, 0);
    spec.include = names.iter().skip(1).map(|n| (*n).clone()).collect();
    let size = btree_bytes(&spec) / table.bytes.max(1) as f64;
    if size > LARGEST_NARROW_SIZE {
        return None;
    }
    let note = format!(
        "{}, but needs nothing but {}: an index-only scan reads at most {:.0} % of the bytes.",
        seen(access),
        columns.iter().cloned().collect::<Vec<_>>().join(" and "),
        100.0 * size,
    );
    Some(Idea::index(spec, access, access.ms * (1.0 - size), note))
}
