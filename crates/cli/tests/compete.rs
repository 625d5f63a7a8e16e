//! A database of the user's own, on a running server, with both backends.

#![allow(clippy::unwrap_used)]

mod support;

use std::process::Command;

use pgverse_testkit::{TestServer, require_tool, shop};
use support::{Home, valid_report};

const WORKLOAD: &str = "\
-- name: by_customer
-- weight: 10
-- params one: 17
SELECT id, total FROM wide WHERE customer = $1 ORDER BY id;
-- name: pay
UPDATE wide SET total = total + 1 WHERE id = 5;
";

/// pg_dump's output is the database, byte for byte, but for the random key of newer versions.
fn dump(server: &TestServer) -> String {
    let (host, port) = (server.dsn("shop").host(), server.dsn("shop").port().to_string());
    let output = Command::new(require_tool("pg_dump"))
        .args(["-h", &host, "-p", &port, "-U", server.dsn("shop").user(), "shop"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .filter(|l| !l.starts_with("\\restrict") && !l.starts_with("\\unrestrict"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn both_backends_find_the_missing_index_and_leave_the_source_as_it_was() {
    let server = TestServer::start().await;
    shop::create(&server, "shop").await;
    let rows = "CREATE TABLE wide AS SELECT i AS id, i % 4000 AS customer, i % 997 AS total, repeat('x', 200) AS note \
                FROM generate_series(1, 100000) AS i; ALTER TABLE wide ADD PRIMARY KEY (id);";
    server.sql("shop", rows).await;
    server.sql("shop", "VACUUM ANALYZE wide").await;
    let before = dump(&server);
    let home = Home::new();
    let workload = home.write("w.sql", WORKLOAD);
    for backend in ["local", "template"] {
        let file = home.file("report.json");
        let said = home.run([
            "compete",
            "--source",
            &server.dsn("shop").to_string(),
            "--workload",
            workload.to_str().unwrap(),
            "--problem",
            "customers wait for their orders",
            "--agents",
            "index",
            "--max-write-slowdown",
            "5",
            "--backend",
            backend,
            "--json",
            file.to_str().unwrap(),
        ]);
        said.ended(0);
        let report = valid_report(&file);
        assert_eq!(report.problem.description, "customers wait for their orders");
        assert_eq!(report.source.database, "shop");
        let winner = report.verdict.winner.clone().unwrap();
        let crowned = report.universes[0].candidates.iter().find(|c| c.id == winner).unwrap();
        assert!(crowned.change.iter().any(|c| c.apply[0].contains("(customer")), "{:#?}", crowned.change);
        home.assert_nothing_left(backend);
        let databases = "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database";
        assert_eq!(
            server.text("postgres", databases).await,
            "postgres shop template0 template1",
            "{backend}"
        );
        assert_eq!(dump(&server), before, "{backend}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forks_by_hand_stay_until_they_are_destroyed() {
    let server = TestServer::start().await;
    shop::create(&server, "shop").await;
    let source = server.dsn("shop").to_string();
    for backend in ["local", "template"] {
        let home = Home::new();
        let from = ["--source", &source, "--backend", backend];
        let json = |words: &[&str]| {
            let said = home.run([words, &from, &["--json", "-"]].concat());
            said.ended(0);
            serde_json::from_str::<serde_json::Value>(&said.stdout).unwrap()
        };
        let created = json(&["fork", "create"]);
        let id = created["id"].as_str().unwrap().to_owned();
        let images = home.passing_images();
        assert_eq!(images.len(), usize::from(backend == "local"), "the copy that the fork reads from");
        assert_eq!(json(&["fork", "sweep"]), serde_json::json!([]), "a fork by hand is no orphan");
        assert_eq!(json(&["fork", "list"])[0]["id"], id.as_str());
        assert_eq!(home.passing_images(), images, "the fork's image stays while the fork does");

        let fork = pgverse::pg::Dsn::parse(created["dsn"].as_str().unwrap()).unwrap();
        let cx = pgverse::Context::new();
        let session = pgverse::pg::Session::connect(&cx, &fork, "test").await.unwrap();
        let count = session.text(&cx, "SELECT count(*)::text FROM app.orders", &[]).await.unwrap();
        assert_eq!(count, server.text("shop", "SELECT count(*)::text FROM app.orders").await);
        drop(session);

        home.run([&["fork", "destroy", &id], &from[..]].concat()).ended(0);
        assert_eq!(home.passing_images(), [""; 0], "the copy of the database goes with its only fork");
        assert_eq!(json(&["fork", "list"]), serde_json::json!([]));
        home.assert_nothing_left(backend);
    }
}
