//! Changes that no transaction can undo are measured on forks of their own.

use std::sync::Arc;

use pgverse::competition::{Competition, CompetitionBuilder};
use pgverse::types::{Answers, Candidate, CandidateStatus, Change, LockLevel, Operation, Report, Workload};
use pgverse_testkit::FixedAgent;

use crate::counting::Counting;
use crate::fixture::{Fixture, quick, read};
use crate::{candidate, nothing_left};

/// A table of wide rows, of which ninety-nine in a hundred are gone.
const SPARSE: &str = "CREATE TABLE sparse (id int, label text);
    INSERT INTO sparse SELECT i, repeat('label ', 300) || i FROM generate_series(1, 40000) AS i;
    DELETE FROM sparse WHERE id % 100 <> 0;";

fn sql(title: &str, apply: &[&str]) -> Candidate {
    let operation = Operation::Sql {
        apply: apply.iter().map(|s| (*s).to_owned()).collect(),
        undo: Vec::new(),
        online: Vec::new(),
        lock: LockLevel::AccessExclusive,
    };
    Candidate::new(title, Change::of(operation)).helping([pgverse::types::StatementId::from("all")])
}

fn competition(backend: Arc<Counting>, candidates: Vec<Candidate>) -> CompetitionBuilder {
    Competition::builder()
        .workload(Workload { statements: vec![read("all", "SELECT count(*) FROM sparse WHERE id > 0")] })
        .backend(backend)
        .agent(Arc::new(FixedAgent::new("custom", candidates)))
        .options(quick())
}

fn reason(report: &Report, id: &str) -> String {
    candidate(report, id).reason.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_no_transaction_can_undo_is_raced_between_forks() {
    let fixture = Fixture::of("sparse", SPARSE);
    let backend = Arc::new(Counting::new(fixture.backend()));
    let candidates = vec![
        sql("written anew", &["VACUUM FULL sparse"]),
        sql("more memory", &["ALTER SYSTEM SET shared_buffers TO '64MB'"]),
        sql("flushed", &["ALTER SYSTEM SET fsync TO on"]),
        sql(
            "moved",
            &[
                "CREATE TABLE other AS SELECT * FROM sparse",
                "DROP TABLE sparse",
                "ALTER TABLE other RENAME TO sparse",
            ],
        ),
        sql("emptied", &["VACUUM sparse", "DELETE FROM sparse WHERE id = 100"]),
        Candidate::new("index", Change::of(pgverse_testkit::index("sparse", "sparse_id", "id"))),
    ];
    let report = competition(backend.clone(), candidates).build().unwrap().run().await.unwrap();
    nothing_left(backend.as_ref()).await;
    assert_eq!(backend.most(), 3, "the baseline's, the control's and the changed one");

    let full = candidate(&report, "custom-1");
    assert!(
        matches!(full.status, CandidateStatus::Crowned | CandidateStatus::RunnerUp),
        "{:?}: {}",
        full.status,
        full.reason
    );
    assert_eq!(full.answers, Answers::Same);
    assert!(full.ratio.unwrap().high < 0.8 && full.costs.bytes < 0, "{:?} {:?}", full.ratio, full.costs);
    let trial = report.trials.iter().find(|t| t.candidate.as_str() == "custom-1").unwrap();
    let forks = trial.forks.as_ref().unwrap();
    assert!(
        forks.changed != forks.control && forks.changed != trial.universe && forks.control != trial.universe
    );
    assert_eq!(trial.samples[0].control_ms.len(), trial.samples[0].candidate_ms.len());
    assert!(trial.warm_up_rounds >= 1);

    // The server was started anew with it.
    let memory = report.trials.iter().find(|t| t.candidate.as_str() == "custom-2").unwrap();
    assert!(memory.is_measured(), "{}", reason(&report, "custom-2"));
    assert!(reason(&report, "custom-3").contains("fixed fsync"), "{}", reason(&report, "custom-3"));
    // It could be switched inside a transaction, but there it would have no visibility map.
    let moved = report.trials.iter().find(|t| t.candidate.as_str() == "custom-4").unwrap();
    assert!(moved.forks.is_some() && moved.is_measured(), "{}", reason(&report, "custom-4"));
    // Answers are compared across forks.
    assert_eq!(candidate(&report, "custom-5").answers, Answers::Differs, "{}", reason(&report, "custom-5"));
    assert!(report.trials.iter().any(|t| t.candidate.as_str() == "custom-6" && t.forks.is_none()));
    assert!(report.costs.forks.count >= 7, "every fork is counted: {:?}", report.costs.forks);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_one_fork_at_a_time_such_a_change_is_rejected_and_the_way_out_named() {
    let fixture = Fixture::of("sparse", SPARSE);
    let backend = Arc::new(Counting::new(fixture.backend()));
    let candidates = vec![sql("written anew", &["VACUUM FULL sparse"])];
    let report =
        competition(backend.clone(), candidates).sequential(true).build().unwrap().run().await.unwrap();
    nothing_left(backend.as_ref()).await;
    assert_eq!(backend.most(), 1);
    let refused = candidate(&report, "custom-1");
    assert_eq!(refused.status, CandidateStatus::Rejected, "{}", refused.reason);
    assert!(
        refused.reason.contains("needs 3 forks at once; 1 allowed here")
            && refused.reason.contains("--sequential"),
        "{}",
        refused.reason
    );
}
