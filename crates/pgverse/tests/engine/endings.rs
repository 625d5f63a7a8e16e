//! Runs that end before their time: by a deadline, a statement without end, a reason that all universes share.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use pgverse::competition::{Competition, RaceOptions};
use pgverse::fork_backends::shared::process;
use pgverse::fork_backends::template::{TemplateBackend, TemplateConfig};
use pgverse::judge::PairedJudge;
use pgverse::report::judge_again;
use pgverse::traits::{Agent, Probe};
use pgverse::types::{
    Brief, Candidate, CandidateStatus, Change, LockLevel, Operation, StatementKind, Workload,
};
use pgverse::{Context, ErrorKind, Event, Result};
use pgverse_testkit::{FixedAgent, HangingAgent, TestServer, shop};
use tokio::sync::Notify;

use super::fixture::{Fixture, quick, read, statement};
use super::{candidate, good, nothing_left, workload};

/// Proposes when it is told to.
#[derive(Debug)]
struct Waiting {
    go: Arc<Notify>,
    candidate: Candidate,
}

#[async_trait]
impl Agent for Waiting {
    fn name(&self) -> &str {
        "waiting"
    }

    async fn propose(&self, _: &Context, _: &dyn Probe, _: &Brief) -> Result<Vec<Candidate>> {
        self.go.notified().await;
        Ok(vec![self.candidate.clone()])
    }
}

/// Time in which a small fork is made and some rounds are raced, also on a slow machine.
const LONG_ENOUGH: Duration = Duration::from_secs(12);

/// A race that only the deadline ends.
fn endless() -> RaceOptions {
    RaceOptions {
        min_rounds: u32::MAX,
        max_rounds: u32::MAX,
        measuring_seconds: 1e9,
        ..RaceOptions::default()
    }
}

