//! The engine on real forks: what a competition must do, and what must not harm it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod apart;
mod choice;
mod counting;
mod endings;
mod fixture;
mod partitioned;
mod proposals;
mod stopped;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use pgverse::competition::Competition;
use pgverse::judge::PairedJudge;
use pgverse::report::judge_again;
use pgverse::traits::ForkBackend;
use pgverse::types::{
    Answers, Candidate, CandidateStatus, Change, Operation, Report, StatementKind, Work, Workload,
};
use pgverse::{Context, ErrorKind, Event};
use pgverse_testkit::{FailingAgent, FixedAgent, HangingAgent, PanickingAgent};

use counting::Counting;
use fixture::{Fixture, index, quick, read, statement};

/// Helps `by_owner` about a hundredfold.
fn good() -> Candidate {
    Candidate::new("index on owner", Change::of(index("things_owner", "owner")))
}

fn rewrite(statement: &str, sql: &str) -> Candidate {
    let operation =
        Operation::RewriteStatement { statement: statement.into(), sql: sql.into(), rule: "by hand".into() };
    Candidate::new("rewritten", Change::of(operation))
}

fn workload() -> Workload {
    Workload {
        statements: vec![
            read("by_owner", "SELECT count(*), sum(amount) FROM things WHERE owner = 77"),
            read("by_label", "SELECT id FROM things WHERE label = 'label 4711' ORDER BY id"),
            statement(
                "add",
                "INSERT INTO things (owner, label, amount) VALUES (1, 'x', 1)",
                StatementKind::Write,
            ),
        ],
    }
}

fn status(report: &Report, id: &str) -> CandidateStatus {
    candidate(report, id).status
}

fn candidate<'a>(report: &'a Report, id: &str) -> &'a pgverse::types::CandidateReport {
    report
        .universes
        .iter()
        .flat_map(|u| &u.candidates)
        .find(|c| c.id.as_str() == id)
        .expect("no such candidate")
}

