//! Statements out of pg_stat_statements, and what is said where it is missing.

#![allow(clippy::unwrap_used)]

mod support;

use pgverse::demo::Demo;
use pgverse_testkit::{TestServer, mixed};
use support::{Home, valid_report};

#[tokio::test(flavor = "multi_thread")]
async fn a_competition_over_what_a_real_run_left_comes_to_a_verdict() {
    let server = mixed::server(&Demo::new(0.05).unwrap().scripts()).await;
    mixed::run(&server, 3).await;
    let (home, source) = (Home::new(), server.dsn("shop").to_string());
    let problem = "slow email lookups of users";
    let said = home.run([
        "workload",
        "--source",
        &source,
        "--stats",
        "--problem",
        problem,
        "--explain",
        "--json",
        "-",
    ]);
    let shown: serde_json::Value = serde_json::from_str(&said.ended(0).stdout).unwrap();
    assert_eq!(shown["understood"]["tables"], serde_json::json!(["users"]));
    let first = &shown["statements"][0];
    assert!(first["sql"].as_str().unwrap().contains("email"), "{first}");
    assert!(first["parameter_sets"][0]["origin"]["synthesized"].is_string(), "{first}");
    assert!(shown["reviews"][0]["plan"][0].is_string(), "{shown}");
    let file = home.file("report.json");
    let said = home.run([
        "compete",
        "--source",
        &source,
        "--stats",
        "--top",
        "8",
        "--problem",
        problem,
        "--agents",
        "index",
        "--measure",
        "5s",
        "--json",
        file.to_str().unwrap(),
    ]);
    assert!(matches!(said.code, Some(0 | 3)), "{said:#?}");
    let report = valid_report(&file);
    assert!(!report.verdict.reason.is_empty());
    home.assert_nothing_left("after a competition");
    let said = home.run(["workload", "--source", &source, "--stats", "--problem", "invoices of suppliers"]);
    said.ended(2).explained(&["no statement fits the problem", "invoices"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_told_with_the_statements_that_mend_it() {
    let server = TestServer::start().await;
    let (home, source) = (Home::new(), server.dsn("postgres").to_string());
    let said = home.run(["workload", "--source", &source, "--stats"]);
    said.ended(2).explained(&["pg_stat_statements is not installed"]);
    assert!(said.stderr.contains("CREATE EXTENSION pg_stat_statements;"), "{}", said.stderr);
    server.sql("postgres", "CREATE EXTENSION pg_stat_statements").await;
    let said = home.run(["workload", "--source", &source, "--stats"]);
    said.ended(2).explained(&["created but not loaded"]);
    assert!(said.stderr.contains("ALTER SYSTEM SET shared_preload_libraries"), "{}", said.stderr);
    home.run(["workload", "--source", &source]).ended(2);
}
