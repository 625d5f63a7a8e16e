//! From accesses to ideas; pure functions of what was read.

mod disjunction;
mod filter;
mod foreign_key;
mod join;
mod keys;
mod nearest;
mod operator;
mod order;
mod partial;
mod redundant;

use pgverse_core::types::Brief;

use super::access::{Access, accesses};
use super::estimate::is_small;
use super::idea::{Action, Idea};

/// A rule: one access in, ideas out.
type Rule = for<'a> fn(&Access<'a>) -> Vec<Idea<'a>>;

const RULES: &[Rule] = &[
    filter::ideas,
    partial::ideas,
    operator::ideas,
    nearest::ideas,
    disjunction::ideas,
    join::ideas,
    order::ideas,
];

/// Less than this share of its statement's time is not worth an index.
const SMALLEST_SHARE: f64 = 0.05;

/// Every idea for a brief, not yet merged or ranked; none that exists already.
pub(super) fn ideas(brief: &Brief) -> Vec<Idea<'_>> {
    let accesses = accesses(brief);
    let mut ideas = Vec::new();
    for (place, access) in accesses.iter().enumerate().filter(|(_, a)| !is_small(a.table)) {
        for rule in RULES {
            let worthwhile =
                rule(access).into_iter().filter(|idea| idea.gains.iter().any(|g| g.share >= SMALLEST_SHARE));
            ideas.extend(worthwhile.map(|mut idea| {
                idea.gains.iter_mut().for_each(|g| g.place = place);
                idea
            }));
        }
    }
    ideas.extend(foreign_key::ideas(brief, &accesses));
    ideas.iter_mut().for_each(|idea| {
        if let Action::Create(specs) = &mut idea.action {
            specs.retain(|s| !s.exists());
        }
    });
    ideas.retain(|idea| !matches!(&idea.action, Action::Create(specs) if specs.is_empty()));
    ideas.extend(redundant::ideas(brief));
    ideas
}

#[cfg(test)]
mod tests;
