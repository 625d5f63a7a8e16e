//! The order of candidates that come in groups.

use pgverse_core::types::Candidate;

/// The first of each, then the second of each, and so on, so that none crowds out the others.
pub(crate) fn in_turn(offers: &[Vec<Candidate>]) -> impl Iterator<Item = Candidate> {
    let deepest = offers.iter().map(Vec::len).max().unwrap_or(0);
    (0..deepest).flat_map(|turn| offers.iter().filter_map(move |offer| offer.get(turn))).cloned()
}
