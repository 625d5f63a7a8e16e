//! What the judge must decide, on samples made by hand.

mod endless;
mod guards;

use super::objective::Ended;
use super::paired::error_part;
use super::{Others, PairedJudge, Progress, progress};
use crate::traits::Judge;
use crate::types::{
    Answers, CandidateStatus, Costs, Limits, Objective, PairedSamples, Problem, StatementKind, Trial,
    TrialState, Unqueued, Verdict,
};

fn samples(name: &str, kind: StatementKind, baseline: f64, candidate: f64) -> PairedSamples {
    let wobble = [1.0, 1.02, 0.99, 1.01, 0.98, 1.0, 1.015, 0.995];
    PairedSamples {
        statement: name.into(),
        parameter_set: "none".into(),
        kind,
        weight: 1.0,
        plan_changed: true,
        baseline_ms: wobble.iter().map(|w| baseline * w).collect(),
        candidate_ms: wobble.iter().rev().map(|w| candidate * w).collect(),
        control_ms: wobble.iter().rev().map(|w| baseline * w).collect(),
        rival_ms: Vec::new(),
        baseline_cpu_ms: Vec::new(),
        candidate_cpu_ms: Vec::new(),
        unqueued: Unqueued::default(),
        work: None,
        timeout_ms: 1e6,
        cut_offs: 0,
        baseline_cut_off: false,
    }
}

fn trial(name: &str, samples: Vec<PairedSamples>) -> Trial {
    Trial {
        candidate: name.into(),
        universe: "u".into(),
        state: TrialState::Measured,
        answers: Answers::Same,
        checks: Vec::new(),
        samples,
        costs: Costs::default(),
        planned_ratio: None,
        predicted_ratio: None,
        staleness_seconds: None,
        rival: None,
        forks: None,
        error_rate: None,
        warm_up_rounds: 0,
        generated_writes: Vec::new(),
        ungenerated_writes: Vec::new(),
    }
}

fn judge(trials: &[Trial]) -> Verdict {
    PairedJudge.judge(&Problem::default(), trials).unwrap()
}

/// Where a candidate stands in a race in which no other is certainly faster.
fn standing(trial: &Trial) -> Progress {
    progress(trial, &Problem::default(), 0.01, Others { ahead: f64::INFINITY, ended: &Ended::new() })
}

#[test]
fn the_fastest_certified_candidate_wins() {
    let read = StatementKind::Read;
    let verdict = judge(&[
        trial("a", vec![samples("s", read, 100.0, 50.0)]),
        trial("b", vec![samples("s", read, 100.0, 30.0)]),
        trial("c", vec![samples("s", read, 100.0, 100.0)]),
    ]);
    assert_eq!(verdict.winner, Some("b".into()));
    let status: Vec<_> = verdict.ranking.iter().map(|r| (r.candidate.as_str(), r.status)).collect();
    assert_eq!(
        status,
        [
            ("b", CandidateStatus::Crowned),
            ("a", CandidateStatus::RunnerUp),
            ("c", CandidateStatus::Eliminated)
        ]
    );
}

#[test]
fn equal_times_have_no_winner() {
    let verdict = judge(&[trial("a", vec![samples("s", StatementKind::Read, 100.0, 100.0)])]);
    assert_eq!(verdict.winner, None);
    assert!(verdict.reason.contains("no candidate is certain"), "{}", verdict.reason);
    assert_eq!(judge(&[]).reason, "no agent had anything to propose");
}

#[test]
fn a_regression_of_one_statement_costs_the_crown() {
    let read = StatementKind::Read;
    let verdict =
        judge(&[trial("a", vec![samples("s", read, 1000.0, 100.0), samples("t", read, 10.0, 20.0)])]);
    assert_eq!(verdict.winner, None);
    assert!(verdict.ranking[0].reason.contains("makes t with none slower"), "{}", verdict.ranking[0].reason);
}

#[test]
fn slow_writes_and_changed_answers_cost_the_crown() {
    let slow = trial(
        "a",
        vec![samples("s", StatementKind::Read, 100.0, 10.0), samples("w", StatementKind::Write, 1.0, 3.0)],
    );
    let mut wrong = trial("b", vec![samples("s", StatementKind::Read, 100.0, 10.0)]);
    wrong.answers = Answers::Differs;
    let verdict = judge(&[slow, wrong]);
    assert_eq!(verdict.winner, None);
    assert!(verdict.ranking.iter().all(|r| r.status == CandidateStatus::Rejected));
}

