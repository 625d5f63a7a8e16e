//! A set as a candidate that explains itself.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use pgverse_core::types::{Candidate, StatementId};

use super::grow::{Grower, Set, milliseconds};
use crate::index::rank::title;
use crate::shared::clock::difference;

/// Indexes that a title names.
const NAMED: usize = 2;
/// Rejected ideas that a rationale names.
const REJECTED: usize = 12;

/// The set with what it was seen to do, why each index has its form, and what was left out and why.
pub(super) fn candidate(grower: &Grower<'_>, set: &Set) -> Candidate {
    let (mut before, mut now) = (0.0, 0.0);
    let mut helped: BTreeSet<StatementId> = BTreeSet::new();
    let mut seen = Vec::new();
    for (cell, with) in grower.oracle.cells.iter().zip(&set.seen) {
        before += cell.base_ms * cell.weight;
        now += with.ms * cell.weight;
        if difference(cell.base_ms, with.ms) < 0.0 {
            helped.insert(cell.question.statement.clone());
            let id = &cell.question.statement;
            seen.push(format!("{id} {} -> {} ms", milliseconds(cell.base_ms), milliseconds(with.ms)));
        }
    }
    let mut candidate = Candidate::new(named(grower, set), grower.change(&set.atoms))
        .because(rationale(grower, set, &seen))
        .helping(helped);
    candidate.predicted = (before > 0.0).then(|| (now / before).clamp(0.0, 1.0));
    candidate
}

fn named(grower: &Grower<'_>, set: &Set) -> String {
    let titles: Vec<String> = set.atoms.iter().flat_map(|&at| grower.atoms[at].specs()).map(title).collect();
    match titles.len() {
        0..=NAMED => titles.join(" and "),
        more => format!("{more} indexes: {} and {} more", titles[..NAMED].join(", "), more - NAMED),
    }
}

fn rationale(grower: &Grower<'_>, set: &Set, seen: &[String]) -> String {
    let mut text = format!("Tried out on the fork: {}.", seen.join(", "));
    for &at in &set.atoms {
        let atom = &grower.atoms[at];
        let titles: Vec<String> = atom.specs().iter().map(title).collect();
        let _ = write!(
            text,
            "\n{}, {} bytes: {}",
            titles.join(" and "),
            atom.bytes.unwrap_or(0),
            atom.idea.reasons.join(" ")
        );
    }
    let out = grower.atoms.iter().enumerate().filter(|(at, _)| !set.atoms.contains(at));
    let mut rejected = out.filter_map(|(_, atom)| Some((atom, atom.rejected.as_deref()?)));
    for (atom, why) in rejected.by_ref().take(REJECTED) {
        let titles: Vec<String> = atom.specs().iter().map(title).collect();
        let _ = write!(text, "\nNot {}: {why}.", titles.join(" and "));
    }
    let more = rejected.count();
    if more > 0 {
        let _ = write!(text, "\nAnd {more} others were tried and left out.");
    }
    text
}
