//! Golden images from a live server, and what goes wrong with them.

#![allow(clippy::unwrap_used)]

mod place;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use pgverse_core::pg::{Dsn, Session};
use pgverse_core::traits::ForkBackend;
use pgverse_core::{Context, ErrorKind};
use pgverse_fork_backends::local::{GoldenSource, LocalBackend, LocalConfig};
use pgverse_fork_backends::shared::{ProcessId, Programs, process, run};
use place::Place;
use place::source::Source;
use rustix::process::Signal;

fn backend(place: &Place, dsn: Dsn) -> LocalBackend {
    LocalBackend::new(LocalConfig { golden: Some(GoldenSource::Server(dsn)), ..place.config(None) }).unwrap()
}

fn said(cx: &Context) -> String {
    format!("{:?}", cx.events().history())
}

/// Everything that the database holds, as text.
const CONTENT: &str = r#"SELECT concat_ws(E'\n',
    (SELECT md5(string_agg(o::text, ',' ORDER BY id)) FROM "My Schema"."Big Orders" o),
    (SELECT last_value FROM "My Schema"."Big Orders_id_seq"),
    (SELECT string_agg(indexdef, ';' ORDER BY indexdef) FROM pg_indexes WHERE schemaname = 'My Schema'),
    (SELECT "sum" FROM public.totals), public.twice(4), convert_from(lo_get(4711), 'UTF8'),
    (SELECT count(*) FROM public.scratch),
    (SELECT string_agg(polname, ',') FROM pg_policy),
    current_setting('search_path'), pg_encoding_to_char(encoding), datcollate)
    FROM pg_database WHERE datname = current_database()"#;

const PLANNING: &str = "SELECT concat_ws(' ', current_setting('random_page_cost'), current_setting('work_mem'), \
    current_setting('effective_cache_size'), current_setting('jit'))";

/// A fork of the source as this role: content, settings and plans are the source's, and writes stay apart.
async fn fork_equals_source(place: &Place, source: &Source, user: &str, expected: &str) {
    let cx = Context::new();
    let backend = backend(place, source.dsn(user, "shop"));
    backend.prepare(&cx).await.unwrap();
    assert!(said(&cx).contains(expected), "{}", said(&cx));
    let fork = backend.fork(&cx).await.unwrap();
    let session = Session::connect(&cx, &backend.dsn(&cx, &fork.id).await.unwrap(), "test").await.unwrap();
    let theirs = Session::connect(&cx, &source.dsn(user, "shop"), "test").await.unwrap();
    for question in [CONTENT, PLANNING] {
        let answer = theirs.text(&cx, question, &[]).await.unwrap();
        assert_eq!(session.text(&cx, question, &[]).await.unwrap(), answer);
    }
    let plan =
        "EXPLAIN (FORMAT JSON) SELECT * FROM \"My Schema\".\"Big Orders\" WHERE note = 'x' AND id > 10";
    assert_eq!(session.json(&cx, plan, &[]).await.unwrap(), theirs.json(&cx, plan, &[]).await.unwrap());
    // Neither archiving, nor replication, nor other databases in a fork.
    let quiet = "SELECT concat_ws(' ', current_setting('archive_mode'), current_setting('max_wal_senders'),
        current_setting('max_logical_replication_workers'), (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
        (SELECT count(*) FROM pg_database WHERE datname = 'other'))";
    assert_eq!(session.text(&cx, quiet, &[]).await.unwrap(), "off 0 0 t 0");
    session.batch(&cx, "DROP SCHEMA \"My Schema\" CASCADE").await.unwrap();
    theirs.text(&cx, CONTENT, &[]).await.unwrap();

    backend.destroy(&cx, &fork.id).await.unwrap();
    assert_eq!(place.entries("golden").len(), 1);
    drop(backend);
    assert_eq!(place.entries("golden"), [""; 0], "the image goes with the backend");
    place.assert_clean();
}

#[tokio::test]
async fn a_role_that_may_replicate_gets_a_physical_copy() {
    let (place, source) = (Place::new(), Source::new().await);
    // An open prepared transaction must not hold locks in the forks.
    source.run("shop", "TRUNCATE scratch").await;
    let prepared = "BEGIN; LOCK \"Big Orders\" IN EXCLUSIVE MODE; PREPARE TRANSACTION 'left'";
    source.run("shop", prepared).await;
    let waits = source.session("shop").await;
    waits
        .batch(&Context::new(), "ROLLBACK PREPARED 'left'; BEGIN; PREPARE TRANSACTION 'other'")
        .await
        .unwrap_err();
    waits.batch(&Context::new(), "ROLLBACK PREPARED 'left'").await.unwrap();
    source
        .run("shop", "BEGIN; LOCK \"My Schema\".\"Big Orders\" IN EXCLUSIVE MODE; PREPARE TRANSACTION 'left'")
        .await;
    fork_equals_source(&place, &source, "postgres", "by pg_basebackup").await;
}