#[test]
fn writes_that_only_seem_too_slow_keep_the_race_open_and_cost_the_crown_in_the_end() {
    let read = || samples("s", StatementKind::Read, 100.0, 10.0);
    let mut noisy = samples("w", StatementKind::Write, 1.0, 2.0);
    noisy.candidate_ms[3] = 0.3;
    let doubtful = trial("a", vec![read(), noisy]);
    let problem = Problem::default();
    assert_eq!(standing(&doubtful), Progress::Open);
    let verdict = judge(std::slice::from_ref(&doubtful));
    assert_eq!(verdict.winner, None);
    assert!(
        verdict.ranking[0].reason.contains("as far as the pairs tell; allowed: 1.5"),
        "{}",
        verdict.reason
    );
    let allowed = Problem { limits: Limits { max_write_slowdown: 3.0, ..Limits::default() }, ..problem };
    assert!(PairedJudge.judge(&allowed, &[doubtful]).unwrap().winner.is_some());
}

#[test]
fn a_union_must_beat_its_best_member() {
    let union = |rival: f64| {
        let mut samples = samples("s", StatementKind::Read, 100.0, 30.0);
        samples.rival_ms = samples.candidate_ms.iter().rev().map(|ms| ms / 30.0 * rival).collect();
        Trial { rival: Some("a".into()), ..trial("b", vec![samples]) }
    };
    let single = || trial("a", vec![samples("s", StatementKind::Read, 100.0, 30.5)]);
    assert_eq!(judge(&[single(), union(30.0)]).winner, Some("a".into()));
    assert_eq!(judge(&[single(), union(60.0)]).winner, Some("b".into()));
}

#[test]
fn a_refresh_is_charged_to_its_view() {
    let mut view = trial("a", vec![samples("s", StatementKind::Read, 100.0, 10.0)]);
    view.staleness_seconds = Some(60.0);
    view.costs.refresh_seconds = Some(0.2);
    let problem = Problem {
        limits: Limits { max_staleness_seconds: Some(60.0), ..Limits::default() },
        ..Problem::default()
    };
    // 10 ms and 200 ms of refreshing against 100 ms.
    let verdict = PairedJudge.judge(&problem, &[view]).unwrap();
    assert!(verdict.ranking[0].ratio.unwrap().estimate > 2.0);
    assert_eq!(verdict.winner, None);
}

#[test]
fn the_same_trials_give_the_same_verdict() {
    let trials = [trial("a", vec![samples("s", StatementKind::Read, 100.0, 50.0)])];
    assert_eq!(judge(&trials), judge(&trials));
}

#[test]
fn a_busy_machine_hides_nothing_where_waits_for_it_are_known() {
    // Every third run waits for a processor, longer than it works.
    let busy = |ms: &[f64], first: usize| -> Vec<f64> {
        ms.iter().enumerate().map(|(i, ms)| if i % 3 == first { ms * 3.0 } else { *ms }).collect()
    };
    let mut s = samples("s", StatementKind::Read, 10.0, 8.0);
    s.unqueued = Unqueued {
        baseline_ms: s.baseline_ms.clone(),
        candidate_ms: s.candidate_ms.clone(),
        control_ms: s.control_ms.clone(),
        rival_ms: Vec::new(),
    };
    s.baseline_ms = busy(&s.baseline_ms, 0);
    s.candidate_ms = busy(&s.candidate_ms, 1);
    s.control_ms = busy(&s.control_ms, 2);
    let mut deaf = s.clone();
    deaf.unqueued = Unqueued::default();
    assert_eq!(judge(&[trial("a", vec![deaf])]).winner, None);
    let verdict = judge(&[trial("a", vec![s.clone()])]);
    assert_eq!(verdict.winner, Some("a".into()), "{}", verdict.reason);
    let shown = &verdict.ranking[0].statements[0];
    assert!(shown.baseline_ms < 11.0 && shown.baseline_wall_ms.is_some());
    // One round without it, and the two clocks must not be mixed.
    s.unqueued.control_ms.pop();
    assert!(!s.has_unqueued());
    assert_eq!(judge(&[trial("a", vec![s])]).winner, None);
}

#[test]
fn universes_share_the_error_rate_evenly() {
    let elsewhere = |name: &str, universe: &str| Trial {
        universe: universe.into(),
        ..trial(name, vec![samples("s", StatementKind::Read, 100.0, 50.0)])
    };
    let width = |trials: &[Trial]| {
        let verdict = judge(trials);
        let ratio = verdict.ranking.iter().find(|r| r.candidate.as_str() == "a").unwrap().ratio.unwrap();
        ratio.high - ratio.low
    };
    let (a, b) = (elsewhere("a", "u"), elsewhere("b", "v"));
    let crowd: Vec<Trial> =
        [a.clone()].into_iter().chain((0..9).map(|i| elsewhere(&format!("c{i}"), "v"))).collect();
    assert!(width(std::slice::from_ref(&a)) < width(&[a.clone(), b.clone()]));
    assert_eq!(width(&[a, b]), width(&crowd), "how many the other universe has does not matter");
    let limits = Limits::default();
    assert_eq!(error_part(&limits, 2, 5), limits.error_rate / 10.0);
    assert_eq!(error_part(&limits, 0, 0), limits.error_rate);
}