fn by_owner() -> Workload {
    Workload { statements: workload().statements.into_iter().take(1).collect() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_measured_before_the_deadline_is_judged() {
    let fixture = Fixture::new();
    let backend = fixture.backend();
    // The deadline is for the race.
    backend.prepare(&Context::new()).await.unwrap();
    let never_built = Operation::Sql {
        apply: vec!["SELECT pg_sleep(3600)".to_owned()],
        undo: Vec::new(),
        online: Vec::new(),
        lock: LockLevel::None,
    };
    let go = Arc::new(Notify::new());
    let waiting =
        Waiting { go: Arc::clone(&go), candidate: Candidate::new("never built", Change::of(never_built)) };
    let competition = Competition::builder()
        .workload(by_owner())
        .backend(backend.clone())
        .agent(Arc::new(FixedAgent::new("index", vec![good()])))
        .agent(Arc::new(waiting))
        .options(endless())
        .deadline(LONG_ENOUGH)
        .build()
        .unwrap();
    // The other one builds when the first one races, so that it does not keep it from that.
    let mut events = Box::pin(competition.events());
    let raced = async move {
        while !matches!(events.next().await, None | Some(Event::Measured { round: 10, .. })) {}
        go.notify_one();
    };
    let (report, ()) = tokio::join!(competition.run(), raced);
    let report = report.unwrap();

    let winner = candidate(&report, "index-1");
    assert_eq!(winner.status, CandidateStatus::Crowned, "{}", winner.reason);
    assert!(winner.statements[0].pairs >= 10, "{winner:?}");
    let unbuilt = candidate(&report, "waiting-1");
    assert_eq!(unbuilt.status, CandidateStatus::Failed);
    for words in ["not measured", "deadline"] {
        assert!(unbuilt.reason.contains(words), "{}", unbuilt.reason);
    }
    for universe in &report.universes {
        let error = universe.error.as_deref().unwrap_or_default();
        assert!(error.contains("deadline"), "{}: {error}", universe.agent);
    }
    assert_eq!(report.promotion.hash.len(), 64);
    assert_eq!(judge_again(&report, &PairedJudge).unwrap(), report);
    nothing_left(backend.as_ref()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_universe_whose_turn_never_came_says_so() {
    let fixture = Fixture::new();
    let backend = fixture.backend();
    backend.prepare(&Context::new()).await.unwrap();
    let competition = Competition::builder()
        .workload(by_owner())
        .backend(backend.clone())
        .agents(["a", "b"].map(|name| Arc::new(FixedAgent::new(name, vec![good()])) as Arc<dyn Agent>))
        .sequential(true)
        .options(endless())
        .deadline(LONG_ENOUGH)
        .build()
        .unwrap();
    let report = competition.run().await.unwrap();
    assert!(report.verdict.winner.is_some(), "{}", report.verdict.reason);
    let (begun, waiting): (Vec<_>, Vec<_>) = report.universes.iter().partition(|u| u.id.is_some());
    assert_eq!((begun.len(), waiting.len()), (1, 1));
    assert!(waiting[0].candidates.is_empty());
    assert!(waiting[0].error.as_deref().unwrap().contains("deadline"), "{:?}", waiting[0].error);
    nothing_left(backend.as_ref()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_before_anything_was_measured_is_an_error() {
    let fixture = Fixture::new();
    let backend = fixture.backend();
    let run = async |deadline| {
        let competition = Competition::builder()
            .workload(by_owner())
            .backend(backend.clone())
            .agent(Arc::new(HangingAgent))
            .deadline(deadline)
            .build()
            .unwrap();
        let error = competition.run().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        assert!(error.way_out().unwrap().contains("--deadline"), "{error}");
        nothing_left(backend.as_ref()).await;
        error.message().to_owned()
    };
    assert_eq!(run(Duration::ZERO).await, "the deadline of the run has passed");
    backend.prepare(&Context::new()).await.unwrap();
    assert!(run(Duration::from_secs(3)).await.contains("before anything was measured"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_without_end_is_found_once() {
    let fixture = Fixture::new();
    let backend = fixture.backend();
    let mut workload = workload();
    workload.statements.push(statement(
        "endless",
        "UPDATE things SET amount = 1 WHERE (SELECT count(*) FROM generate_series(1, 1000000000000)) > 0",
        StatementKind::Write,
    ));
    let competition = Competition::builder()
        .workload(workload)
        .backend(backend.clone())
        .agents(["a", "b", "c"].map(|name| Arc::new(FixedAgent::new(name, vec![good()])) as Arc<dyn Agent>))
        .options(RaceOptions { statement_timeout_seconds: 2.0, ..quick() })
        .build()
        .unwrap();
    let error = competition.run().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.message(), "statement endless does not end within 2 s");
    assert!(error.context().contains(&("statement", "endless".to_owned())), "{error}");
    assert!(error.way_out().unwrap().contains("parameters"), "{error}");
    let events: Vec<Event> = competition.events().collect().await;
    let verdicts = |e: &&Event| matches!(e, Event::Failed { .. } | Event::NoWinner { .. });
    assert_eq!(events.iter().filter(verdicts).count(), 0, "{events:?}");
    nothing_left(backend.as_ref()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_every_universe_from_being_made_is_told_once() {
    let server = TestServer::start().await;
    shop::create(&server, "shop").await;
    let _in_use = server.session("shop").await;
    let home = pgverse_testkit::home();
    let mut config = TemplateConfig::new(server.dsn("shop"));
    config.home = Some(home.path().to_owned());
    config.wait = Some(Duration::ZERO);
    let competition = Competition::builder()
        .workload(Workload { statements: vec![read("orders", "SELECT count(*) FROM app.orders")] })
        .backend(Arc::new(TemplateBackend::new(config).unwrap()))
        .agents(["a", "b", "c"].map(|name| Arc::new(FixedAgent::new(name, vec![good()])) as Arc<dyn Agent>))
        .build()
        .unwrap();
    let error = competition.run().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    let text = error.to_string();
    assert!(text.starts_with("every universe failed: "), "{text}");
    let reason = &error.message()["every universe failed: ".len()..];
    assert!(!reason.contains(';') && text.matches(reason).count() == 1, "{text}");
    let events: Vec<Event> = competition.events().collect().await;
    assert!(!events.iter().any(|e| matches!(e, Event::Failed { .. } | Event::NoWinner { .. })), "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_while_it_is_measured_is_told_and_leaves_nothing() {
    let fixture = Fixture::new();
    let backend = fixture.backend();
    backend.prepare(&Context::new()).await.unwrap();
    let competition = Competition::builder()
        .workload(by_owner())
        .backend(backend.clone())
        .agent(Arc::new(FixedAgent::new("index", vec![good()])))
        .options(endless())
        .build()
        .unwrap();
    let mut events = Box::pin(competition.events());
    let forks = fixture.forks();
    let kill = async move {
        while !matches!(events.next().await, None | Some(Event::Measured { round: 3, .. })) {}
        let servers = process::working_in(&forks);
        assert!(!servers.is_empty());
        for server in servers {
            // One may be gone already, with its postmaster.
            Command::new("kill").args(["-9", &server.pid.to_string()]).status().unwrap();
        }
    };
    let (report, ()) = tokio::join!(competition.run(), kill);
    let report = report.unwrap();
    let error = report.universes[0].error.as_deref().unwrap_or_default();
    // A process of the server may notice that its postmaster is gone before its own end comes.
    let told =
        ["the server closed the connection", "terminating connection due to unexpected postmaster exit"];
    assert!(told.iter().any(|words| error.contains(words)), "{error}");
    assert!(report.verdict.winner.is_none(), "{:?}", report.verdict);
    nothing_left(backend.as_ref()).await;
    assert!(process::working_in(&fixture.forks()).is_empty());
}
