//! Server logs as workload, and load on a fork, with the logs of a real server.

#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use pgverse::Context;
use pgverse::fork_backends::shared::Settings;
use pgverse_testkit::TestServer;
use serde_json::Value;
use support::Home;

/// Returns as soon as these words are in the file: the server's logger writes what it is told in its own time.
async fn until_written(log: &Path, words: &str) {
    let begin = Instant::now();
    while !std::fs::read_to_string(log).is_ok_and(|text| text.contains(words)) {
        assert!(begin.elapsed() < Duration::from_secs(60), "`{words}` is not in {}", log.display());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_understood_and_its_statements_load_a_fork() {
    let settings = Settings::default()
        .with("logging_collector", "on")
        .with("log_destination", "stderr,csvlog,jsonlog")
        .with("log_directory", "log")
        .with("log_filename", "a.log")
        .with("log_line_prefix", "%m {%p} <%u/%d> ")
        .with("log_min_duration_statement", "0");
    let server = TestServer::with_settings(&settings).await;
    let (cx, session) = (Context::new(), server.session("postgres").await);
    let batch = async |sql: String| session.batch(&cx, &sql).await.unwrap();
    // Our own sessions are no workload.
    batch("SET application_name = 'shop'".to_owned()).await;
    batch("CREATE TABLE users (id int PRIMARY KEY, name text); CREATE TABLE gone (a int)".to_owned()).await;
    batch("INSERT INTO users SELECT i, 'n' || i FROM generate_series(1, 500) AS i".to_owned()).await;
    batch("SELECT count(*) FROM gone WHERE a > 0".to_owned()).await;
    batch("DROP TABLE gone".to_owned()).await;
    batch("SELECT id FROM users ORDER BY id LIMIT 20".to_owned()).await;
    for id in 1..=20 {
        let values = [Some(id.to_string())];
        session.rows(&cx, "SELECT name FROM users WHERE id = $1", &values).await.unwrap();
    }
    batch("UPDATE users SET name = 'x' WHERE id = 7".to_owned()).await;
    drop(session);

    let home = Home::new();
    let source = server.dsn("postgres").to_string();
    let folder = server.directory().join("data/log");
    let mut workloads = Vec::new();
    for name in ["a.log", "a.csv", "a.json"] {
        let log = folder.join(name);
        until_written(&log, "UPDATE users").await;
        let said = home.run(["workload", "--log", log.to_str().unwrap(), "--json", "-"]);
        let reading: Value = serde_json::from_str(&said.ended(0).stdout).unwrap();
        assert_eq!(reading["lines_not_understood"], 0, "{name}: {reading:#}");
        let found = &reading["repeated"][0];
        assert_eq!(
            (&found["calls"], &found["sql"]),
            (&20.into(), &"SELECT name FROM users WHERE id = $1".into())
        );
        assert_eq!(found["after"], "SELECT id FROM users ORDER BY id LIMIT $1");
        assert_eq!(found["replacement"], "SELECT id, name FROM users WHERE id = ANY($1)");
        workloads.push(reading["workload"]["statements"].as_array().unwrap().len());
    }
    assert!(workloads.iter().all(|&n| n == workloads[0] && n >= 5), "{workloads:?}");

    let log = folder.join("a.csv");
    let said = home.run(["workload", "--log", log.to_str().unwrap()]);
    assert!(
        said.ended(0).stdout.contains("one statement for each row: 1 times, 20 calls"),
        "{}",
        said.stdout
    );

    let file = home.file("report.json");
    let said = home.run([
        "compete",
        "--source",
        &source,
        "--log",
        log.to_str().unwrap(),
        "--log-database",
        "postgres",
        "--agents",
        "index",
        "--measure",
        "3s",
        "--json",
        file.to_str().unwrap(),
    ]);
    assert!(matches!(said.code, Some(0 | 3)), "{said:#?}");
    // What cannot be done twice is left out, and told.
    assert!(
        said.stderr.contains("left out: INSERT INTO users SELECT") && said.stderr.contains("duplicate key")
    );
    let report = support::valid_report(&file);
    let raced = |part: &str| report.workload.statements.iter().any(|statement| statement.sql.contains(part));
    assert!(raced("FROM users WHERE id") && raced("UPDATE users"), "{said:#?}");
    assert!(!raced("gone") && !raced("INSERT"), "{said:#?}");
    home.assert_nothing_left("after a competition");

    let json = home.file("load.json");
    let said = home.run([
        "load",
        "--source",
        &source,
        "--backend",
        "template",
        "--log",
        log.to_str().unwrap(),
        "--log-database",
        "postgres",
        "--clients",
        "2",
        "--rate",
        "40",
        "--time",
        "2s",
        "--json",
        json.to_str().unwrap(),
    ]);
    assert!(said.ended(0).stderr.contains("relation \"gone\" does not exist"), "{}", said.stderr);
    home.assert_nothing_left("after a load");
    let report: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    let number = |pointer: &str| report.pointer(pointer).and_then(Value::as_u64).unwrap();
    // Every call that was due is answered, has failed, or was not sent.
    assert_eq!(number("/all/calls") + number("/all/errors") + number("/not_sent"), 80, "{report:#}");
    assert!(
        number("/reads/calls") > 0 && report["all"]["p99_ms"].as_f64() >= report["all"]["p50_ms"].as_f64()
    );
    // Of so few calls the slowest is the 99th percentile; only what the histogram rounds may lie between.
    let (p99, most) = (report["all"]["p99_ms"].as_f64().unwrap(), report["all"]["max_ms"].as_f64().unwrap());
    assert!((p99 / most - 1.0).abs() < 0.01, "{report:#}");
    // The source is as it was: the load's writes went to the fork.
    assert_eq!(server.text("postgres", "SELECT count(*)::text FROM users WHERE name = 'x'").await, "1");
}

#[test]
fn a_load_without_sense_is_refused() {
    let home = Home::new();
    let workload = home.write("w.sql", "SELECT 1;");
    let file = workload.to_str().unwrap();
    home.run(["load", "--source", "postgresql://localhost/x", "--workload", file, "--clients", "0"]).ended(2);
    home.run(["load", "--source", "postgresql://localhost/x"]).ended(2);
    home.run(["workload", "--log", "/no/such.log"])
        .ended(2)
        .explained(&["cannot read the log", "/no/such.log"]);
}