async fn nothing_left(backend: &dyn ForkBackend) {
    assert!(backend.list(&Context::new()).await.unwrap().is_empty(), "a fork was left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_better_agent_wins_and_bad_candidates_are_told_why() {
    let fixture = Fixture::new();
    let candidates = vec![
        good(),
        Candidate::new("no such column", Change::of(index("things_nope", "nope"))),
        Candidate::new("nothing", Change::default()),
    ];
    let wrong = rewrite("by_owner", "SELECT count(*), sum(amount) FROM things WHERE owner = 78");
    let slow = rewrite(
        "by_owner",
        "SELECT count(*), sum(amount) FROM things WHERE owner = 77 AND (SELECT count(*) FROM generate_series(1, 1e9)) > 0",
    );
    let backend = fixture.backend();
    let competition = Competition::builder()
        .workload(workload())
        .backend(backend.clone())
        .agent(Arc::new(FixedAgent::new("index", candidates)))
        .agent(Arc::new(FixedAgent::new("query", vec![wrong, slow])))
        .options(quick())
        .build()
        .unwrap();
    let report = competition.run().await.unwrap();

    assert_eq!(
        report.verdict.winner.as_ref().map(|w| w.as_str()),
        Some("index-1"),
        "{}",
        report.verdict.reason
    );
    let winner = candidate(&report, "index-1");
    assert!(winner.ratio.unwrap().high < 0.95);
    assert!(winner.costs.bytes > 0 && winner.costs.wal_bytes.unwrap() > 0);
    let raced = winner.statements.iter().find(|s| s.id.as_str() == "by_owner").unwrap();
    assert!(raced.pairs >= 6 && raced.ratio.high < 0.5, "{raced:?}");
    let same_plan = winner.statements.iter().find(|s| s.id.as_str() == "by_label").unwrap();
    assert_eq!((same_plan.pairs, same_plan.ratio.estimate), (0, 1.0));
    assert!(winner.costs.write_ratio.is_some(), "the insert maintains the index and must have been raced");
    let trial = report.trials.iter().find(|t| t.candidate.as_str() == "index-1").unwrap();
    for samples in trial.samples.iter().filter(|s| s.plan_changed) {
        let work = samples.work.unwrap();
        let blocks = |work: Work| work.shared_hit_blocks + work.shared_read_blocks;
        match samples.kind {
            StatementKind::Read => assert!(blocks(work.candidate) < blocks(work.baseline) / 2.0, "{work:?}"),
            StatementKind::Write => {
                assert!(work.candidate.wal_bytes > work.baseline.wal_bytes, "{work:?}");
                assert_eq!(work.candidate.wal_full_pages, 0.0, "forks write none: {work:?}");
            }
        }
    }

    assert_eq!(status(&report, "index-2"), CandidateStatus::Failed);
    assert!(candidate(&report, "index-2").reason.contains("nope"));
    assert_eq!(status(&report, "index-3"), CandidateStatus::Failed);
    assert_eq!(status(&report, "query-1"), CandidateStatus::Rejected);
    assert_eq!(candidate(&report, "query-1").answers, Answers::Differs);
    assert_eq!(status(&report, "query-2"), CandidateStatus::Rejected);
    let reason = &candidate(&report, "query-2").reason;
    assert!(reason.contains("far slower than the original") && reason.contains("by_owner with"), "{reason}");
    assert!(reason.contains("the original takes"), "{reason}");

    assert_eq!(report.promotion.hash.len(), 64);
    assert!(report.promotion.steps[0].up[0].starts_with("CREATE INDEX CONCURRENTLY things_owner"));
    assert_eq!(judge_again(&report, &PairedJudge).unwrap(), report);
    nothing_left(backend.as_ref()).await;

    // A subscriber who comes after the end still gets everything.
    let events: Vec<Event> = competition.events().collect().await;
    assert!(matches!(events.first(), Some(Event::Started { .. })));
    assert!(matches!(events.last(), Some(Event::Finished { .. })));
    assert!(events.iter().any(|e| matches!(e, Event::Crowned { .. })));
    assert_eq!(competition.run().await.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_after_the_other_has_the_same_winner_and_never_two_forks() {
    let fixture = Fixture::new();
    let run = async |sequential| {
        let backend = Arc::new(Counting::new(fixture.backend()));
        let competition = Competition::builder()
            .workload(workload())
            .backend(backend.clone())
            .agent(Arc::new(FixedAgent::new("index", vec![good()])))
            .agent(Arc::new(FixedAgent::new(
                "other",
                vec![Candidate::new("l", Change::of(index("things_label", "label")))],
            )))
            .sequential(sequential)
            .options(quick())
            .build()
            .unwrap();
        (competition.run().await.unwrap(), backend.most())
    };
    let (one_by_one, most) = run(true).await;
    assert_eq!(most, 1);
    let (at_once, most) = run(false).await;
    assert_eq!(most, 2);
    // Both indexes help, so the final unites them; which of the two equals leads the union is for the clock to say.
    assert!(one_by_one.grand_final.is_some() && at_once.grand_final.is_some());
    let indexes = |report: &Report| {
        let mut steps: Vec<String> = report.promotion.steps.iter().flat_map(|step| step.up.clone()).collect();
        steps.sort();
        (report.verdict.winner.is_some(), steps.len(), steps)
    };
    let (crowned, steps, of_one_by_one) = indexes(&one_by_one);
    assert!(crowned && steps == 2, "{}", one_by_one.verdict.reason);
    assert_eq!(indexes(&at_once), (crowned, steps, of_one_by_one), "{}", at_once.verdict.reason);
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_that_misbehave_harm_nobody() {
    let fixture = Fixture::new();
    let backend = fixture.backend();
    let mut options = quick();
    options.agent_timeout_seconds = 2.0;
    let report = Competition::builder()
        .workload(workload())
        .backend(backend.clone())
        .agent(Arc::new(FailingAgent))
        .agent(Arc::new(PanickingAgent))
        .agent(Arc::new(HangingAgent))
        .agent(Arc::new(FixedAgent::new("index", vec![good()])))
        .options(options)
        .build()
        .unwrap()
        .run()
        .await
        .unwrap();
    assert_eq!(report.verdict.winner.as_ref().map(|w| w.as_str()), Some("index-1"));
    let errors: Vec<&str> = report.universes.iter().filter_map(|u| u.error.as_deref()).collect();
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(errors[0].contains("agent failing failed") && errors[0].contains("always fails"));
    assert!(errors[1].contains("agent panicking panicked"));
    assert!(errors[2].contains("agent hanging did not answer in time"));
    nothing_left(backend.as_ref()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_to_gain_has_no_winner() {
    let fixture = Fixture::new();
    let useless = Candidate::new("index on amount", Change::of(index("things_amount", "amount")))
        .helping(["by_owner".into()]);
    let report = Competition::builder()
        .workload(workload())
        .backend(fixture.backend())
        .agent(Arc::new(FixedAgent::new("index", vec![useless])))
        .options(quick())
        .build()
        .unwrap()
        .run()
        .await
        .unwrap();
    assert_eq!(report.verdict.winner, None);
    assert!(report.promotion.steps.is_empty() && report.promotion.hash.is_empty());
    let useless = candidate(&report, "index-1");
    assert_eq!(useless.status, CandidateStatus::Eliminated);
    assert!(useless.ratio.is_some(), "also what changes no plan is measured");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_does_not_run_ends_the_competition() {
    let fixture = Fixture::new();
    let backend = fixture.backend();
    let mut workload = workload();
    workload.statements.push(read("typo", "SELECT * FROM thingz"));
    let error = Competition::builder()
        .workload(workload)
        .backend(backend.clone())
        .agent(Arc::new(FixedAgent::new("a", vec![good()])))
        .agent(Arc::new(FixedAgent::new("b", vec![good()])))
        .build()
        .unwrap()
        .run()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let text = error.to_string();
    assert!(text.contains("typo") && text.contains("thingz") && text.contains("position: 15"), "{text}");
    nothing_left(backend.as_ref()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_or_dropping_a_run_leaves_no_fork() {
    let fixture = Fixture::new();
    let backend = fixture.backend();
    let build = || {
        Arc::new(
            Competition::builder()
                .workload(workload())
                .backend(backend.clone())
                .agent(Arc::new(HangingAgent))
                .build()
                .unwrap(),
        )
    };
    let forked = |competition: &Competition| {
        let mut events = Box::pin(competition.events());
        async move { while !matches!(events.next().await, Some(Event::UniverseSpawned { .. })) {} }
    };

    let competition = build();
    let running = tokio::spawn({
        let competition = Arc::clone(&competition);
        async move { competition.run().await }
    });
    forked(&competition).await;
    competition.cancel();
    assert_eq!(running.await.unwrap().unwrap_err().kind(), ErrorKind::Cancelled);
    nothing_left(backend.as_ref()).await;

    let competition = build();
    tokio::select! {
        _ = competition.run() => panic!("the agent hangs"),
        () = forked(&competition) => {}
    }
    // The future is dropped; the run cleans up by itself and then says that it has finished.
    let mut events = Box::pin(competition.events());
    tokio::time::timeout(Duration::from_secs(60), async { while events.next().await.is_some() {} })
        .await
        .unwrap();
    nothing_left(backend.as_ref()).await;
}
