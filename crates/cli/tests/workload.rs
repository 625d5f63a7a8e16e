//! Statements out of pg_stat_statements, and what is said where it is missing.

#![allow(clippy::unwrap_used)]

mod support;

use pgverse::Context;
use pgverse::demo::Demo;
use pgverse::fork_backends::shared::Settings;
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

#[tokio::test(flavor = "multi_thread")]
async fn values_that_were_really_used_are_preferred_and_say_where_they_are_from() {
    let mut preloaded = "pg_stat_statements".to_owned();
    let kept = TestServer::start().await.has_extension("pg_qualstats").await;
    if kept {
        preloaded.push_str(", pg_qualstats");
    }
    let settings = Settings::default()
        .with("shared_preload_libraries", &preloaded)
        .with("pg_qualstats.sample_rate", "1");
    let server = TestServer::with_settings(&settings).await;
    server.sql("postgres", "CREATE DATABASE shop").await;
    server.sql("shop", "CREATE EXTENSION pg_stat_statements").await;
    if kept {
        server.sql("shop", "CREATE EXTENSION pg_qualstats").await;
    }
    let table = "CREATE TABLE parts (id int, kind text); \
                 INSERT INTO parts SELECT n, 'kind ' || n % 7 FROM generate_series(1, 5000) n; ANALYZE parts";
    server.sql("shop", table).await;
    server.sql("shop", "SELECT id FROM parts WHERE kind = 'kind 3' AND id > 4711").await;
    // Its session stays, and with it the statement in pg_stat_activity.
    let session = server.session("shop").await;
    // Our own sessions are not looked at.
    session.batch(&Context::new(), "SET application_name = 'shop'").await.unwrap();
    session.batch(&Context::new(), "SELECT kind FROM parts WHERE id = 4242").await.unwrap();
    let (home, source) = (Home::new(), server.dsn("shop").to_string());
    let said = home.run(["workload", "--source", &source, "--stats", "--table", "parts", "--json", "-"]);
    let shown: serde_json::Value = serde_json::from_str(&said.ended(0).stdout).unwrap();
    let set = |part: &str| {
        let statements = shown["statements"].as_array().unwrap();
        let found = statements.iter().find(|s| s["sql"].as_str().unwrap().contains(part));
        found.unwrap_or_else(|| panic!("{part}: {shown}"))["parameter_sets"][0].clone()
    };
    assert_eq!(set("WHERE id =")["values"], serde_json::json!(["4242"]));
    assert_eq!(set("WHERE id =")["origin"], "activity");
    if kept {
        assert_eq!(set("id >")["values"], serde_json::json!(["kind 3", "4711"]));
        assert_eq!(set("id >")["origin"], "qualstats");
    } else {
        assert!(set("id >")["origin"]["synthesized"].is_string(), "{shown}");
    }
    drop(session);
}
