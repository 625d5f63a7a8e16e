//! B-trees for what a scan tests: equalities, then the wanted order or a range.

use pgverse_core::types::IndexKey;

use super::keys::{Equality, cover, equalities, is_covered, led_ranges, order_keys, prefix, ranges};
use crate::index::access::{Access, is_correlated};
use crate::index::estimate::selectivity;
use crate::index::idea::{Idea, seen, words};
use crate::index::spec::Spec;
use crate::shared::conditions::{Predicate, Test, readable};

/// Beyond this share of the rows, fetching them one by one is slower than reading all.
const LARGEST_SHARE: f64 = 0.25;

/// The same where the table itself need not be read.
const LARGEST_COVERED_SHARE: f64 = 0.6;

pub(super) fn ideas<'a>(access: &Access<'a>) -> Vec<Idea<'a>> {
    let equal = equalities(access);
    let mut ideas = Vec::new();
    if let Some(idea) = ordered(access, &equal) {
        ideas.push(idea);
        // Equality and order in one index leave nothing for a range to improve.
        if !equal.is_empty() {
            return ideas;
        }
    }
    let keys: Vec<IndexKey> = equal.iter().map(|e| e.key.clone()).collect();
    let lists_only = !equal.is_empty() && ranges(access).is_empty();
    if lists_only || (!keys.is_empty() && access.fraction() < 1.0 && ranges(access).is_empty()) {
        ideas.extend(searched(access, &equal, keys.clone(), "nothing else to narrow it down"));
    }
    for ranges in led_ranges(access, &keys) {
        let Some((first, next)) = ranges.split_first() else { continue };
        let mut why = format!("the range on {}", words(std::slice::from_ref(first)));
        if !next.is_empty() {
            why.push_str(&format!(", that on {} tested before the table is visited", words(next)));
        }
        let with_range = keys.iter().cloned().chain(ranges).collect();
        ideas.extend(searched(access, &equal, with_range, &why));
    }
    if let Some((key, literal)) = prefix(access) {
        let mut with_prefix = keys;
        let class = key.opclass.clone();
        with_prefix.push(key);
        let why = match class {
            Some(class) => {
                format!("{class} finds LIKE '{literal}%', which a B-tree in a language's order cannot")
            }
            None => {
                format!("the column's collation compares bytes, so a plain B-tree finds LIKE '{literal}%'")
            }
        };
        ideas.extend(searched(access, &equal, with_prefix, &why));
    }
    ideas
}

/// An index that is searched for the rows wanted.
fn searched<'a>(
    access: &Access<'a>,
    equal: &[Equality<'_>],
    mut keys: Vec<IndexKey>,
    why: &str,
) -> Option<Idea<'a>> {
    let share = read_share(access, &keys, None);
    let mut notes = vec![format!("{}.", seen(access))];
    if !equal.is_empty() {
        notes.push(format!("Keys: {}; then {why}.", equality_words(equal)));
    } else {
        notes.push(format!("Key: {why}."));
    }
    if equal.iter().any(|e| is_correlated(e.predicate)) {
        // For each outer row the greatest, least or distinct values of a few rows are wanted.
        let added: Vec<IndexKey> = access
            .arguments
            .iter()
            .filter_map(|k| super::keys::btree_key(access.table, k))
            .filter(|k| !keys.contains(k))
            .take(1)
            .collect();
        if !added.is_empty() {
            notes.push(format!(
                "It runs {:.0} times, once for each outer row; {} follows, so that each minimum or maximum is one step.",
                access.loops,
                words(&added)
            ));
        }
        keys.extend(added);
    }
    let mut spec = Spec::btree(access.table, keys, equal.len());
    let covering = cover(access, &mut spec, share * access.scanned);
    let limit = if is_covered(access, &spec) { LARGEST_COVERED_SHARE } else { LARGEST_SHARE };
    if share > limit {
        return None;
    }
    notes.push(sentence(&covering));
    Some(Idea::index(spec, access, access.ms * (1.0 - share), notes.join(" ")))
}

/// An index that delivers the wanted order, so that a limit stops early.
fn ordered<'a>(access: &Access<'a>, equal: &[Equality<'_>]) -> Option<Idea<'a>> {
    let order = access.order.as_ref().filter(|o| !o.grouping)?;
    let limit = order.limit?;
    let lists = equal.iter().any(|e| matches!(e.predicate.test, Test::In(_)));
    let fixed: Vec<IndexKey> = equal.iter().map(|e| e.key.clone()).collect();
    let tail = order_keys(access, order, &fixed)?;
    if lists || tail.is_empty() {
        return None;
    }
    // A test that the index does not answer is made row by row along the order: where the rows wanted come
    // late, that reads the whole table out of order. Only a range on the order itself is harmless.
    let answered = |p: &Predicate| {
        equal.iter().any(|e| e.predicate.on == p.on)
            || tail.first().is_some_and(|k| k.column.is_some() && k.column.as_deref() == p.on.column())
    };
    if !access.predicates.iter().all(answered) || !access.any.is_empty() {
        return None;
    }
    // Joins in between may drop rows, and then the walk is longer than the limit says.
    if order.rows < 0.2 * access.kept || limit > 0.5 * order.rows {
        return None;
    }
    let saved = order.ms + order.below_ms * (1.0 - limit / order.rows.max(1.0));
    let mut keys = fixed;
    let leading = keys.len();
    keys.extend(tail.iter().cloned());
    let mut spec = Spec::btree(access.table, keys, leading);
    let covering = cover(access, &mut spec, limit);
    let first = if equal.is_empty() {
        "no test of its own".to_owned()
    } else {
        format!(
            "{} first, because an index on {} alone would be walked from its end for as long as the rows wanted do not come",
            equality_words(equal),
            words(&tail)
        )
    };
    let note = format!(
        "{}, then sorts {:.0} rows and stops after {limit:.0}. Keys: {first}; then {}, so that the sort falls away. {}",
        seen(access),
        order.rows,
        words(&tail),
        sentence(&covering),
    );
    Some(Idea::index(spec, access, saved, note))
}

/// Share of the rows that an index search reads: those kept, and those that only the tests it does not
/// answer remove, by the statistics; these know nothing of ranges and expressions.
pub(super) fn read_share(access: &Access<'_>, keys: &[IndexKey], within: Option<&Predicate>) -> f64 {
    let answered = |p: &Predicate| {
        let text = Some(p.on.text());
        within.is_some_and(|w| w == p)
            || keys.iter().any(|k| k.column.as_deref().or(k.expression.as_deref()) == text)
    };
    let left = access.predicates.iter().filter(|p| p.on.column().is_some() && !answered(p));
    let left: f64 = left.map(|p| selectivity(access.table, p)).product();
    (access.fraction() / left.max(f64::MIN_POSITIVE)).min(1.0)
}

/// Such as `equality on region (1.2 %), country (5 %)`.
pub(super) fn equality_words(equal: &[Equality<'_>]) -> String {
    let words: Vec<String> = equal
        .iter()
        .map(|e| {
            let name = e.key.column.as_deref().or(e.key.expression.as_deref()).unwrap_or_default();
            match e.key.column {
                Some(_) => format!("{name} ({} of the rows by the statistics)", percent(e.selectivity)),
                None => {
                    format!("{} (an expression, so an index on its column does not help)", readable(name))
                }
            }
        })
        .collect();
    format!("equality on {}", words.join(", "))
}

pub(super) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent >= 1.0 { format!("{percent:.0} %") } else { format!("{percent:.2} %") }
}

pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
