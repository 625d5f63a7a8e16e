//! Proposals that must not get through, and what becomes of the others.

use std::sync::Arc;

use pgverse::competition::Competition;
use pgverse::fork_backends::template::{TemplateBackend, TemplateConfig};
use pgverse::types::{
    Answers, Candidate, CandidateStatus, Change, IndexKey, Operation, Report, SettingScope, Workload,
};
use pgverse_testkit::{FixedAgent, TestServer};

use crate::fixture::{Fixture, index, quick, read};
use crate::{candidate, good, rewrite, workload};

async fn compete(candidates: Vec<Candidate>, workload: Workload) -> Report {
    let fixture = Fixture::new();
    Competition::builder()
        .workload(workload)
        .backend(fixture.backend())
        .agent(Arc::new(FixedAgent::new("custom", candidates)))
        .options(quick())
        .build()
        .unwrap()
        .run()
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_writes_is_refused() {
    let report = compete(
        vec![
            rewrite("add", "INSERT INTO things (owner, label, amount) VALUES (2, 'y', 2)"),
            rewrite(
                "by_owner",
                "WITH gone AS (DELETE FROM things RETURNING amount) SELECT count(*), sum(amount) FROM gone",
            ),
            rewrite("by_label", "VACUUM things"),
        ],
        workload(),
    )
    .await;
    for (id, why) in [
        ("custom-1", "it rewrites statement add, which changes data"),
        ("custom-2", "it makes statement by_owner change data"),
        ("custom-3", "its text for statement by_label is no query"),
    ] {
        let refused = candidate(&report, id);
        assert_eq!(refused.status, CandidateStatus::Failed, "{}", refused.reason);
        assert!(refused.reason.contains(why), "{}", refused.reason);
    }
}

/// A setting may change what a statement does without a trace in its plan.
#[tokio::test(flavor = "multi_thread")]
async fn a_setting_is_measured_on_every_statement() {
    let setting = Operation::Setting {
        name: "work_mem".to_owned(),
        value: "64kB".to_owned(),
        scope: SettingScope::Database("things".to_owned()),
        previous: None,
    };
    let report = compete(vec![Candidate::new("less memory", Change::of(setting))], workload()).await;
    let trial = &report.trials[0];
    assert_eq!(trial.samples.len(), 3);
    assert!(trial.samples.iter().all(|s| !s.candidate_ms.is_empty() && s.plan_changed));
}

/// Numbers of candidates are never given twice, also where one was sent to forks of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_union_gets_a_number_of_its_own() {
    let vacuum = Operation::Sql {
        apply: vec!["VACUUM FULL things".to_owned()],
        undo: Vec::new(),
        online: Vec::new(),
        lock: pgverse::types::LockLevel::AccessExclusive,
    };
    let label = Candidate::new("index on label", Change::of(index("things_label", "label")));
    let report = compete(
        vec![Candidate::new("written anew", Change::of(vacuum)), good(), label],
        Workload { statements: workload().statements.into_iter().take(2).collect() },
    )
    .await;
    let mut ids: Vec<&str> = report.trials.iter().map(|t| t.candidate.as_str()).collect();
    assert_eq!(ids.len(), 4, "with the union of both indexes: {ids:?}");
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids, ["custom-1", "custom-2", "custom-3", "custom-4"]);
}

/// ANALYZE for an index on an expression belongs to the candidate, not to the baseline and everybody else.
#[tokio::test(flavor = "multi_thread")]
async fn statistics_that_an_index_brings_are_its_own() {
    let expression = Operation::CreateIndex {
        schema: "public".into(),
        table: "things".into(),
        name: "things_upper".into(),
        method: "btree".into(),
        keys: vec![IndexKey::expression("upper(label)")],
        include: Vec::new(),
        predicate: None,
        partitions: None,
    };
    // Nobody has analyzed the table since its rows changed; a golden image would be, a template is taken as it is.
    let server = TestServer::start().await;
    server.sql("postgres", "CREATE DATABASE stale").await;
    let table = "CREATE TABLE things (id int, owner int, label text, amount int);
         INSERT INTO things SELECT i, 77, 'label ' || i, 1 FROM generate_series(1, 20000) AS i;
         ANALYZE things;
         ALTER TABLE things SET (autovacuum_enabled = off);
         UPDATE things SET owner = id;";
    server.sql("stale", table).await;
    let home = pgverse_testkit::home();
    let config =
        TemplateConfig { home: Some(home.path().into()), ..TemplateConfig::new(server.dsn("stale")) };
    let report = Competition::builder()
        .workload(Workload {
            statements: vec![
                read("upper", "SELECT id FROM things WHERE upper(label) = 'LABEL 77'"),
                read("one", "SELECT sum(amount) FROM things WHERE owner = 77"),
            ],
        })
        .backend(Arc::new(TemplateBackend::new(config).unwrap()))
        .agent(Arc::new(FixedAgent::new(
            "custom",
            vec![
                Candidate::new("expression", Change::of(expression)),
                Candidate::new("plain", Change::of(index("things_owner", "owner"))),
            ],
        )))
        .options(quick())
        .build()
        .unwrap()
        .run()
        .await
        .unwrap();
    let plain = report.trials.iter().find(|t| t.candidate.as_str() == "custom-2").unwrap();
    let changed: Vec<&str> =
        plain.samples.iter().filter(|s| s.plan_changed).map(|s| s.statement.as_str()).collect();
    // By the old statistics every row has the owner that is asked for, and an index on it is of no use.
    assert!(changed.is_empty(), "{changed:?}");
    let expression = candidate(&report, "custom-1");
    assert_ne!(expression.answers, Answers::Differs);
    assert!(expression.ratio.is_some(), "{}", expression.reason);
}
