//! Statements that do not end without a change.

use super::{judge, samples, trial};
use crate::types::{CandidateStatus, PairedSamples, StatementKind};

const READ: StatementKind = StatementKind::Read;

/// Stopped after a minute as it is; what it takes with the change, unless it does not end either.
fn stuck(with: Option<f64>) -> PairedSamples {
    let mut stuck = samples("stuck", READ, 60_000.0, with.unwrap_or(60_000.0));
    stuck.baseline_cut_off = true;
    if with.is_none() {
        stuck.baseline_ms.truncate(1);
        stuck.candidate_ms.clear();
        stuck.control_ms.clear();
    }
    stuck
}

fn others() -> PairedSamples {
    samples("others", READ, 1000.0, 500.0)
}

#[test]
fn what_ends_on_neither_side_is_left_out() {
    let verdict = judge(&[trial("a", vec![others(), stuck(None)])]);
    assert_eq!(verdict.winner, Some("a".into()), "{}", verdict.reason);
    let ratio = verdict.ratio.unwrap().estimate;
    assert!((ratio - 0.5).abs() < 0.02, "{ratio}");
    assert!(verdict.reason.ends_with("; stuck ends neither with nor without it and is left out"));

    let nothing = judge(&[trial("a", vec![stuck(None)])]);
    assert_eq!(nothing.winner, None);
    assert!(nothing.reason.contains("it was not measured; stuck ends neither"), "{}", nothing.reason);
}

#[test]
fn candidates_are_ranked_by_the_same_statements() {
    let verdict = judge(&[
        trial("others", vec![others(), stuck(None)]),
        trial("both", vec![others(), stuck(Some(40_000.0))]),
    ]);
    assert_eq!(verdict.winner, Some("both".into()), "{}", verdict.reason);
    let last = &verdict.ranking[1];
    assert_eq!(last.status, CandidateStatus::Eliminated);
    assert!(last.reason.contains("but with another candidate"), "{}", last.reason);
    let stuck = verdict.ranking[0].statements.iter().find(|s| s.statement.as_str() == "stuck").unwrap();
    assert!(stuck.baseline_cut_off && stuck.pairs > 0, "{stuck:?}");
}

#[test]
fn being_stopped_like_the_baseline_is_no_regression() {
    let mut stopped = stuck(Some(60_000.0));
    stopped.candidate_ms = stopped.baseline_ms.clone();
    stopped.cut_offs = 8;
    let verdict = judge(&[trial("a", vec![others(), stopped])]);
    assert_eq!(verdict.ranking[0].status, CandidateStatus::Eliminated, "{}", verdict.reason);
    assert!(verdict.ranking[0].reason.starts_with("no useful gain"), "{}", verdict.reason);
}
