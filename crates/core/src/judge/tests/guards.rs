//! What must not be crowned, and what must not stand in a winner's way.

use super::{judge, samples, standing, trial};
use crate::judge::objective::Ended;
use crate::judge::{Others, PairedJudge, Progress, progress};
use crate::traits::Judge;
use crate::types::{
    Answers, CandidateStatus, Costs, GeneratedKind, GeneratedWrite, Objective, Problem, StatementKind, Trial,
    TrialState, Work, WorkPair,
};

const READ: StatementKind = StatementKind::Read;
const WRITE: StatementKind = StatementKind::Write;

fn gain() -> crate::types::PairedSamples {
    samples("s", READ, 100.0, 10.0)
}

#[test]
fn a_read_that_may_be_slower_costs_the_crown_in_the_end() {
    let mut doubtful = samples("t", READ, 10.0, 11.5);
    doubtful.candidate_ms[3] = 4.0;
    let verdict = judge(&[trial("a", vec![gain(), doubtful])]);
    assert_eq!(verdict.winner, None);
    let reason = &verdict.ranking[0].reason;
    assert!(reason.starts_with("may make t with none slower: 1.1"), "{reason}");
    assert_eq!(verdict.ranking[0].status, CandidateStatus::Rejected);
}

#[test]
fn a_statement_that_was_raced_is_guarded_whatever_its_plan() {
    let mut same_plan = samples("t", READ, 10.0, 20.0);
    same_plan.plan_changed = false;
    let verdict = judge(&[trial("a", vec![gain(), same_plan])]);
    assert!(verdict.ranking[0].reason.contains("makes t with none slower"), "{}", verdict.reason);
}

#[test]
fn one_slow_write_does_not_hide_behind_a_heavy_one() {
    let mut heavy = samples("heavy", WRITE, 100.0, 100.0);
    heavy.weight = 100.0;
    let verdict = judge(&[trial("a", vec![gain(), heavy, samples("small", WRITE, 1.0, 50.0)])]);
    assert_eq!(verdict.winner, None);
    assert!(verdict.ranking[0].reason.contains("makes small with none slower"), "{}", verdict.reason);
}

#[test]
fn generated_writes_are_bounded_beside_the_workloads_own() {
    let write = GeneratedWrite {
        schema: "public".into(),
        table: "t".into(),
        kind: GeneratedKind::Insert,
        column: None,
        rows: 10,
        counted_rows: 100,
        sql: String::new(),
        samples: samples("insert", WRITE, 1.0, 3.0),
    };
    let both =
        Trial { generated_writes: vec![write], ..trial("a", vec![gain(), samples("own", WRITE, 1.0, 1.0)]) };
    let verdict = judge(&[both]);
    assert_eq!(verdict.winner, None);
    assert!(verdict.ranking[0].reason.starts_with("generated writes take 3.0"), "{}", verdict.reason);
}

#[test]
fn a_candidate_that_was_stopped_vetoes_nobody() {
    let mut few = samples("s", READ, 100.0, 500.0);
    for ms in [&mut few.baseline_ms, &mut few.candidate_ms, &mut few.control_ms] {
        ms.truncate(2);
    }
    few.control_ms = vec![10.0, 12.0];
    let stopped =
        Trial { state: TrialState::Rejected { reason: "far slower".into() }, ..trial("b", vec![few]) };
    let verdict = judge(&[trial("a", vec![samples("s", READ, 100.0, 80.0)]), stopped]);
    assert_eq!(verdict.winner, Some("a".into()), "{}", verdict.reason);
    assert!(verdict.noise < 0.05, "{}", verdict.noise);
}

#[test]
fn a_deviation_that_is_certain_is_held_against_everybody() {
    // Nothing at all looks half as slow again: what is measured here cannot be trusted to a fifth.
    let biased = |name: &str| {
        let mut s = samples("s", READ, 100.0, 80.0);
        s.control_ms = s.baseline_ms.iter().map(|ms| ms * 1.5).collect();
        trial(name, vec![s])
    };
    let sound = trial("a", vec![samples("s", READ, 100.0, 80.0)]);
    assert_eq!(judge(std::slice::from_ref(&sound)).winner, Some("a".into()));
    let verdict = judge(&[sound, biased("b")]);
    assert_eq!(verdict.winner, None, "{}", verdict.reason);
    assert!(verdict.ranking[0].reason.contains("A/A control shows"), "{}", verdict.ranking[0].reason);
    assert_eq!(standing(&biased("b")), Progress::Open);
}

