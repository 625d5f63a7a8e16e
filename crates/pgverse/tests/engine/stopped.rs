//! Statements that do not end within the statement time-out as they are.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use pgverse::competition::{Competition, RaceOptions};
use pgverse::traits::{Agent, Probe};
use pgverse::types::{Answers, Brief, Candidate, CandidateStatus, Change, StatementKind, Workload};
use pgverse::workload::log::runnable_on_fork;
use pgverse::{Context, Result};
use pgverse_testkit::FixedAgent;

use super::fixture::{Fixture, index, quick, read, statement};
use super::{candidate, good, nothing_left, rewrite, workload};

/// Reads the table once for each of thousands of rows.
const STUCK: &str = "SELECT count(*) FROM things a WHERE a.amount < 10 \
                     AND a.amount < (SELECT avg(b.amount) FROM things b WHERE b.owner = a.owner)";

/// The same in one pass.
const PASS: &str = "SELECT count(*) FROM things a JOIN (SELECT owner, avg(amount) AS mean FROM things GROUP BY owner) b \
                    ON b.owner = a.owner WHERE a.amount < 10 AND a.amount < b.mean";

/// The same for other rows.
const WRONG: &str = "SELECT count(*) FROM things a JOIN (SELECT owner, avg(amount) AS mean FROM things GROUP BY owner) b \
                     ON b.owner = a.owner WHERE a.amount < 11 AND a.amount < b.mean";

const NEVER: &str = "SELECT count(*) FROM generate_series(1, 1000000000000)";

fn options() -> RaceOptions {
    RaceOptions { statement_timeout_seconds: 3.0, ..quick() }
}

