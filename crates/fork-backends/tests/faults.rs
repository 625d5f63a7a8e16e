//! Owners that are killed at random moments of building, forking and destroying: after one sweep nothing is left, and
//! what is kept is whole. `PGVERSE_TEST_SEED` repeats a run; the seed is printed with a failure.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod place;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pgverse_core::pg::{Dsn, Session};
use pgverse_core::traits::ForkBackend;
use pgverse_core::{Context, ErrorKind};
use pgverse_fork_backends::local::{GoldenSource, LocalBackend, LocalConfig, Mechanism};
use pgverse_fork_backends::template::{TemplateBackend, TemplateConfig};
use pgverse_testkit::{TestServer, shop};
use place::Place;
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Moments at which an owner is killed, in each test; `PGVERSE_TEST_MOMENTS` for more.
const MOMENTS: usize = 20;
/// Tells the owner process what to do; the others whereupon.
const TASK: &str = "PGVERSE_TEST_TASK";
const HOME: &str = "PGVERSE_TEST_HOME";
const SOURCE: &str = "PGVERSE_TEST_SOURCE";
const ROUND: &str = "PGVERSE_TEST_ROUND";

fn random() -> StdRng {
    let seed = std::env::var("PGVERSE_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(rand::random::<u64>);
    println!("PGVERSE_TEST_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

fn moments() -> usize {
    std::env::var("PGVERSE_TEST_MOMENTS").ok().and_then(|number| number.parse().ok()).unwrap_or(MOMENTS)
}

/// Starts the owner process on this task.
fn owner(task: &str, home: &Path, source: &Dsn, round: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "owner_process", "--ignored", "--nocapture"])
        .env(TASK, task)
        .env(HOME, home)
        .env(
            SOURCE,
            format!(
                "host={} port={} user={} dbname={}",
                source.host(),
                source.port(),
                source.user(),
                source.database()
            ),
        )
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// How long the owner takes from its start to the end of its first fork, and kills it then.
fn whole(mut owner: Child) -> Duration {
    let begin = Instant::now();
    let output = BufReader::new(owner.stdout.take().unwrap());
    output.lines().map(Result::unwrap).find(|line| line.contains("ROUND")).expect("the owner gets through");
    let time = begin.elapsed();
    kill(owner);
    time
}

fn kill(mut owner: Child) {
    owner.kill().unwrap();
    owner.wait().unwrap();
}

/// Kills an owner of each task in turn at random moments.
async fn kill_at_random_moments(
    tasks: &[&str],
    start: impl Fn(&str, usize) -> Child,
    check: impl AsyncFn(&str),
) {
    let mut random = random();
    let mut times = Vec::new();
    for task in tasks {
        let owner = start(task, moments());
        // Not on this thread, which also has to close the sessions of the test.
        times.push(tokio::task::spawn_blocking(|| whole(owner)).await.unwrap());
        check("killed after a whole round").await;
    }
    for round in 0..moments() {
        let (task, time) = (tasks[round % tasks.len()], times[round % tasks.len()]);
        // By turns while it prepares, and while it forks and destroys.
        let after = match (round / tasks.len()) % 2 {
            0 => time.mul_f64(random.random_range(0.0..1.0)),
            _ => time + Duration::from_millis(random.random_range(0..500)),
        };
        let owner = start(task, round);
        // The moment itself, not a wait for something.
        tokio::time::sleep(after).await;
        kill(owner);
        println!("{task} {round}: killed after {after:?} of {time:?}");
        check(&format!("{task} {round}, {after:?} of {time:?}")).await;
    }
}

/// Fails unless everything that PostgreSQL's own amcheck looks at in this database is right.
async fn assert_whole(session: &Session) {
    let sql = "CREATE EXTENSION IF NOT EXISTS amcheck; \
        DO $$ DECLARE what regclass; bad text; BEGIN \
        FOR what IN SELECT indexrelid FROM pg_index JOIN pg_class c ON c.oid = indexrelid JOIN pg_am a ON a.oid = relam \
            WHERE amname = 'btree' AND relpersistence = 'p' LOOP PERFORM bt_index_parent_check(what, true, true); END LOOP; \
        FOR what IN SELECT oid FROM pg_class WHERE relkind IN ('r', 'm', 't') AND relpersistence = 'p' LOOP \
            SELECT string_agg(msg, '; ') INTO bad FROM verify_heapam(what); \
            IF bad IS NOT NULL THEN RAISE EXCEPTION '% is corrupt: %', what, bad; END IF; END LOOP; END $$";
    session.batch(&Context::new(), sql).await.unwrap();
}

/// Images from scripts, from `pg_basebackup`, of which one is kept and refreshed, and from `pg_dump`, with forks of them.
#[tokio::test]
async fn a_killed_owner_of_local_forks_leaves_nothing_and_whole_images() {
    let Some(place) = Place::on("xfs", &["-q", "-m", "reflink=1"], 2 << 30) else { return };
    let settings = pgverse_fork_backends::shared::Settings::default().with("max_wal_senders", "4");
    let server = TestServer::with_settings(&settings).await;
    shop::create(&server, "shop").await;
    server.sql("shop", "TRUNCATE app.visits; CREATE ROLE app LOGIN; GRANT pg_read_all_data TO app; GRANT SELECT ON LARGE OBJECT 4711 TO app").await;
    let contents = shop::contents(&server.session("shop").await).await;
    let source = |task: &str| server.dsn_as(if task == "logical" { "app" } else { "postgres" }, "shop");
    let start = |task: &str, round: usize| owner(task, place.path(), &source(task), round);
    let check = async |when: &str| {
        let cx = Context::new();
        let sweeper = LocalBackend::new(LocalConfig { golden: None, ..place.config(None) }).unwrap();
        sweeper.sweep(&cx).await.unwrap_or_else(|error| panic!("{when}: {error}"));
        place.assert_clean();
        let images = place.entries("golden");
        assert!(!images.iter().any(|name| name.starts_with("run")), "{when}: {images:?}");
        // What is kept can be forked, and is whole.
        if images.iter().any(|name| name.starts_with("kept") && !name.ends_with(".lock")) {
            let kept = local("kept", place.path().into(), source("physical"), 0);
            let fork = kept.fork(&cx).await.unwrap_or_else(|error| panic!("{when}: {error}"));
            let session =
                Session::connect(&cx, &kept.dsn(&cx, &fork.id).await.unwrap(), "test").await.unwrap();
            assert_eq!(shop::contents(&session).await, contents, "{when}");
            assert_whole(&session).await;
            drop(session);
            kept.destroy(&cx, &fork.id).await.unwrap();
        }
        place.assert_clean();
    };
    kill_at_random_moments(&["script", "physical", "logical"], start, check).await;
    assert_eq!(shop::contents(&server.session("shop").await).await, contents, "the source is as it was");
}

/// Forks as databases, also by way of a dedicated copy.
#[tokio::test]
async fn a_killed_owner_of_databases_leaves_none() {
    let place = Place::new();
    let server = TestServer::start().await;
    shop::create(&server, "shop").await;
    let contents = shop::contents(&server.session("shop").await).await;
    let start = |task: &str, round: usize| owner(task, place.path(), &server.dsn("shop"), round);
    let check = async |when: &str| {
        let sweeper = database("template", place.path().into(), server.dsn("shop"));
        sweeper.sweep(&Context::new()).await.unwrap_or_else(|error| panic!("{when}: {error}"));
        // A dedicated copy has a lease of its own that lasts; it is whole or is not there.
        let sql =
            "SELECT coalesce(string_agg(datname, ' '), '') FROM pg_database WHERE datname LIKE 'pgverse%'";
        for left in server.text("postgres", sql).await.split_whitespace() {
            assert!(left.starts_with("pgverse_fork_copy"), "{when}: {left}");
            server.sql("postgres", &format!("ALTER DATABASE {left} ALLOW_CONNECTIONS true")).await;
            let session = server.session(left).await;
            assert_eq!(relations(shop::contents(&session).await), relations(contents.clone()), "{when}");
            assert_whole(&session).await;
            drop(session);
            sweeper.destroy(&Context::new(), &left.into()).await.unwrap();
        }
        assert_eq!(place.entries("leases"), [""; 0], "{when}");
    };
    kill_at_random_moments(&["template", "copy"], start, check).await;
    let session = server.session("shop").await;
    assert_eq!(shop::contents(&session).await, contents, "the source is as it was");
}

/// What the tables and sequences hold. Settings of the source are those of the forks, not of the copy.
fn relations(mut contents: Vec<String>) -> Vec<String> {
    contents.retain(|fact| fact.starts_with("relation"));
    contents
}

/// A fork that fills the disk that all share says so, and goes; the image and the next fork are whole.
#[tokio::test]
async fn a_fork_that_fills_the_disk_is_told_so_and_goes() {
    let Some(place) = Place::on("xfs", &["-q", "-m", "reflink=1"], 400 << 20) else { return };
    let cx = Context::new();
    for mechanism in [Mechanism::Overlayfs, Mechanism::Reflink] {
        let backend = place.backend(Some(mechanism));
        let fork = backend.fork(&cx).await.unwrap();
        let session =
            Session::connect(&cx, &backend.dsn(&cx, &fork.id).await.unwrap(), "test").await.unwrap();
        let too_much =
            "CREATE TABLE big AS SELECT repeat(md5(n::text), 40) AS x FROM generate_series(1, 1000000) n";
        let error = session.batch(&cx, too_much).await.unwrap_err();
        // The server ends if it was the write-ahead log that found no room.
        assert!([ErrorKind::Disk, ErrorKind::Connection].contains(&error.kind()), "{error}");
        drop(session);
        backend.destroy(&cx, &fork.id).await.unwrap();
        place.assert_clean();
        let next = backend.fork(&cx).await.unwrap();
        let session =
            Session::connect(&cx, &backend.dsn(&cx, &next.id).await.unwrap(), "test").await.unwrap();
        assert_eq!(session.text(&cx, "SELECT count(*)::text FROM t", &[]).await.unwrap(), "20000");
        assert_whole(&session).await;
        drop(session);
        backend.destroy(&cx, &next.id).await.unwrap();
    }
    place.assert_clean();
}

fn local(task: &str, home: PathBuf, source: Dsn, round: usize) -> LocalBackend {
    let golden = match task {
        "script" => {
            let GoldenSource::Script { name, mut sql } = place::script() else { unreachable!() };
            // Another script in each round, so that each builds an image.
            sql.push(format!("SELECT {round}"));
            GoldenSource::Script { name, sql }
        }
        _ => GoldenSource::Server(source),
    };
    LocalBackend::new(LocalConfig {
        home: Some(home),
        mechanism: Some(Mechanism::Overlayfs),
        keep_golden: ["physical", "kept"].contains(&task),
        // So that each owner copies the server, beside the image that is kept.
        refresh: task == "physical",
        ..LocalConfig::new(golden)
    })
    .unwrap()
}

fn database(task: &str, home: PathBuf, source: Dsn) -> TemplateBackend {
    let wait = Some(Duration::from_secs(60));
    let copy = task == "copy";
    TemplateBackend::new(TemplateConfig { home: Some(home), wait, copy, ..TemplateConfig::new(source) })
        .unwrap()
}

/// Not a test: the process that is killed. It forks and destroys without an end.
#[tokio::test]
#[ignore = "started by other tests, which kill it"]
async fn owner_process() {
    let variable = |name: &str| std::env::var(name).unwrap();
    let (task, home, source) =
        (variable(TASK), variable(HOME).into(), Dsn::parse(&variable(SOURCE)).unwrap());
    let backend: Box<dyn ForkBackend> = match task.as_str() {
        "template" | "copy" => Box::new(database(&task, home, source)),
        task => Box::new(local(task, home, source, variable(ROUND).parse().unwrap())),
    };
    let cx = Context::new();
    backend.prepare(&cx).await.unwrap();
    loop {
        let fork = backend.fork(&cx).await.unwrap();
        backend.destroy(&cx, &fork.id).await.unwrap();
        println!("ROUND");
    }
}
