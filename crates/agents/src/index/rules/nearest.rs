//! Nearest neighbours: `ORDER BY place <-> … LIMIT n` read from a GiST index in the order of the distance
//! (PostgreSQL manual, "Built-in GiST Operator Classes": the ordering operators).

use pgverse_core::pg::quote::ident;
use pgverse_core::types::IndexKey;

use crate::index::access::Access;
use crate::index::idea::{Idea, seen};
use crate::index::spec::Spec;

/// The operator of a distance, as the server prints it.
const DISTANCE: &str = " <-> ";

pub(super) fn ideas<'a>(access: &Access<'a>) -> Vec<Idea<'a>> {
    idea(access).into_iter().collect()
}

/// Whether an expression is a distance. As the key of a B-tree it would order for one place only.
pub(super) fn is_distance(sql: &str) -> bool {
    sql.contains(DISTANCE)
}

fn idea<'a>(access: &Access<'a>) -> Option<Idea<'a>> {
    let order = access.order.as_ref().filter(|order| !order.grouping)?;
    let limit = order.limit?;
    let first = order.keys.first().filter(|key| !key.descending)?;
    let text = first.key.text().trim_start_matches('(').trim_end_matches(')');
    let (left, right) = text.split_once(DISTANCE)?;
    let (name, key) = [left, right].into_iter().find_map(|side| key(access, side.trim()))?;
    let note = format!(
        "{}, then sorts {:.0} rows and stops after {limit:.0}. GiST returns rows by their distance from any place, nearest first, so that it ends after as many; a B-tree on the distance would do so for one place only. Key: {name}.",
        seen(access),
        order.rows,
    );
    let saved = (access.ms + order.ms) * (1.0 - limit / access.kept.max(1.0)).max(0.0);
    Some(Idea::index(Spec::of(access.table, "gist", key), access, saved, note))
}

/// The key for a column, written as the server prints it, if GiST knows distances of its type.
fn key(access: &Access<'_>, written: &str) -> Option<(String, IndexKey)> {
    let column = access.table.columns.iter().find(|column| ident(&column.name) == written)?;
    let key = IndexKey::column(column.name.clone());
    let key = match column.type_name.as_str() {
        "point" | "box" | "circle" | "polygon" => key,
        kind if access.has_trigrams && (kind == "text" || kind.starts_with("character varying")) => {
            key.with_opclass("gist_trgm_ops")
        }
        _ => return None,
    };
    Some((column.name.clone(), key))
}