fn with_index(sql: &str) -> Candidate {
    let mut operations = rewrite("stuck", sql).change.operations;
    operations.push(index("things_owner", "owner"));
    Candidate::new("rewritten, with an index", Change { operations })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_a_statement_end_wins() {
    let fixture = Fixture::new();
    let backend = fixture.backend();
    let mut workload = Workload { statements: workload().statements.into_iter().take(1).collect() };
    workload.statements.extend([read("stuck", STUCK), read("never", NEVER)]);
    let query = vec![rewrite("stuck", PASS), with_index(PASS), with_index(WRONG)];
    let alone = vec![rewrite("stuck", PASS)];
    let competition = Competition::builder()
        .workload(workload)
        .backend(backend.clone())
        .agent(Arc::new(FixedAgent::new("index", vec![good()])))
        .agent(Arc::new(FixedAgent::new("query", query)))
        .agent(Arc::new(FixedAgent::new("alone", alone)))
        .options(options())
        .build()
        .unwrap();
    let report = competition.run().await.unwrap();

    assert_eq!(
        report.verdict.winner.as_ref().map(|w| w.as_str()),
        Some("query-2"),
        "{}",
        report.verdict.reason
    );
    for told in ["stuck did not end without it", "never ends neither with nor without it and is left out"] {
        assert!(report.verdict.reason.contains(told), "{}", report.verdict.reason);
    }
    let winner = candidate(&report, "query-2");
    let stuck = winner.statements.iter().find(|s| s.id.as_str() == "stuck").unwrap();
    assert!(stuck.baseline_cut_off && stuck.baseline_ms >= 3000.0 && stuck.pairs >= 6, "{stuck:?}");
    assert!(stuck.candidate_ms < 3000.0, "{stuck:?}");
    let never = winner.statements.iter().find(|s| s.id.as_str() == "never").unwrap();
    assert!(never.baseline_cut_off && never.pairs == 0, "{never:?}");
    // Compared where the index lets the original end.
    assert_eq!(winner.answers, Answers::Same);
    let index = candidate(&report, "index-1");
    assert_eq!(index.status, CandidateStatus::RunnerUp, "{}", index.reason);
    // Compared where the index of another candidate lets the original end; without any there is nothing to compare.
    let without = candidate(&report, "query-1");
    assert_eq!(
        (without.status, without.answers),
        (CandidateStatus::RunnerUp, Answers::Same),
        "{}",
        without.reason
    );
    let alone = candidate(&report, "alone-1");
    assert_eq!(alone.status, CandidateStatus::Rejected, "{}", alone.reason);
    assert!(alone.reason.contains("does not end within 3000 ms, with no index"), "{}", alone.reason);
    let wrong = candidate(&report, "query-3");
    assert!(wrong.reason.contains("changes answers"), "{}", wrong.reason);
    nothing_left(backend.as_ref()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_neither_way_is_left_out() {
    let fixture = Fixture::new();
    let backend = fixture.backend();
    let mut all = workload();
    all.statements.push(read("never", NEVER));
    let only = Workload { statements: vec![read("never", NEVER)] };
    let other_text =
        rewrite("never", "SELECT count(*) FROM generate_series(1::bigint, 1000000000000::bigint)");
    for (workload, wins) in [(all, true), (only, false)] {
        let competition = Competition::builder()
            .workload(workload)
            .backend(backend.clone())
            .agent(Arc::new(FixedAgent::new("a", vec![good(), other_text.clone()])))
            .options(options())
            .build()
            .unwrap();
        let report = competition.run().await.unwrap();
        assert_eq!(report.verdict.winner.is_some(), wins, "{}", report.verdict.reason);
        assert!(
            report.verdict.reason.contains("never ends neither with nor without"),
            "{}",
            report.verdict.reason
        );
        assert_eq!(candidate(&report, "a-2").status, CandidateStatus::Rejected);
    }
    nothing_left(backend.as_ref()).await;
}

/// Looks whether the statement that never ends was run in its universe.
#[derive(Debug)]
struct Looking {
    name: &'static str,
    seen: Arc<Mutex<Vec<(bool, bool)>>>,
}

#[async_trait]
impl Agent for Looking {
    fn name(&self) -> &str {
        self.name
    }

    async fn propose(&self, cx: &Context, probe: &dyn Probe, brief: &Brief) -> Result<Vec<Candidate>> {
        let rows = probe.query(cx, "SELECT is_called FROM runs").await?;
        let cut_off = brief.plans_of(&"never".into()).all(|plan| plan.cut_off);
        self.seen.lock().unwrap().push((rows[0]["is_called"] == true, cut_off));
        Ok(vec![good()])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_end_is_waited_for_in_one_universe() {
    // A sequence keeps what a transaction that is rolled back took from it.
    let sql = "CREATE TABLE things (owner int); INSERT INTO things SELECT generate_series(1, 60000); CREATE SEQUENCE runs;";
    let fixture = Fixture::of("runs", sql);
    let never = "SELECT count(nextval('runs')) FROM things a, things b, things c";
    let seen = Arc::default();
    let looking = |name| Arc::new(Looking { name, seen: Arc::clone(&seen) });
    let competition = Competition::builder()
        .workload(Workload {
            statements: vec![read("of_owner", "SELECT * FROM things WHERE owner = 7"), read("never", never)],
        })
        .backend(fixture.backend())
        .agent(looking("first"))
        .agent(looking("second"))
        .sequential(true)
        .options(options())
        .build()
        .unwrap();
    competition.run().await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [(true, true), (false, true)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_of_a_log_that_does_not_end_stays_and_a_write_goes() {
    let fixture = Fixture::new();
    let backend = fixture.backend();
    let write = format!("UPDATE things SET amount = 0 WHERE 0 = ({NEVER})");
    let statements = vec![
        read("never", NEVER),
        statement("written", &write, StatementKind::Write),
        read("gone", "SELECT * FROM gone"),
    ];
    let limit = Duration::from_millis(500);
    let (kept, left_out) =
        runnable_on_fork(&Context::new(), backend.as_ref(), Workload { statements }, limit).await.unwrap();
    assert_eq!(kept.statements.iter().map(|s| s.id.as_str()).collect::<Vec<_>>(), ["never"]);
    let left_out: Vec<&str> = left_out.iter().map(|left| left.sql.as_str()).collect();
    assert_eq!(left_out, [write.as_str(), "SELECT * FROM gone"]);
    nothing_left(backend.as_ref()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_agent_finds_what_makes_a_statement_end() {
    let fixture = Fixture::new();
    let backend = fixture.backend();
    let competition = Competition::builder()
        .workload(Workload { statements: vec![read("stuck", STUCK)] })
        .backend(backend.clone())
        .agent(pgverse::agents::by_name("index").unwrap())
        .options(options())
        .build()
        .unwrap();
    let report = competition.run().await.unwrap();
    let winner = report.verdict.winner.as_ref().expect(&report.verdict.reason);
    let winner = candidate(&report, winner.as_str());
    assert!(winner.title.contains("things (owner"), "{}", winner.title);
    assert!(winner.reason.contains("stuck did not end without it"), "{}", winner.reason);
    nothing_left(backend.as_ref()).await;
}
