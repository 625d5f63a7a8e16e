//! Stopped in the middle: by Ctrl-C, by SIGTERM, by SIGKILL.

#![allow(clippy::unwrap_used)]

mod support;

use std::process::Child;
use std::time::{Duration, Instant};

use pgverse_testkit::TestServer;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use support::Home;

const DEMO: [&str; 5] = ["demo", "--scale", "0.02", "--agents", "index,schema"];

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// Waits until at least one fork has a lease, which is written before anything else of it.
fn wait_for_a_fork(home: &Home, child: &mut Child) {
    let begin = Instant::now();
    while std::fs::read_dir(home.path().join("forks")).map_or(0, Iterator::count) == 0 {
        assert!(child.try_wait().unwrap().is_none(), "the demo ended before it forked");
        assert!(begin.elapsed() < Duration::from_secs(120), "the demo forks");
        std::thread::yield_now();
    }
}

#[test]
fn a_signal_ends_the_run_and_leaves_nothing() {
    let home = Home::new();
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut child = home.start(DEMO);
        wait_for_a_fork(&home, &mut child);
        // Ctrl-C reaches the whole process group, as from a terminal.
        if signal == Signal::INT {
            kill_process_group(pid(&child), signal).unwrap();
        } else {
            kill_process(pid(&child), signal).unwrap();
        }
        assert_eq!(child.wait().unwrap().code(), Some(code));
        home.assert_nothing_left("without a sweep");
    }
}

/// Interrupts the command at several moments after it has begun to build a golden image, each in a new home.
fn interrupt_while_it_builds(args: &[&str], what: &str) {
    for milliseconds in [0, 100, 250, 500, 900, 1400] {
        let home = Home::new();
        let mut child = home.start(args);
        let begin = Instant::now();
        while home.passing_images().is_empty() {
            assert!(child.try_wait().unwrap().is_none(), "{what}: it ended before it built the golden image");
            assert!(begin.elapsed() < Duration::from_secs(120), "{what}: the golden image is begun");
            std::thread::yield_now();
        }
        std::thread::sleep(Duration::from_millis(milliseconds));
        kill_process_group(pid(&child), Signal::INT).unwrap();
        let when = format!("{what}, {milliseconds} ms into the golden image");
        assert_eq!(child.wait().unwrap().code(), Some(130), "{when}");
        home.assert_nothing_left(&when);
        assert_eq!(home.passing_images(), [""; 0], "{when}: no image is left");
    }
}

#[test]
fn a_signal_while_the_demo_is_built_leaves_nothing() {
    interrupt_while_it_builds(&["demo", "--scale", "0.1", "--agents", "index"], "initdb and script");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_while_a_server_is_copied_leaves_nothing() {
    let server = TestServer::start().await;
    let rows =
        "CREATE TABLE wide AS SELECT i AS id, repeat('x', 200) AS note FROM generate_series(1, 400000) AS i";
    server.sql("postgres", rows).await;
    let files = Home::new();
    let workload = files.write("w.sql", "SELECT count(*) FROM wide;");
    let source = server.dsn("postgres").to_string();
    let args =
        ["compete", "--source", &source, "--workload", workload.to_str().unwrap(), "--agents", "index"];
    tokio::task::block_in_place(|| interrupt_while_it_builds(&args, "pg_basebackup"));
    // A table that a physical copy would leave empty.
    server.sql("postgres", "CREATE UNLOGGED TABLE fleeting AS SELECT 1 AS x").await;
    tokio::task::block_in_place(|| interrupt_while_it_builds(&args, "pg_dump"));
    let sessions = "SELECT count(*)::text FROM pg_stat_activity WHERE backend_type IN ('walsender')";
    assert_eq!(server.text("postgres", sessions).await, "0", "nobody still copies");
}

#[test]
fn what_a_killed_run_leaves_is_swept() {
    let home = Home::new();
    // How long a whole run takes here, so that the moments fall all over it; the first run also builds the
    // golden image.
    let begin = Instant::now();
    home.run(DEMO);
    let whole = begin.elapsed();
    for moment in 1..=5 {
        let mut child = home.start(DEMO);
        std::thread::sleep(whole * moment / 6);
        child.kill().unwrap();
        child.wait().unwrap();
        home.run(["fork", "sweep"]).ended(0);
        home.assert_nothing_left(&format!("killed at {moment}/6 of {whole:?}"));
    }
    let golden = home.path().join("golden");
    std::fs::remove_dir_all(&golden).unwrap();
    // In the middle of building the golden image.
    let mut child = home.start(DEMO);
    let begin = Instant::now();
    while std::fs::read_dir(&golden).map_or(0, Iterator::count) == 0 {
        assert!(child.try_wait().unwrap().is_none(), "the demo ended before it built the golden image");
        assert!(begin.elapsed() < Duration::from_secs(120), "the golden image is begun");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    home.run(["fork", "sweep"]).ended(0);
    home.assert_nothing_left("killed while the golden image was built");
}