#[tokio::test]
async fn any_other_role_gets_a_logical_copy() {
    let (place, source) = (Place::new(), Source::new().await);
    fork_equals_source(&place, &source, "app", "because the role may not replicate").await;
}

#[tokio::test]
async fn what_forbids_a_physical_copy_leads_to_a_logical_one() {
    let (place, source) = (Place::new(), Source::new().await);
    let hba = source.server.data().join("pg_hba.conf");
    std::fs::write(&hba, "local all all trust\n").unwrap();
    source.run("postgres", "SELECT pg_reload_conf()").await;
    fork_equals_source(&place, &source, "postgres", "unlogged tables").await;
    source.run("shop", "TRUNCATE scratch").await;
    fork_equals_source(&place, &source, "postgres", "allows this role no replication").await;

    let elsewhere = source.directory.join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    pgverse_fork_backends::shared::Account::resolve().unwrap().give(&elsewhere).unwrap();
    source.run("postgres", &format!("CREATE TABLESPACE fast LOCATION '{}'", elsewhere.display())).await;
    source.run("shop", "ALTER TABLE scratch SET TABLESPACE fast").await;
    fork_equals_source(&place, &source, "postgres", "tablespaces").await;
}

#[tokio::test]
async fn encodings_and_the_database_postgres_survive_a_logical_copy() {
    let (cx, place, source) = (Context::new(), Place::new(), Source::new().await);
    source
        .run("postgres", "CREATE DATABASE \"Old Shop\" ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        .await;
    for database in ["Old Shop", "postgres"] {
        source.run(database, "CREATE TABLE t AS SELECT 'é' AS x; GRANT SELECT ON t TO app").await;
        let backend = backend(&place, source.dsn("app", database));
        let fork = backend.fork(&cx).await.unwrap();
        let dsn = backend.dsn(&cx, &fork.id).await.unwrap();
        assert_eq!(dsn.database(), database);
        let session = Session::connect(&cx, &dsn, "test").await.unwrap();
        let question = "SELECT x || current_setting('server_encoding') FROM t";
        let theirs = source.session(database).await.text(&cx, question, &[]).await.unwrap();
        assert_eq!(session.text(&cx, question, &[]).await.unwrap(), theirs);
        backend.destroy(&cx, &fork.id).await.unwrap();
    }
    place.assert_clean();
}

#[tokio::test]
async fn a_kept_image_is_used_again_and_another_is_made_anew() {
    let (cx, place, source) = (Context::new(), Place::new(), Source::new().await);
    source.run("shop", "TRUNCATE scratch").await;
    let of = |keep_golden, refresh| {
        let golden = Some(GoldenSource::Server(source.dsn("postgres", "shop")));
        LocalBackend::new(LocalConfig { golden, keep_golden, refresh, ..place.config(None) }).unwrap()
    };
    let orders_of = |backend: LocalBackend| {
        let cx = cx.clone();
        async move {
            let fork = backend.fork(&cx).await.unwrap();
            let session =
                Session::connect(&cx, &backend.dsn(&cx, &fork.id).await.unwrap(), "test").await.unwrap();
            let count = session.text(&cx, "SELECT count(*)::text FROM \"Big Orders\"", &[]).await.unwrap();
            backend.destroy(&cx, &fork.id).await.unwrap();
            count
        }
    };
    let orders = |keep_golden| orders_of(of(keep_golden, false));
    assert_eq!(orders(true).await, "5000");
    source.run("shop", "DELETE FROM \"Big Orders\" WHERE id > 10").await;
    assert_eq!(orders(true).await, "5000");
    assert_eq!(orders(false).await, "10");
    // Made anew on request, also while the old one is in use; that goes once it no longer is.
    let images = || place.entries("golden").into_iter().filter(|name| !name.ends_with(".lock")).count();
    let (user, fork) = (of(true, false), of(true, false).fork(&cx).await.unwrap());
    assert_eq!(orders_of(of(true, true)).await, "10");
    assert_eq!(images(), 2, "the old image is forked");
    user.destroy(&cx, &fork.id).await.unwrap();
    assert_eq!(orders(true).await, "10");
    assert_eq!(images(), 1);
    // Without a free replication slot it works too.
    source.run("shop", "SELECT pg_create_physical_replication_slot('taken')").await;
    assert_eq!(orders(false).await, "10");
    place.assert_clean();
}

#[tokio::test]
async fn what_cannot_be_copied_is_told_clearly() {
    let (cx, place, source) = (Context::new(), Place::new(), Source::new().await);
    source.run("shop", "REVOKE pg_read_all_data FROM app; CREATE TABLE secret ()").await;
    let error = backend(&place, source.dsn("app", "shop")).prepare(&cx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Permission, "{error}");
    assert!(error.to_string().contains("pg_read_all_data"), "{error}");

    source.run("other", "UPDATE pg_extension SET extname = 'no_such_thing'").await;
    for user in ["postgres", "app"] {
        let error = backend(&place, source.dsn(user, "other")).prepare(&cx).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains("no_such_thing"), "{error}");
    }
    let error = backend(&place, source.dsn("postgres", "nowhere")).prepare(&cx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    source.stop().await;
    let error = backend(&place, source.dsn("postgres", "shop")).prepare(&cx).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert_eq!(place.entries("golden"), [""; 0]);
    place.assert_clean();
}

#[tokio::test]
async fn a_disk_too_small_is_told_before_anything_is_copied() {
    let Some(place) = Place::on("ext4", &["-q"], 100 << 20) else { return };
    let (cx, source) = (Context::new(), Source::new().await);
    for user in ["postgres", "app"] {
        let error = backend(&place, source.dsn(user, "shop")).prepare(&cx).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disk, "{error}");
        assert!(error.to_string().contains("not enough disk space"), "{error}");
    }
    place.assert_clean();
}

