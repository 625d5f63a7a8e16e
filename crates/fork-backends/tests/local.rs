//! The local backend on real file systems: isolation, honest costs, nothing left behind.

#![allow(clippy::unwrap_used)]

mod place;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use pgverse_core::pg::Session;
use pgverse_core::traits::ForkBackend;
use pgverse_core::types::Universe;
use pgverse_core::{Context, ErrorKind, Event};
use pgverse_fork_backends::local::{GoldenSource, LocalBackend, LocalConfig, Mechanism};
use pgverse_fork_backends::shared::lease::Terms;
use place::Place;

async fn session(cx: &Context, backend: &LocalBackend, fork: &Universe) -> Session {
    let dsn = backend.dsn(cx, &fork.id).await.unwrap();
    Session::connect(cx, &dsn, "test").await.unwrap()
}

async fn count(cx: &Context, session: &Session) -> String {
    session.text(cx, "SELECT count(*)::text FROM t", &[]).await.unwrap()
}

/// Two forks are apart from each other and from the golden image; costs and names are right; all goes.
async fn forks_are_apart(place: &Place, wanted: Option<Mechanism>, expected: Mechanism) {
    let cx = Context::new();
    let shares_blocks = place.backend(Some(Mechanism::Reflink)).mechanism().is_ok();
    let backend = place.backend(wanted);
    assert_eq!(backend.mechanism().unwrap(), expected);
    assert_eq!(backend.capability().copy_on_write, expected != Mechanism::Copy);
    backend.prepare(&cx).await.unwrap();
    backend.prepare(&cx).await.unwrap();

    let (one, two) = tokio::join!(backend.fork(&cx), backend.fork(&cx));
    let (one, two) = (one.unwrap(), two.unwrap());
    for fork in [&one, &two] {
        assert_eq!((fork.backend.as_str(), fork.mechanism.as_str()), ("local", expected.as_str()));
        assert!(fork.cost.seconds > 0.0);
        assert!(fork.cost.full_bytes > 20_000_000, "{:?}", fork.cost);
        let share = fork.cost.bytes as f64 / fork.cost.full_bytes as f64;
        match expected {
            // Pages of zeros, WAL made ready, stay holes.
            Mechanism::Copy => assert!((0.8..1.1).contains(&share), "{:?}", fork.cost),
            // Without reflink the start alone copies files up.
            Mechanism::Overlayfs if !shares_blocks => assert!((0.1..0.9).contains(&share), "{:?}", fork.cost),
            _ => assert!(share < 0.1, "{:?}", fork.cost),
        }
    }
    let mut listed: Vec<_> = backend.list(&cx).await.unwrap().into_iter().map(|u| (u.id, u.cost)).collect();
    let mut made = vec![(one.id.clone(), one.cost), (two.id.clone(), two.cost)];
    listed.sort_by(|a, b| a.0.cmp(&b.0));
    made.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(listed, made);

    let (first, second) = (session(&cx, &backend, &one).await, session(&cx, &backend, &two).await);
    first.batch(&cx, "DELETE FROM t WHERE id <= 5000; CHECKPOINT").await.unwrap();
    second.batch(&cx, "TRUNCATE t; CREATE TABLE mine (); CHECKPOINT").await.unwrap();
    assert_eq!(count(&cx, &first).await, "15000");
    assert_eq!(count(&cx, &second).await, "0");
    assert_eq!(first.text(&cx, "SHOW wal_level", &[]).await.unwrap(), "replica");
    assert_eq!(first.text(&cx, "SELECT current_user::text", &[]).await.unwrap(), "postgres");

    let third = backend.fork(&cx).await.unwrap();
    let untouched = session(&cx, &backend, &third).await;
    assert_eq!(count(&cx, &untouched).await, "20000");
    untouched.batch(&cx, "SELECT * FROM \"Mixed Case\"").await.unwrap();

    for fork in [&one, &two, &third, &one] {
        backend.destroy(&cx, &fork.id).await.unwrap();
    }
    assert_eq!(backend.dsn(&cx, &one.id).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(backend.list(&cx).await.unwrap().is_empty());
    place.assert_clean();
}

#[tokio::test]
async fn copies_are_apart() {
    forks_are_apart(&Place::new(), Some(Mechanism::Copy), Mechanism::Copy).await;
}

#[tokio::test]
async fn xfs_shares_blocks() {
    let Some(place) = Place::on("xfs", &["-q", "-m", "reflink=1"], 1 << 30) else { return };
    forks_are_apart(&place, None, Mechanism::Overlayfs).await;
    forks_are_apart(&place, Some(Mechanism::Reflink), Mechanism::Reflink).await;
    forks_are_apart(&place, Some(Mechanism::Copy), Mechanism::Copy).await;
}

#[tokio::test]
async fn btrfs_takes_snapshots() {
    let Some(place) = Place::on("btrfs", &["-q"], 1 << 30) else { return };
    forks_are_apart(&place, None, Mechanism::BtrfsSnapshot).await;
    forks_are_apart(&place, Some(Mechanism::Reflink), Mechanism::Reflink).await;
}

#[tokio::test]
async fn without_copy_on_write_it_says_so() {
    let Some(place) = Place::on("ext4", &["-q"], 1 << 30) else { return };
    forks_are_apart(&place, None, Mechanism::Copy).await;
    forks_are_apart(&place, Some(Mechanism::Overlayfs), Mechanism::Overlayfs).await;
    let cx = Context::new();
    place.backend(None).prepare(&cx).await.unwrap();
    let said = format!("{:?}", cx.events().history());
    assert!(said.contains("full copies") && said.contains("reflink"), "{said}");

    let error = place.backend(Some(Mechanism::Reflink)).prepare(&cx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("share blocks"), "{error}");
}

#[tokio::test]
async fn a_full_disk_is_told_and_nothing_stays() {
    let Some(place) = Place::on("ext4", &["-q"], 300 << 20) else { return };
    let cx = Context::new();
    let too_much = "CREATE TABLE t AS SELECT repeat(md5(n::text), 40) AS x FROM generate_series(1, 500000) n";
    let golden = GoldenSource::Script { name: "big".into(), sql: vec![too_much.into()] };
    let backend = LocalBackend::new(LocalConfig { golden: Some(golden), ..place.config(None) }).unwrap();
    let error = backend.prepare(&cx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disk, "{error}");
    place.assert_clean();

    let backend = place.backend(None);
    backend.prepare(&cx).await.unwrap();
    let mut made = Vec::new();
    let error = loop {
        match backend.fork(&cx).await {
            Ok(fork) => made.push(fork),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Disk, "{error}");
    assert_eq!(place.entries("forks").len(), made.len());
    for fork in made {
        backend.destroy(&cx, &fork.id).await.unwrap();
    }
    place.assert_clean();
}

#[tokio::test]
async fn a_golden_image_is_built_once_and_again_when_its_script_changes() {
    let (cx, place) = (Context::new(), Place::new());
    let built = |cx: &Context| {
        let is_build = |e: &Event| matches!(e, Event::Preparing { what } if what.contains("building"));
        cx.events().history().iter().filter(|e| is_build(e)).count()
    };
    let (one, two) = (place.backend(None), place.backend(None));
    let (first, second) = tokio::join!(one.prepare(&cx), two.prepare(&cx));
    first.and(second).unwrap();
    assert_eq!(built(&cx), 1, "{:?}", cx.events().history());

    let changed = GoldenSource::Script { name: "shop".into(), sql: vec!["CREATE TABLE t ()".into()] };
    let changed = LocalBackend::new(LocalConfig { golden: Some(changed), ..place.config(None) }).unwrap();
    changed.prepare(&cx).await.unwrap();
    assert_eq!(built(&cx), 2);
    let images = || place.entries("golden").into_iter().filter(|name| !name.ends_with(".lock")).count();
    assert_eq!(images(), 2, "the old image is in use");
    drop((one, two, changed));
    let other = GoldenSource::Script { name: "shop".into(), sql: vec![] };
    LocalBackend::new(LocalConfig { golden: Some(other), ..place.config(None) })
        .unwrap()
        .prepare(&cx)
        .await
        .unwrap();
    assert_eq!(images(), 1);

    let wrong = GoldenSource::Script { name: "shop".into(), sql: vec!["SELECT 1".into(), "SELEC 1".into()] };
    let wrong = LocalBackend::new(LocalConfig { golden: Some(wrong), ..place.config(None) }).unwrap();
    let error = wrong.prepare(&cx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Sql);
    assert!(error.context().contains(&("script", "2".to_owned())), "{error}");
    place.assert_clean();
}

#[tokio::test]
async fn a_cancelled_or_forgotten_fork_leaves_nothing() {
    let (cx, place) = (Context::new(), Place::new());
    let backend = place.backend(Some(Mechanism::Copy));
    backend.prepare(&cx).await.unwrap();

    let one = cx.child();
    let (forked, ()) = tokio::join!(backend.fork(&one), async {
        while place.entries("leases").is_empty() {
            tokio::task::yield_now().await;
        }
        one.cancellation().cancel();
    });
    assert_eq!(forked.unwrap_err().kind(), ErrorKind::Cancelled);
    place.assert_clean();

    // Forgotten at every stage: as soon as the lease, the directory, the data, the server are there.
    for stage in ["leases", "forks"] {
        tokio::select! {
            _ = backend.fork(&cx) => panic!("too fast to forget"),
            () = async {
                while place.entries(stage).is_empty() {
                    tokio::task::yield_now().await;
                }
            } => {}
        }
        while !place.entries("leases").is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        place.assert_clean();
    }
}

#[tokio::test]
async fn a_dead_owner_is_swept_and_a_live_one_is_not() {
    let (cx, place) = (Context::new(), Place::new());
    let backend = place.backend(Some(Mechanism::Copy));
    backend.prepare(&cx).await.unwrap();
    let mine = backend.fork(&cx).await.unwrap();
    for stage in ["forked", "building", "forking"] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "helper_that_is_killed", "--ignored", "--nocapture"])
            .env("PGVERSE_TEST_STAGE", stage)
            .env("PGVERSE_TEST_HOME", place.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let ready = out.lines().map(Result::unwrap).find(|line| line.contains("READY")).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        if stage == "forked" {
            assert_eq!(backend.list(&cx).await.unwrap().len(), 2);
        }
        let swept = backend.sweep(&cx).await.unwrap();
        assert_eq!(swept.len(), usize::from(stage != "building"), "{stage}: {ready}");
        assert_eq!(backend.list(&cx).await.unwrap(), vec![mine.clone()]);
        assert_eq!(place.entries("forks"), [mine.id.as_str()]);
        assert!(!place.entries("golden").iter().any(|name| name.starts_with("build")));
    }
    assert_eq!(count(&cx, &session(&cx, &backend, &mine).await).await, "20000");
    backend.destroy(&cx, &mine.id).await.unwrap();
    place.assert_clean();
}