#[test]
fn counters_alone_end_nothing_that_looks_faster() {
    let with_work = |ratio: f64| {
        let mut s = samples("s", READ, 100.0, 100.0 * ratio);
        // Uncertain by its times.
        s.candidate_ms[2] *= 3.0;
        s.candidate_ms[5] /= 3.0;
        let work = Work { shared_hit_blocks: 100.0, ..Work::default() };
        s.work = Some(WorkPair { baseline: work, candidate: work });
        Trial { answers: Answers::Unchanged, ..trial("a", vec![s]) }
    };
    assert_eq!(standing(&with_work(0.97)), Progress::Open);
    assert!(matches!(standing(&with_work(1.03)), Progress::Hopeless(why) if why.contains("no less work")));
    // A new text's gain may lie in the processor's work alone, and eight pairs say little about that.
    assert_eq!(standing(&Trial { answers: Answers::Same, ..with_work(1.03) }), Progress::Open);
    let verdict = judge(&[with_work(1.03)]);
    assert!(verdict.ranking[0].reason.contains("no less work"), "{}", verdict.ranking[0].reason);
}

#[test]
fn the_judge_corrects_as_the_race_did() {
    let width = |rate| {
        let one = Trial { error_rate: rate, ..trial("a", vec![samples("s", READ, 100.0, 50.0)]) };
        let ratio = judge(&[one]).ratio.unwrap();
        ratio.high - ratio.low
    };
    assert_eq!(width(None), width(Some(0.01)));
    assert!(width(Some(0.001)) > width(Some(0.01)));
}

#[test]
fn drift_is_told_and_costs_no_crown() {
    let mut drifting = samples("s", READ, 100.0, 50.0);
    for (round, scale) in [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7].into_iter().enumerate() {
        for ms in [&mut drifting.baseline_ms, &mut drifting.candidate_ms, &mut drifting.control_ms] {
            ms[round] *= scale;
        }
    }
    let verdict = judge(&[trial("a", vec![drifting])]);
    assert_eq!(verdict.winner, Some("a".into()), "{}", verdict.reason);
    assert!(verdict.drift > 0.4 && verdict.drift < 0.8, "{}", verdict.drift);
}

#[test]
fn a_candidate_certainly_behind_another_need_not_be_ranked_closely() {
    // Certainly faster than the baseline, by an interval too wide to rank it.
    let mut wide = samples("s", READ, 100.0, 60.0);
    for round in [1, 4, 6] {
        wide.candidate_ms[round] *= 1.3;
    }
    let wide = trial("a", vec![wide]);
    let end = |ahead| progress(&wide, &Problem::default(), 0.01, Others { ahead, ended: &Ended::new() });
    assert_eq!(end(f64::INFINITY), Progress::Open);
    assert_eq!(end(0.9), Progress::Open, "the other may be slower");
    assert_eq!(end(0.1), Progress::Certified);
}

#[test]
fn refreshes_must_pay_where_the_objective_does_not_hold_them() {
    let judged = |objective, refresh_seconds| {
        let mut problem = Problem { objective, ..Problem::default() };
        problem.limits.max_staleness_seconds = Some(60.0);
        // Ninety milliseconds are saved in each minute.
        let cached = Trial {
            staleness_seconds: Some(60.0),
            costs: Costs { refresh_seconds: Some(refresh_seconds), ..Costs::default() },
            ..trial("a", vec![gain()])
        };
        PairedJudge.judge(&problem, &[cached]).unwrap()
    };
    for objective in [Objective::TotalTime, Objective::GeometricMean, Objective::TailTime { share: 1.0 }] {
        assert!(judged(objective, 0.02).winner.is_some(), "{objective:?}");
        let verdict = judged(objective, 0.2);
        assert_eq!(verdict.winner, None, "{objective:?}");
        let reason = &verdict.ranking[0].reason;
        assert!(reason.starts_with("refreshing takes more than the reads save: with 0.2 s"), "{reason}");
    }
}
