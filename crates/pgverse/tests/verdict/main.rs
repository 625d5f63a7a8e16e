//! Workloads on which a verdict is easily got wrong, on real forks.

#![allow(clippy::unwrap_used)]

mod cases;
mod generated;
mod kept;

use pgverse::Context;
use pgverse::traits::ForkBackend;
use pgverse::types::{CandidateStatus, Operation, StatementKind};

use std::sync::Arc;

use cases::{candidate, winner};
use kept::Kept;

#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_set_that_becomes_slower_refuses_the_crown_by_name() {
    let home = pgverse_testkit::home();
    let report = cases::parameters(home.path(), false).await.unwrap();
    assert_eq!(winner(&report), "", "{}", report.verdict.reason);
    let newest_only = candidate(&report, "index-1").unwrap();
    assert_eq!(newest_only.status, CandidateStatus::Rejected, "{}", newest_only.reason);
    assert!(newest_only.reason.contains("makes newest with OnHold slower"), "{}", newest_only.reason);
    assert!(report.verdict.reason.contains("OnHold"), "{}", report.verdict.reason);
    let shipped = newest_only.statements.iter().find(|s| s.parameter_set.as_str() == "Shipped").unwrap();
    // The race ends as soon as the other set is certain; this one's interval may be wide then.
    assert!(shipped.ratio.estimate < 0.5, "the common set is really faster: {shipped:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_that_serves_every_parameter_set_wins() {
    let home = pgverse_testkit::home();
    let report = cases::parameters(home.path(), true).await.unwrap();
    assert_eq!(winner(&report), "index-2", "{}", report.verdict.reason);
    assert_eq!(candidate(&report, "index-1").unwrap().status, CandidateStatus::Rejected);
}

#[tokio::test(flavor = "multi_thread")]
async fn dear_writes_are_refused_or_weighed_and_both_sides_are_told() {
    let home = pgverse_testkit::home();
    let bounded = cases::writes(cases::people(home.path()).unwrap(), 1.1, (1.0, 1.0)).await.unwrap();
    let refused = candidate(&bounded, "index-1").unwrap();
    assert_eq!(refused.status, CandidateStatus::Rejected, "{}", refused.reason);
    assert!(refused.reason.contains("allowed: 1.1 (reads that it touches take 0."), "{}", refused.reason);
    assert!(refused.costs.write_ratio.unwrap() > 1.1);

    let reads = cases::writes(cases::people(home.path()).unwrap(), 1000.0, (100.0, 0.1)).await.unwrap();
    assert_eq!(winner(&reads), "index-1", "{}", reads.verdict.reason);
    assert!(reads.verdict.reason.contains("times their time, writes "), "{}", reads.verdict.reason);

    let writes = cases::writes(cases::people(home.path()).unwrap(), 1000.0, (0.01, 1000.0)).await.unwrap();
    assert_eq!(winner(&writes), "", "{}", writes.verdict.reason);
    let weighed = candidate(&writes, "index-1").unwrap();
    assert_eq!(weighed.status, CandidateStatus::Eliminated, "{}", weighed.reason);
    assert!(weighed.reason.contains("times their time, writes "), "{}", weighed.reason);
}

#[tokio::test(flavor = "multi_thread")]
async fn rolled_back_writes_do_not_slow_scans_down() {
    let home = pgverse_testkit::home();
    let people = Arc::new(Kept(cases::people(home.path()).unwrap()));
    let size = "SELECT pg_relation_size('people')::text";
    people.prepare(&Context::new()).await.unwrap();
    people.fork(&Context::new()).await.unwrap();
    let before: f64 = people.ask_all(size).await[0].parse().unwrap();
    let report = cases::writes(people.clone(), 1000.0, (1.0, 1.0)).await.unwrap();
    let inserted = report.trials[0].samples.iter().filter(|s| s.kind == StatementKind::Write);
    let rounds: usize = inserted.map(|s| s.baseline_ms.len()).sum();
    assert!(rounds >= 6, "each round leaves three times 400 of 40,000 rows behind");
    let after: f64 = people.ask_all(size).await[0].parse().unwrap();
    // What the last round left is still there.
    assert!(after < before * 1.1, "{before} {after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn winners_of_two_universes_that_help_each_other_are_crowned_together() {
    let home = pgverse_testkit::home();
    let report = cases::helping(home.path()).await.unwrap();
    let finale = report.grand_final.as_ref().unwrap();
    assert_eq!(finale.candidate, report.verdict.winner, "{}", report.verdict.reason);
    assert_eq!(report.promotion.steps.len(), 2);
    let union = report.trials.iter().find(|t| Some(&t.candidate) == finale.candidate.as_ref()).unwrap();
    assert!(union.rival.is_some() && union.samples.iter().all(|s| s.rival_ms.len() == s.candidate_ms.len()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_slows_a_read_is_taken_out_of_a_union() {
    let home = pgverse_testkit::home();
    let report = cases::costly(home.path()).await.unwrap();
    let costly = candidate(&report, "other-1").unwrap();
    assert_eq!(costly.status, CandidateStatus::Rejected, "{}", costly.reason);
    assert!(costly.reason.contains("makes held with none slower"), "{}", costly.reason);
    let finale = report.grand_final.as_ref().unwrap();
    assert_eq!(finale.candidate, report.verdict.winner, "{}", report.verdict.reason);
    let mut names: Vec<&str> = report.promotion.steps.iter().map(|step| name(&step.operation)).collect();
    names.sort_unstable();
    assert_eq!(names, ["orders_total", "orders_tripled"]);
}

fn name(operation: &Operation) -> &str {
    match operation {
        Operation::CreateIndex { name, .. } => name,
        other => panic!("not an index: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_texts_of_one_statement_only_one_is_promoted() {
    let home = pgverse_testkit::home();
    let report = cases::rewrites(home.path()).await.unwrap();
    assert_eq!(winner(&report), "other-1", "{}", report.verdict.reason);
    assert_eq!(candidate(&report, "one-1").unwrap().status, CandidateStatus::RunnerUp);
    assert!(report.grand_final.is_none(), "there is nothing to unite");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_for_the_old_text_is_not_promoted_with_the_new_one() {
    let home = pgverse_testkit::home();
    let report = cases::old_text(home.path()).await.unwrap();
    for id in ["one-1", "other-1"] {
        let single = candidate(&report, id).unwrap();
        assert!(
            matches!(single.status, CandidateStatus::Crowned | CandidateStatus::RunnerUp),
            "{id}: {}",
            single.reason
        );
    }
    let crowned = candidate(&report, winner(&report)).unwrap();
    assert_eq!(crowned.change.len(), 1, "{}", report.verdict.reason);
    let kinds = |c: &pgverse::types::CandidateReport| {
        let has = |wanted: fn(&Operation) -> bool| c.change.iter().any(|o| wanted(&o.operation));
        has(|o| matches!(o, Operation::CreateIndex { .. }))
            && has(|o| matches!(o, Operation::RewriteStatement { .. }))
    };
    assert!(!report.universes.iter().flat_map(|u| &u.candidates).any(kinds));
}