/// Not a test of its own: the process that `a_dead_owner_is_swept_and_a_live_one_is_not` kills.
#[tokio::test]
#[ignore = "started by another test"]
async fn helper_that_is_killed() {
    let cx = Context::new();
    let home: std::path::PathBuf = std::env::var_os("PGVERSE_TEST_HOME").unwrap().into();
    let mut config = LocalConfig { home: Some(home.clone()), ..LocalConfig::new(place::script()) };
    config.mechanism = Some(Mechanism::Copy);
    let stage = std::env::var("PGVERSE_TEST_STAGE").unwrap();
    if stage == "building" {
        let sql = vec!["SELECT pg_sleep(3600)".to_owned()];
        config.golden = Some(GoldenSource::Script { name: "slow".into(), sql });
    }
    let backend = LocalBackend::new(config).unwrap();
    let has = |part: &str, test: &dyn Fn(&str) -> bool| {
        let entries = std::fs::read_dir(home.join(part)).unwrap();
        entries.flatten().any(|e| test(&e.path().to_string_lossy()))
    };
    let reached = async {
        match stage.as_str() {
            "forked" => drop(backend.fork(&cx).await.unwrap()),
            "building" => {
                let runs = |d: &str| std::path::Path::new(d).join("data/postmaster.pid").exists();
                while !has("golden", &runs) {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
            _ => {
                let me = format!("\"pid\": {},", std::process::id());
                let mine = |f: &str| std::fs::read_to_string(f).is_ok_and(|text| text.contains(&me));
                while !has("leases", &mine) {
                    tokio::task::yield_now().await;
                }
            }
        }
        println!("READY {stage}");
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = reached => {}
        _ = async { backend.prepare(&cx).await?; backend.fork(&cx).await?; std::future::pending::<pgverse_core::Result<()>>().await }, if stage != "forked" => {}
    }
}

#[tokio::test]
async fn a_detached_fork_lives_until_its_lease_ends_and_use_renews_it() {
    let (cx, place) = (Context::new(), Place::new());
    let terms = Terms { ttl: Duration::from_secs(1), detached: true };
    let backend = LocalBackend::new(LocalConfig { terms, ..place.config(None) }).unwrap();
    backend.prepare(&cx).await.unwrap();
    let fork = backend.fork(&cx).await.unwrap();
    assert_eq!(fork.owner, "detached");
    backend.dsn(&cx, &fork.id).await.unwrap();
    let renewed = backend.list(&cx).await.unwrap().remove(0);
    assert!(renewed.expires > fork.expires);
    // Another backend, as another process would have it, sweeps it once it is over.
    let other = LocalBackend::new(LocalConfig { golden: None, ..place.config(None) }).unwrap();
    let swept = loop {
        let swept = other.sweep(&cx).await.unwrap();
        if !swept.is_empty() {
            break swept;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(swept, std::slice::from_ref(&fork.id));
    assert!(jiff::Timestamp::now() > renewed.expires.parse().unwrap());
    place.assert_clean();
    let error = other.fork(&cx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn long_homes_and_killed_servers_are_no_trouble() {
    let (cx, place) = (Context::new(), Place::new());
    let home =
        place.path().join("a-rather-long-name-for-a-directory-that-leaves-no-room-for-the-path-of-a-socket");
    let config = LocalConfig { home: Some(home), shared_buffers: Some("16MB".into()), ..place.config(None) };
    let backend = LocalBackend::new(config).unwrap();
    let fork = backend.fork(&cx).await.unwrap();
    let dsn = backend.dsn(&cx, &fork.id).await.unwrap();
    let socket = dsn.socket_directory().unwrap();
    assert!(!socket.starts_with(place.path()) && socket.is_dir());
    let session = session(&cx, &backend, &fork).await;
    assert_eq!(session.text(&cx, "SHOW shared_buffers", &[]).await.unwrap(), "16MB");
    let postmaster = session.text(&cx, "SELECT pg_read_file('postmaster.pid', 0, 20)", &[]).await.unwrap();
    let pid: i32 = postmaster.lines().next().unwrap().parse().unwrap();
    let process = pgverse_fork_backends::shared::ProcessId::of(pid).unwrap();
    process.signal(rustix::process::Signal::KILL).unwrap();
    assert!(process.gone_within(Duration::from_secs(30)).await);
    backend.destroy(&cx, &fork.id).await.unwrap();
    assert!(!socket.exists());
    assert!(backend.list(&cx).await.unwrap().is_empty());
    assert!(pgverse_fork_backends::shared::process::working_in(place.path()).is_empty());
}
