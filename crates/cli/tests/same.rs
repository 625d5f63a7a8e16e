//! Do two queries give the same answers? On a running server, with both backends.

#![allow(clippy::unwrap_used)]

mod support;

use pgverse_testkit::TestServer;
use support::{Home, Said};

const PEOPLE: &str = "CREATE TABLE people (id int PRIMARY KEY, boss int REFERENCES people, town text);
    INSERT INTO people SELECT i, 1, 'town ' || i % 7 FROM generate_series(1, 500) AS i;
    CREATE TABLE blocked (person int);
    INSERT INTO blocked SELECT i FROM generate_series(1, 500, 3) AS i;";

struct Bench {
    home: Home,
    server: TestServer,
}

impl Bench {
    async fn new() -> Self {
        let server = TestServer::start().await;
        server.sql("postgres", PEOPLE).await;
        Self { home: Home::new(), server }
    }

    fn same(&self, backend: &str, before: &str, after: &str) -> Said {
        let (one, other) = (self.home.write("before.sql", before), self.home.write("after.sql", after));
        let json = self.home.file("same.json");
        let files = [&one, &other, &json].map(|path| path.to_str().unwrap().to_owned());
        let source = self.server.dsn("postgres").to_string();
        let said = self.home.run([
            "same",
            "--source",
            &source,
            "--backend",
            backend,
            &files[0],
            &files[1],
            "--json",
            &files[2],
        ]);
        self.home.assert_nothing_left("after same");
        said
    }

    fn report(&self) -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(self.home.file("same.json")).unwrap()).unwrap()
    }
}

const NOT_IN: &str = "-- params some: 100\n-- params all: 1000\n\
    SELECT id FROM people WHERE id < $1 AND id NOT IN (SELECT person FROM blocked)";
const NOT_EXISTS: &str = "SELECT id FROM people p WHERE id < $1 \
    AND NOT EXISTS (SELECT FROM blocked b WHERE b.person = p.id)";

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_that_the_data_does_not_show_is_found_and_shown() {
    let bench = Bench::new().await;
    for backend in ["local", "template"] {
        let said = bench.same(backend, NOT_IN, NOT_EXISTS);
        said.ended(3);
        assert!(said.stdout.starts_with("different\nwith some: on a small database: "), "{}", said.stdout);
        assert!(said.stdout.contains("NULL"), "the row that makes the difference: {}", said.stdout);
        let report = bench.report();
        assert_eq!(report["answers"], "differs");
        assert_eq!(report["source"]["database"], "postgres");
        assert!(report["checks"][0]["counterexample"].as_str().unwrap().contains("blocked"));
    }
    assert_eq!(bench.server.text("postgres", "SELECT count(*)::text FROM blocked").await, "167");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_the_same_rests_on_data_and_on_tiny_databases() {
    let bench = Bench::new().await;
    let never_null = NOT_IN.replace("FROM blocked", "FROM blocked WHERE person IS NOT NULL");
    let said = bench.same("local", &never_null, NOT_EXISTS);
    said.ended(0);
    assert!(said.stdout.starts_with("same: 2 parameter sets compared on your data, "), "{}", said.stdout);
    assert!(said.stdout.ends_with("not refuted by 1000 databases\n"), "{}", said.stdout);
    assert_eq!(bench.report()["checks"].as_array().unwrap().len(), 2);

    let said =
        bench.same("local", "SELECT id, random() AS luck FROM people", "SELECT id, 0.5 AS luck FROM people");
    said.ended(4);
    assert!(said.stdout.contains("calls volatile functions: random"), "{}", said.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_queries_are_named_with_their_file_and_place() {
    let bench = Bench::new().await;
    let good = "SELECT id FROM people";
    let cases = [
        (good, "SELECT id\nFROM poeple", "after.sql:2:6: "),
        ("SELECT idd FROM people", good, "before.sql:1:8: "),
        (good, "DELETE FROM people", "after.sql:1:1: this statement changes data"),
        (good, "SELECT 1; SELECT 2", "this one has 2 statements (file: "),
        (NOT_IN, good, "takes 0 parameters"),
    ];
    for (before, after, words) in cases {
        bench.same("local", before, after).ended(2).explained(&[words]);
    }
}
