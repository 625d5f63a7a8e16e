//! `a = 1 OR b = 2` over one table: an index for each arm, which only helps when all are there.

use super::filter::percent;
use super::keys::{btree_key, without_nulls};
use crate::index::access::Access;
use crate::index::estimate::selectivity;
use crate::index::idea::{Idea, seen};
use crate::index::spec::Spec;
use crate::shared::conditions::{Predicate, readable};

const LARGEST_SHARE: f64 = 0.10;

pub(super) fn ideas<'a>(access: &Access<'a>) -> Vec<Idea<'a>> {
    if access.fraction() > LARGEST_SHARE {
        return Vec::new();
    }
    access.any.iter().filter_map(|any| idea(access, &any.arms, &any.sql)).collect()
}

fn idea<'a>(access: &Access<'a>, arms: &[Vec<Predicate>], sql: &str) -> Option<Idea<'a>> {
    let mut specs: Vec<Spec<'a>> = Vec::new();
    for arm in arms {
        let best = arm
            .iter()
            .filter(|p| p.on.alias == access.alias && p.test.is_equality())
            .map(|p| (selectivity(access.table, p), p))
            .filter(|(share, _)| *share <= LARGEST_SHARE)
            .min_by(|(a, _), (b, _)| a.total_cmp(b))?;
        let key = btree_key(access.table, &best.1.on)?;
        let mut spec = Spec::btree(access.table, vec![key.clone()], 1);
        spec.predicate = without_nulls(access, &key);
        if !specs.contains(&spec) {
            specs.push(spec);
        }
    }
    let lists: Vec<String> = specs.iter().map(Spec::text).collect();
    let note = format!(
        "{}. Each arm of {} gets an index of its own ({}), which a BitmapOr unites; one index over all columns cannot, and one arm without an index means reading everything. Kept: {}.",
        seen(access),
        readable(sql),
        lists.join(" and "),
        percent(access.fraction()),
    );
    Some(Idea::indexes(specs, access, access.ms * (1.0 - access.fraction()), note))
}
