//! Indexes over the few rows that a constant test leaves: work queues, `deleted_at IS NULL`.

use pgverse_core::types::IndexKey;

use super::filter::{percent, read_share, sentence};
use super::keys::{btree_key, cover, equalities, is_written_out, led_ranges, order_keys, ranges};
use crate::index::access::Access;
use crate::index::estimate::{distinct, selectivity};
use crate::index::idea::{Idea, seen, words};
use crate::index::spec::Spec;
use crate::shared::conditions::{Predicate, Test, readable};

/// A larger share makes a partial index hardly smaller than a full one.
const LARGEST_SHARE: f64 = 0.10;

/// A column of states, such as that of an order, has few.
const MOST_STATES: f64 = 20.0;

pub(super) fn ideas<'a>(access: &Access<'a>) -> Vec<Idea<'a>> {
    let Some(p) = candidate(access) else { return Vec::new() };
    let Some(held) = btree_key(access.table, &p.on) else { return Vec::new() };
    led_ranges(access, std::slice::from_ref(&held)).into_iter().map(|r| idea(access, p, &held, r)).collect()
}

/// The most selective test that every run of the statement makes.
fn candidate<'p>(access: &'p Access<'_>) -> Option<&'p Predicate> {
    access
        .predicates
        .iter()
        .filter(|p| p.on.column().is_some() && (p.test.is_equality() || p.test == Test::Null(false)))
        .filter(|p| is_written_out(access, p) && is_state(access, p))
        .map(|p| (selectivity(access.table, p), p))
        .filter(|(share, _)| *share <= LARGEST_SHARE)
        .min_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, p)| p)
}

/// A state that many rows are in and out of, not a value that names a few of them.
fn is_state(access: &Access<'_>, p: &Predicate) -> bool {
    let column = p.on.column().and_then(|c| access.table.column(c));
    let known = column.is_some_and(|c| c.statistics.is_some());
    known && (matches!(p.test, Test::Null(_)) || distinct(access.table, p.on.column()) <= MOST_STATES)
}

/// `held`: the column of the test; `searched`: the ranges, in the order in which they are keys.
fn idea<'a>(access: &Access<'a>, p: &Predicate, held: &IndexKey, searched: Vec<IndexKey>) -> Idea<'a> {
    let share = selectivity(access.table, p);
    let equal: Vec<IndexKey> =
        equalities(access).iter().map(|e| e.key.clone()).filter(|k| k != held).collect();
    let mut keys = equal.clone();
    let mut saved = 0.0;
    let order = access.order.as_ref().filter(|o| !o.grouping && o.limit.is_some());
    let tail = order.and_then(|o| order_keys(access, o, std::slice::from_ref(held)).map(|keys| (o, keys)));
    let rows = match tail {
        Some((order, tail)) if !tail.is_empty() && ranges(access).is_empty() => {
            keys.extend(tail.into_iter().filter(|k| !equal.contains(k)));
            saved += order.ms;
            order.limit.unwrap_or(order.rows)
        }
        _ => {
            keys.extend(searched);
            read_share(access, &keys, Some(p)) * access.scanned
        }
    };
    saved += access.ms * (1.0 - read_share(access, &keys, Some(p)));
    if keys.is_empty() {
        keys.push(held.clone());
    }
    let mut spec = Spec::btree(access.table, keys, equal.len());
    spec.predicate = Some(p.sql.clone());
    let covering = cover(access, &mut spec, rows);
    let note = format!(
        "{}. Only the rows with {} are indexed, {} by the statistics, so that the index stays small and is not touched by writes to other rows; key: {}. {} It serves no other value.",
        seen(access),
        readable(&p.sql),
        percent(share),
        words(&spec.keys),
        sentence(&covering),
    );
    Idea::index(spec, access, saved, note)
}
