//! The workbench of an agent, and the index agent that chooses at it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use pgverse::agents::index::IndexAgent;
use pgverse::competition::Competition;
use pgverse::traits::{Agent, Probe, Question, TryOut};
use pgverse::types::{Brief, Candidate, CandidateStatus, Change, Operation, Workload};
use pgverse::{Context, Error, ErrorKind, Result};

use crate::fixture::{Fixture, index, quick, read};
use crate::{candidate, nothing_left, workload};

/// Asks its workbench a few things and keeps what it says.
#[derive(Debug, Default)]
struct Curious {
    said: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Agent for Curious {
    fn name(&self) -> &str {
        "curious"
    }

    async fn propose(&self, cx: &Context, probe: &dyn Probe, brief: &Brief) -> Result<Vec<Candidate>> {
        let bench = probe.workbench().ok_or_else(|| Error::internal("no workbench"))?;
        let (owner, label) = (index("things_owner", "owner"), index("things_label", "label"));
        let questions: Vec<Question> = brief
            .workload
            .statements
            .iter()
            .map(|s| Question { statement: s.id.clone(), parameter_set: s.parameter_sets[0].id.clone() })
            .collect();
        let both = Change { operations: vec![owner.clone(), label.clone()] };
        let refused = bench.plans(cx, &both, &questions).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);

        let cost = bench.build(cx, &owner).await?;
        assert!(cost.bytes > 0 && cost == bench.build(cx, &owner).await?, "what is built is not built again");
        bench.build(cx, &label).await?;
        let mut said = Vec::new();
        for change in [Change::default(), Change::of(owner.clone()), both] {
            let plans = bench.plans(cx, &change, &questions).await?;
            let used = |name: &str| plans.iter().any(|p| p.uses_index(name));
            said.push(format!("{} {}", used("things_owner"), used("things_label")));
        }
        let tries: Vec<TryOut> = questions
            .iter()
            .map(|question| TryOut { question: question.clone(), repetitions: 3, timeout_ms: 10_000 })
            .collect();
        for sample in bench.times(cx, &Change::of(owner.clone()), &tries).await? {
            assert!(sample.wall_ms > 0.0 && !sample.timed_out);
        }
        // Writes are rolled back.
        let rows = probe.query(cx, "SELECT count(*) AS n FROM things").await?;
        said.push(rows[0]["n"].to_string());
        assert!(bench.seconds_left() > 1.0);
        let mut stranger = questions[0].clone();
        stranger.statement = "nobody".into();
        assert_eq!(
            bench.plans(cx, &Change::default(), &[stranger]).await.unwrap_err().kind(),
            ErrorKind::InvalidInput
        );
        *self.said.lock().unwrap() = said;
        Ok(vec![Candidate::new("index on owner", Change::of(owner))])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_tries_out_on_its_own_universe_what_it_proposes() {
    let fixture = Fixture::new();
    let backend = fixture.backend();
    let agent = Curious::default();
    let said = Arc::clone(&agent.said);
    let report = Competition::builder()
        .workload(workload())
        .backend(backend.clone())
        .agent(Arc::new(agent))
        .options(quick())
        .build()
        .unwrap()
        .run()
        .await
        .unwrap();
    assert_eq!(report.universes[0].error, None);
    assert_eq!(*said.lock().unwrap(), ["false false", "true false", "true true", "60000"]);
    // What was built already is raced as if it had been built for the race, and paid for.
    assert_eq!(
        report.verdict.winner.as_ref().map(|w| w.as_str()),
        Some("curious-1"),
        "{}",
        report.verdict.reason
    );
    let costs = &candidate(&report, "curious-1").costs;
    assert!(costs.bytes > 0 && costs.build_seconds > 0.0 && costs.wal_bytes.unwrap() > 0);
    nothing_left(backend.as_ref()).await;
}

/// Rows with the state `rare` are all at the old end: an index on the time alone makes the planner walk through all
/// of them, which is dearer than reading the table.
const JOBS: &str = "CREATE TABLE jobs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, owner int, state text, at timestamptz, pad text);
    INSERT INTO jobs (owner, state, at, pad)
    SELECT i % 5000, CASE WHEN i < 15000 AND i % 10 < 7 THEN 'rare' ELSE 'done' END,
        timestamptz '2025-01-01' + i * interval '1 minute', repeat('x', 80)
    FROM generate_series(1, 150000) AS i;";

#[tokio::test(flavor = "multi_thread")]
async fn the_index_agent_chooses_by_the_clock() {
    let fixture = Fixture::of("jobs", JOBS);
    let statements = vec![
        read("by_owner", "SELECT id, at FROM jobs WHERE owner = 77 ORDER BY at DESC LIMIT 10"),
        read("trap", "SELECT id, owner, at FROM jobs WHERE state = 'rare' ORDER BY at DESC LIMIT 20"),
        read("paging", "SELECT id, owner, at, pad FROM jobs ORDER BY at DESC, id DESC LIMIT 20"),
    ];
    let report = Competition::builder()
        .workload(Workload { statements })
        .backend(fixture.backend())
        .agent(Arc::new(IndexAgent::default()))
        .options(quick())
        .build()
        .unwrap()
        .run()
        .await
        .unwrap();
    let winner = report.verdict.winner.as_ref().unwrap_or_else(|| panic!("{}", report.verdict.reason));
    let winner = candidate(&report, winner.as_str());
    assert_eq!(winner.status, CandidateStatus::Crowned);
    for statement in &winner.statements {
        assert!(statement.ratio.high < 0.5, "{} {:?}", statement.id, statement.ratio);
    }
    assert!(winner.rationale.contains("Tried out on the fork: by_owner "), "{}", winner.rationale);
    // Every proposal was seen to harm nothing before it was made.
    for proposed in report.universes.iter().flat_map(|u| &u.candidates) {
        assert!(proposed.statements.iter().all(|s| s.ratio.estimate < 1.2), "{proposed:?}");
        assert!(proposed.change.iter().all(|c| matches!(c.operation, Operation::CreateIndex { .. })));
    }
}