/// The sums that each transaction of pgbench changes by the same amount: one text if they agree.
const SUMS: &str = "SELECT string_agg(DISTINCT sum::text, ' <> ') FROM (SELECT sum(abalance) FROM pgbench_accounts \
    UNION ALL SELECT sum(bbalance) FROM pgbench_branches UNION ALL SELECT sum(tbalance) FROM pgbench_tellers \
    UNION ALL SELECT coalesce(sum(delta), 0) FROM pgbench_history) sums";

#[tokio::test]
async fn a_copy_of_a_source_under_pgbench_is_of_one_moment() {
    let (cx, place, source) = (Context::new(), Place::new(), Source::new().await);
    source.run("shop", "TRUNCATE scratch").await;
    source.run("postgres", "CREATE DATABASE bank").await;
    let pgbench = |arguments: &[&str]| {
        let program = Programs::find(None).unwrap().tool("pgbench").unwrap();
        let mut command = run::client(&program, &source.dsn("postgres", "bank"));
        // The one of our clients that has no such option.
        let mut plain = Command::new(command.get_program());
        plain.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command = plain;
        command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    assert!(pgbench(&["-i", "-q"]).status().unwrap().success());
    let mut writer = tokio::process::Command::from(pgbench(&["-n", "-c", "2", "-T", "600"]));
    let mut writing = writer.kill_on_drop(true).spawn().unwrap();
    for (user, way) in [("postgres", "by pg_basebackup"), ("app", "by pg_dump")] {
        let written = "SELECT count(*)::text FROM pgbench_history";
        let count = async || {
            source.session("bank").await.text(&cx, written, &[]).await.unwrap().parse::<u64>().unwrap()
        };
        let before = count().await;
        let own = Context::new();
        let backend = backend(&place, source.dsn(user, "bank"));
        backend.prepare(&own).await.unwrap();
        assert!(said(&own).contains(way), "{}", said(&own));
        let after = count().await;
        assert!(after > before, "it was written to all the time");
        let fork = backend.fork(&cx).await.unwrap();
        let session =
            Session::connect(&cx, &backend.dsn(&cx, &fork.id).await.unwrap(), "test").await.unwrap();
        let sums = session.text(&cx, SUMS, &[]).await.unwrap();
        assert!(!sums.contains("<>"), "{way}: {sums}");
        let copied: u64 = session.text(&cx, written, &[]).await.unwrap().parse().unwrap();
        assert!((before..=after).contains(&copied), "{way}: {before} <= {copied} <= {after}");
        drop(session);
        backend.destroy(&cx, &fork.id).await.unwrap();
    }
    assert!(writing.try_wait().unwrap().is_none(), "pgbench writes to the end");
    writing.kill().await.unwrap();
    place.assert_clean();
}

/// Stops the source's checkpointer, so that `pg_basebackup` waits in its middle.
async fn hold_base_backups(source: &Source) -> ProcessId {
    let pid = "SELECT pid::text FROM pg_stat_activity WHERE backend_type = 'checkpointer'";
    let pid = source.session("postgres").await.text(&Context::new(), pid, &[]).await.unwrap();
    let checkpointer = ProcessId::of(pid.parse().unwrap()).unwrap();
    checkpointer.signal(Signal::STOP).unwrap();
    checkpointer
}

async fn until(mut reached: impl FnMut() -> bool) {
    while !reached() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn tool_runs(place: &Place, name: &str) -> bool {
    process::working_in(place.path()).iter().any(|p| p.program().as_deref() == Some(name))
}

#[tokio::test]
async fn a_source_that_goes_away_in_the_middle_leaves_nothing() {
    let (cx, place, source) = (Context::new(), Place::new(), Source::new().await);
    source.run("shop", "TRUNCATE scratch").await;
    let locked = source.session("shop").await;
    locked.batch(&cx, "BEGIN; LOCK \"Big Orders\"").await.unwrap();
    let checkpointer = hold_base_backups(&source).await;
    let (dumped, based) =
        (backend(&place, source.dsn("app", "shop")), backend(&place, source.dsn("postgres", "shop")));
    let (dump, base, ()) = tokio::join!(dumped.prepare(&cx), based.prepare(&cx), async {
        until(|| tool_runs(&place, "pg_dump") && tool_runs(&place, "pg_basebackup")).await;
        checkpointer.signal(Signal::CONT).unwrap();
        checkpointer.signal(Signal::KILL).unwrap();
        source.stop().await;
    });
    for (result, tool) in [(dump, "pg_dump"), (base, "pg_basebackup")] {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Process, "{error}");
        assert!(error.to_string().contains(tool), "{error}");
    }
    assert_eq!(place.entries("golden"), [""; 0]);
    place.assert_clean();
}

#[tokio::test]
async fn a_cancelled_copy_leaves_nothing() {
    let (cx, place, source) = (Context::new(), Place::new(), Source::new().await);
    source.run("shop", "TRUNCATE scratch").await;
    let checkpointer = hold_base_backups(&source).await;
    let backend = backend(&place, source.dsn("postgres", "shop"));
    let cancel = cx.child();
    let (result, ()) = tokio::join!(backend.prepare(&cancel), async {
        until(|| tool_runs(&place, "pg_basebackup")).await;
        cancel.cancellation().cancel();
    });
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(place.entries("golden"), [""; 0]);
    place.assert_clean();
    checkpointer.signal(Signal::CONT).unwrap();
    backend.prepare(&cx).await.unwrap();
}

#[tokio::test]
async fn a_copy_whose_owner_was_killed_is_swept_with_its_tools() {
    let (cx, place, source) = (Context::new(), Place::new(), Source::new().await);
    source.run("shop", "TRUNCATE scratch").await;
    let checkpointer = hold_base_backups(&source).await;
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "helper_that_is_killed", "--ignored", "--nocapture"])
        .env("PGVERSE_TEST_SOURCE", &source.directory)
        .env("PGVERSE_TEST_HOME", place.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    out.lines().map(Result::unwrap).find(|line| line.contains("READY")).unwrap();
    until(|| tool_runs(&place, "pg_basebackup")).await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(tool_runs(&place, "pg_basebackup"), "it waits for the checkpoint");
    let backend = backend(&place, source.dsn("postgres", "shop"));
    backend.sweep(&cx).await.unwrap();
    assert_eq!(place.entries("golden"), [""; 0]);
    place.assert_clean();
    checkpointer.signal(Signal::CONT).unwrap();
}

/// Not a test of its own: the process that `a_copy_whose_owner_was_killed_is_swept_with_its_tools` kills.
#[tokio::test]
#[ignore = "started by another test"]
async fn helper_that_is_killed() {
    let home: std::path::PathBuf = std::env::var_os("PGVERSE_TEST_HOME").unwrap().into();
    let source: std::path::PathBuf = std::env::var_os("PGVERSE_TEST_SOURCE").unwrap().into();
    let golden = GoldenSource::Server(Dsn::socket(&source, 5432, "postgres", "shop"));
    let backend = LocalBackend::new(LocalConfig { home: Some(home), ..LocalConfig::new(golden) }).unwrap();
    println!("READY");
    backend.prepare(&Context::new()).await.unwrap();
}