#[test]
fn a_read_that_looks_slower_keeps_the_race_open() {
    let gain = samples("s", StatementKind::Read, 100.0, 10.0);
    let mut doubtful = samples("t", StatementKind::Read, 10.0, 11.5);
    // Slower in most rounds, and much faster in one: not certain.
    doubtful.candidate_ms[3] = 4.0;
    let open = trial("a", vec![gain.clone(), doubtful]);
    assert_eq!(standing(&open), Progress::Open);
    let harmless = trial("a", vec![gain.clone(), samples("t", StatementKind::Read, 10.0, 10.1)]);
    assert_eq!(standing(&harmless), Progress::Certified);
    let slower = trial("a", vec![gain, samples("t", StatementKind::Read, 10.0, 11.5)]);
    assert!(matches!(standing(&slower), Progress::Broken(_)));
}

#[test]
fn what_helps_little_names_what_it_helps() {
    let read = StatementKind::Read;
    let mut large = samples("large", read, 1000.0, 1000.0);
    large.candidate_ms.clear();
    let verdict = judge(&[trial("a", vec![large, samples("small", read, 10.0, 1.0)])]);
    assert_eq!(verdict.winner, None);
    let reason = &verdict.ranking[0].reason;
    assert!(
        reason.starts_with("no useful gain") && reason.contains("small with none takes 0.10"),
        "{reason}"
    );
}

#[test]
fn both_sides_of_a_bargain_are_told() {
    let bargain = |writes| {
        let reads = samples("s", StatementKind::Read, 100.0, 10.0);
        judge(&[trial("a", vec![reads, samples("w", StatementKind::Write, 1.0, writes)])])
    };
    for (writes, told) in [(1.2, "take 0.10 times their time, writes 1.20 times"), (3.0, "writes 3.00 times")]
    {
        let reason = &bargain(writes).ranking[0].reason;
        assert!(reason.contains(told), "{reason}");
    }
}

#[test]
fn by_the_geometric_mean_short_statements_count_like_long_ones() {
    let read = StatementKind::Read;
    let samples =
        |short: f64| vec![samples("short", read, 10.0, short), samples("long", read, 1000.0, 1000.0)];
    let problem = Problem { objective: Objective::GeometricMean, ..Problem::default() };
    let faster = [trial("a", samples(1.0))];
    assert_eq!(PairedJudge.judge(&Problem::default(), &faster).unwrap().winner, None);
    let ratio = PairedJudge.judge(&problem, &faster).unwrap().ratio.unwrap().estimate;
    assert!((ratio - 0.1_f64.sqrt()).abs() < 0.02, "{ratio}");
    assert_eq!(PairedJudge.judge(&problem, &[trial("a", samples(10.0))]).unwrap().winner, None);
}

#[test]
fn the_tail_is_judged_by_its_slowest_executions() {
    let read = StatementKind::Read;
    // 96 of 100 calls are quick; making them quicker still is all that one candidate does.
    let calls = |id: &str, weight: f64, baseline: f64, candidate: f64| {
        let mut calls = samples(id, read, baseline, candidate);
        calls.weight = weight;
        calls
    };
    let trials = |common: f64, rare: f64| {
        [trial("a", vec![calls("common", 96.0, 10.0, common), calls("rare", 4.0, 50.0, rare)])]
    };
    let tail = |share| Problem { objective: Objective::TailTime { share }, ..Problem::default() };
    let winner = |problem: &Problem, trials: &[Trial]| PairedJudge.judge(problem, trials).unwrap().winner;
    assert!(winner(&Problem::default(), &trials(5.0, 50.0)).is_some());
    assert_eq!(winner(&tail(0.04), &trials(5.0, 50.0)), None);
    assert!(winner(&tail(0.04), &trials(10.0, 20.0)).is_some());
    // 4 calls of 50 ms and 4 of 10 ms, then 4 of 20 ms and 4 of 10 ms.
    let verdict = PairedJudge.judge(&tail(0.08), &trials(10.0, 20.0)).unwrap();
    let ratio = verdict.ratio.unwrap().estimate;
    assert!((ratio - 0.5).abs() < 0.02, "{ratio}");
    // All executions: the same as the total time.
    let all = |problem| PairedJudge.judge(problem, &trials(5.0, 50.0)).unwrap();
    assert_eq!(all(&tail(1.0)).ratio.unwrap().estimate, all(&Problem::default()).ratio.unwrap().estimate);
    let error = PairedJudge.judge(&tail(0.0), &trials(5.0, 50.0)).unwrap_err();
    assert!(error.to_string().contains("above 0 and at most 1"), "{error}");
}
