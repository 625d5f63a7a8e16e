//! The inner side of a join: an index on the join column, so that few outer rows need not read all of it.

use pgverse_core::types::IndexKey;

use super::filter::{equality_words, percent, sentence};
use super::keys::{btree_key, cover, equalities, is_covered};
use crate::index::access::{Access, Join};
use crate::index::estimate::distinct;
use crate::index::idea::{Idea, seen};
use crate::index::spec::Spec;

const LARGEST_SHARE: f64 = 0.20;

const LARGEST_COVERED_SHARE: f64 = 0.5;

pub(super) fn ideas<'a>(access: &Access<'a>) -> Vec<Idea<'a>> {
    if !access.sequential {
        return Vec::new();
    }
    access.joins.iter().filter_map(|join| idea(access, join)).collect()
}

/// Rows that the other side of a join would fetch through an index, by the statistics.
pub(super) fn fetched(access: &Access<'_>, join: &Join) -> f64 {
    join.other_rows * access.table.rows / distinct(access.table, join.on.column())
}

/// Whether an index on a join column leaves little to read.
pub(super) fn is_selective(access: &Access<'_>) -> bool {
    access.joins.iter().any(|join| fetched(access, join) <= LARGEST_SHARE * access.scanned)
}

fn idea<'a>(access: &Access<'a>, join: &Join) -> Option<Idea<'a>> {
    let key = btree_key(access.table, &join.on)?;
    let fetched = fetched(access, join);
    let share = fetched / access.scanned.max(1.0);
    let equal: Vec<_> = equalities(access).into_iter().filter(|e| e.key != key).take(2).collect();
    let mut keys = vec![key.clone()];
    keys.extend(equal.iter().map(|e| e.key.clone()));
    let leading = keys.len();
    // A correlated sub-plan or a minimum over the join wants the value next to the key.
    let arguments: Vec<IndexKey> = access
        .arguments
        .iter()
        .filter_map(|k| btree_key(access.table, k))
        .filter(|k| !keys.contains(k))
        .collect();
    keys.extend(arguments.into_iter().take(1));
    let mut spec = Spec::btree(access.table, keys, leading);
    let covering = cover(access, &mut spec, fetched);
    let limit = if is_covered(access, &spec) { LARGEST_COVERED_SHARE } else { LARGEST_SHARE };
    if share > limit {
        return None;
    }
    let filter = if equal.is_empty() { String::new() } else { format!("; then {}", equality_words(&equal)) };
    let note = format!(
        "{}, and {} matches them with {:.0} rows of the other side. By the statistics these have {fetched:.0} matches, {} of what is read now. Key: the join column {}{filter}. {}",
        seen(access),
        join.node.trim(),
        join.other_rows,
        percent(share),
        join.on.text(),
        sentence(&covering),
    );
    Some(Idea::index(spec, access, (access.ms + join.ms) * (1.0 - share), note))
}
