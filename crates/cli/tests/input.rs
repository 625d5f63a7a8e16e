//! Wrong input: each a clear message with the place and the way out, and nothing left behind.

#![allow(clippy::unwrap_used)]

mod support;

use std::process::Command;

use pgverse_testkit::{TestServer, shop};
use support::{Home, misfits};

const SELECT_ONE: &str = "SELECT 1;";

fn compete<'a>(source: &'a str, workload: &'a std::path::Path) -> Vec<&'a str> {
    vec!["compete", "--source", source, "--workload", workload.to_str().unwrap()]
}

#[test]
fn no_server_at_the_url() {
    let home = Home::new();
    let workload = home.write("w.sql", SELECT_ONE);
    // Port 1 is reserved; nobody listens there.
    for backend in ["local", "template"] {
        let mut args = compete("postgresql://me@127.0.0.1:1/shop", &workload);
        args.extend(["--backend", backend]);
        home.run(args).ended(1).explained(&["127.0.0.1", "1"]);
        home.assert_nothing_left(backend);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_and_not_shown() {
    let server = TestServer::with_password("right").await;
    let home = Home::new();
    let workload = home.write("w.sql", SELECT_ONE);
    let url = server.tcp_url("postgres").replace("@", ":wr0ng@");
    for backend in ["local", "template"] {
        let mut args = compete(&url, &workload);
        args.extend(["--backend", backend]);
        let said = home.run(args);
        said.ended(1).explained(&["password"]);
        assert!(!said.stderr.contains("wr0ng"), "{said:#?}");
        home.assert_nothing_left(backend);
    }
}

#[test]
fn wrong_files_and_options() {
    let home = Home::new();
    let empty = home.write("empty.sql", "-- nothing but a comment\n\n");
    let wrong = home.write("wrong.sql", "SELECT 1;\n\nSELEKT 2;\n");
    let url = "postgresql://me@127.0.0.1:1/shop";
    home.run(compete(url, &empty)).ended(2).explained(&["empty.sql", "no statements"]);
    home.run(compete(url, &wrong)).ended(2).explained(&["wrong.sql:3"]);
    home.run(compete(url, &home.file("missing.sql"))).ended(2);
    home.run(compete("postgresql://me@host:port/shop", &wrong)).ended(2);
    // What chooses from pg_stat_statements chooses from nothing else.
    let good = home.write("good.sql", SELECT_ONE);
    home.run(["workload", "--file", good.to_str().unwrap()]).ended(0);
    for filter in ["--table", "--user", "--problem"] {
        home.run(["workload", "--file", good.to_str().unwrap(), filter, "x"]).ended(2);
    }
    home.run(["demo", "--agents", "oracle"]).ended(2).explained(&["oracle"]);
    home.run(["demo", "--backend", "zfs"]).ended(2).explained(&["zfs"]);
    home.run(["demo", "--scale", "0"]).ended(2).explained(&["scale: 0"]);
    home.run(["demo", "--json", "/no/such/folder/r.json"]).ended(2).explained(&["/no/such/folder"]);
    home.run(["demo", "--price-fork-hour=nan"]).ended(2);
    home.run(["demo", "--parallel", "2", "--sequential"]).ended(2);
    home.run(["judge", wrong.to_str().unwrap()]).ended(2).explained(&["wrong.sql"]);
    home.run(["fork", "destroy", "pgverse_fork_nobody"]).ended(2).explained(&["pgverse_fork_nobody"]);
    home.assert_nothing_left("after wrong input");
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_that_the_server_refuses_are_named_with_their_place() {
    let server = TestServer::start().await;
    shop::create(&server, "shop").await;
    let home = Home::new();
    let source = server.dsn("shop").to_string();
    for (name, text, words) in [
        (
            "table.sql",
            "SELECT 1;\n\n-- name: lookup\nSELECT *\nFROM nowhere;\n",
            ["table.sql:5:6", "lookup", "nowhere"],
        ),
        (
            "syntax.sql",
            "SELECT 1;\nSELECT 2;\nSELECT FROM WHERE;\n",
            ["syntax.sql:3", "syntax error", "WHERE"],
        ),
        (
            "column.sql",
            "SELECT total\n  , nothing FROM app.orders;\n",
            ["column.sql:2:5", "nothing", "does not exist"],
        ),
    ] {
        let workload = home.write(name, text);
        for backend in ["local", "template"] {
            let mut args = compete(&source, &workload);
            args.extend(["--backend", backend]);
            home.run(args).ended(2).explained(&words);
            home.assert_nothing_left(name);
        }
    }
    assert_eq!(
        server.text("postgres", "SELECT count(*)::text FROM pg_database WHERE datname ~ 'pgverse'").await,
        "0"
    );
}

/// A disk of 60 MB on the home.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    /// Mounts it, or tells that this cannot be tested here.
    fn on(home: &Home) -> Option<Self> {
        std::fs::create_dir(home.path()).unwrap();
        let mount = ["-t", "tmpfs", "-o", "size=60m,mode=755", "none"];
        let mounted = Command::new("mount").args(mount).arg(home.path()).output().unwrap();
        if mounted.status.success() {
            return Some(Self(home.path()));
        }
        assert!(std::env::var_os("CI").is_none(), "{}", String::from_utf8_lossy(&mounted.stderr));
        #[allow(clippy::print_stderr)] // Not silently.
        {
            eprintln!("NOT TESTED: a disk that is too small; mounting one needs root");
        }
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_too_small_is_told_with_what_is_needed() {
    let home = Home::new();
    let Some(_disk) = SmallDisk::on(&home) else { return };
    let server = TestServer::start().await;
    shop::create(&server, "shop").await;
    let (source, workload) = (server.dsn("shop").to_string(), home.write("w.sql", SELECT_ONE));
    for arguments in [compete(&source, &workload), vec!["demo"]] {
        let said = home.run(&arguments);
        said.ended(1).explained(&["not enough disk space", "needed", "free"]);
        for folder in ["forks", "leases", "golden"] {
            let left = std::fs::read_dir(home.path().join(folder))
                .map_or(0, |entries| entries.flatten().filter(|e| e.path().is_dir()).count());
            assert_eq!(left, 0, "{arguments:?}: {folder}");
        }
    }
}

#[test]
fn the_schema_of_workload_files_admits_what_is_read() {
    let schema = include_str!("../../../schema/workload.schema.json");
    let written = pgverse::workload::parse("-- params a: 1, NULL\nSELECT $1, $2;", "w.sql").unwrap();
    let written = serde_json::to_string(&written).unwrap();
    for (text, good) in [
        (r#"[{"sql": "SELECT 1"}]"#, true),
        (
            r#"[{"id": "a", "sql": "SELECT $1, $2", "weight": 2, "kind": "read", "parameter_sets": {"x": [1, null]}}]"#,
            true,
        ),
        (
            r#"[{"sql": "SELECT $1", "parameter_sets": {"x": {"values": [true], "weight": 9}, "y": ["a"]}}]"#,
            true,
        ),
        (r#"{"statements": [{"sql": "SELECT 1", "parameter_sets": null}]}"#, true),
        (&written, true),
        (r#"[{"id": "a"}]"#, false),
        (r#"[{"sql": "SELECT 1", "wieght": 2}]"#, false),
        (r#"[{"sql": "SELECT 1", "weight": 0}]"#, false),
        (r#"[{"sql": "SELECT $1", "parameter_sets": {"x": [[1]]}}]"#, false),
        (r#"[{"sql": "SELECT $1", "parameter_sets": {"x": {"values": [1], "wieght": 9}}}]"#, false),
        (r#"{"statement": []}"#, false),
    ] {
        let misfits = misfits(schema, &serde_json::from_str(text).unwrap());
        assert_eq!(misfits.is_empty(), good, "{text}: {misfits:?}");
        assert_eq!(pgverse::workload::parse(text, "w.json").is_ok(), good, "{text}");
    }
}
