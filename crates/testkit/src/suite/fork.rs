//! The contract of [`pgverse_core::traits::ForkBackend`], line by line.

use std::time::Instant;

use pgverse_core::pg::{Session, quote};
use pgverse_core::types::UniverseId;
use pgverse_core::{Context, ErrorKind};

use super::Stage;
use super::stage::Owner;
use crate::shop;

/// The whole contract, line by line on one stage, so that one server and one golden image serve all lines. The
/// name of each line is printed before it is tried.
#[allow(clippy::print_stdout, reason = "shown with the failure")]
pub async fn all(stage: &dyn Stage) {
    macro_rules! lines {
        ($($line:ident)+) => {
            $(
                let begin = Instant::now();
                print!("{} ", stringify!($line));
                // Boxed: the futures of the lines are large.
                Box::pin($line(stage)).await;
                println!("{:.1} s", begin.elapsed().as_secs_f64());
            )+
        };
    }
    lines!(
        a_fork_answers_and_says_what_it_cost
        a_fork_holds_what_the_source_holds
        a_fork_is_isolated
        two_forks_differ_independently
        plans_equal_the_source
        sequences_go_on_and_large_objects_open
        four_forks_at_once
        destroy_is_idempotent
        a_fork_is_listed_until_it_is_destroyed
        a_killed_owner_is_swept_and_a_live_one_is_not
        an_owner_killed_while_forking_leaves_nothing
        cancel_leaves_nothing
        five_hundred_tables_arrive
        another_encoding_a_tablespace_and_an_unlogged_table_arrive
        a_role_keeps_its_search_path
        a_source_that_is_written_to_is_forked_consistently
    );
}

/// `fork` returns when the universe answers, with true words about itself.
pub async fn a_fork_answers_and_says_what_it_cost(stage: &dyn Stage) {
    let begin = Instant::now();
    let universe = stage.fork().await;
    let elapsed = begin.elapsed().as_secs_f64();
    assert_eq!(universe.backend, stage.backend().scheme());
    assert!(universe.id.as_str().starts_with("pgverse_fork_"), "{}", universe.id);
    assert!(!universe.mechanism.is_empty());
    assert!(universe.owner.contains(&format!(":{}:", std::process::id())), "{}", universe.owner);
    assert!(universe.cost.seconds > 0.0 && universe.cost.seconds <= elapsed, "{:?}", universe.cost);
    assert!(universe.cost.full_bytes > 5_000_000, "a database takes some megabytes: {:?}", universe.cost);
    let session = stage.session(&universe.id).await;
    let rows = session.text(&Context::new(), "SELECT count(*)::text FROM app.orders", &[]).await;
    assert_eq!(rows.expect("the fork answers"), "20000");
    stage.destroy(&universe.id).await;
}

/// Tables, rows, sequences, indexes, large objects, extensions, names in mixed case, unlogged tables and the settings of
/// the database are those of the source.
pub async fn a_fork_holds_what_the_source_holds(stage: &dyn Stage) {
    let source = shop::contents(&stage.source_session().await).await;
    let universe = stage.fork().await;
    assert_eq!(shop::contents(&stage.session(&universe.id).await).await, source);
    stage.destroy(&universe.id).await;
}

/// What is written on a fork is seen neither on the source nor on another fork.
pub async fn a_fork_is_isolated(stage: &dyn Stage) {
    let before = shop::contents(&stage.source_session().await).await;
    let (fork, sibling) = (stage.fork().await, stage.fork().await);
    let session = stage.session(&fork.id).await;
    let sql = "DELETE FROM app.orders WHERE id % 2 = 0; UPDATE \"Mixed Case\".\"Customers\" SET \"eMail\" = 'x'; \
               DROP TABLE app.visits; CREATE TABLE app.extra AS SELECT 1 AS one; SELECT nextval('app.ticket'); \
               SELECT lo_unlink(4711)";
    session.batch(&Context::new(), sql).await.expect("a fork can be written to");
    assert_ne!(shop::contents(&session).await, before);
    assert_eq!(shop::contents(&stage.session(&sibling.id).await).await, before);
    assert_eq!(shop::contents(&stage.source_session().await).await, before);
    stage.destroy(&fork.id).await;
    stage.destroy(&sibling.id).await;
    assert_eq!(shop::contents(&stage.source_session().await).await, before);
    stage.assert_nothing_left().await;
}

/// Each of two forks takes its own changes, and the end of one does not touch the other.
pub async fn two_forks_differ_independently(stage: &dyn Stage) {
    let cx = Context::new();
    let (one, two) = (stage.fork().await, stage.fork().await);
    assert_ne!(one.id, two.id);
    let (first, second) = (stage.session(&one.id).await, stage.session(&two.id).await);
    first.batch(&cx, "CREATE INDEX orders_total ON app.orders (total)").await.expect("the first changes");
    second.batch(&cx, "ALTER TABLE app.orders DROP COLUMN note").await.expect("the second changes");
    let note = "SELECT count(*)::text FROM app.orders WHERE note LIKE 'note%'";
    assert_eq!(first.text(&cx, note, &[]).await.expect("the first keeps the column"), "17143");
    let index = "SELECT coalesce(to_regclass('app.orders_total')::text, '-')";
    assert_eq!(second.text(&cx, index, &[]).await.expect("the second answers"), "-");
    drop(first);
    stage.destroy(&one.id).await;
    assert_eq!(second.text(&cx, index, &[]).await.expect("the second still answers"), "-");
    stage.destroy(&two.id).await;
}

/// The planner makes the same plans, at the same costs where the fork holds the same pages.
pub async fn plans_equal_the_source(stage: &dyn Stage) {
    let seen = |plans: Vec<String>| -> Vec<String> {
        let without = |line: String| line.split("  (cost=").next().unwrap_or_default().to_owned();
        if stage.same_pages() { plans } else { plans.into_iter().map(without).collect() }
    };
    let source = seen(plans(&stage.source_session().await).await);
    let universe = stage.fork().await;
    assert_eq!(seen(plans(&stage.session(&universe.id).await).await), source);
    stage.destroy(&universe.id).await;
}

async fn plans(session: &Session) -> Vec<String> {
    let statements = [
        "SELECT * FROM app.orders WHERE customer = 7",
        "SELECT * FROM app.orders WHERE customer < 100 ORDER BY total DESC LIMIT 10",
        "SELECT c.\"eMail\", sum(o.total) FROM orders o JOIN \"Mixed Case\".\"Customers\" c ON c.\"Id\" = o.customer GROUP BY 1",
        "SELECT * FROM orders WHERE note LIKE '%abc%'",
    ];
    let mut plans = Vec::new();
    for statement in statements {
        let rows = session
            .rows(&Context::new(), &format!("EXPLAIN {statement}"), &[])
            .await
            .expect("a plan is made");
        plans.extend(rows.iter().map(|row| row.get::<_, String>(0)));
    }
    plans
}

/// A sequence goes on where the source stood, and a large object can be read.
pub async fn sequences_go_on_and_large_objects_open(stage: &dyn Stage) {
    let universe = stage.fork().await;
    let session = stage.session(&universe.id).await;
    let cx = Context::new();
    let next = session.text(&cx, "SELECT nextval('ticket')::text", &[]).await.expect("the sequence goes on");
    assert_eq!(next, shop::NEXT_TICKET.to_string());
    let sql = format!("SELECT convert_from(lo_get({}), 'UTF8')", shop::LARGE_OBJECT);
    assert_eq!(
        session.text(&cx, &sql, &[]).await.expect("the large object opens"),
        "a large object, not so large"
    );
    if shop::has_trigrams(&session).await {
        let sql = "SELECT similarity('pgverse', 'pgvers')::text";
        assert!(session.text(&cx, sql, &[]).await.expect("the extension works").starts_with("0."));
    }
    stage.destroy(&universe.id).await;
}

/// Many tables are no problem.
pub async fn five_hundred_tables_arrive(stage: &dyn Stage) {
    let cx = Context::new();
    stage.server().sql("postgres", "CREATE DATABASE \"Five Hundred\"").await;
    let stage = stage.over("Five Hundred", false);
    shop::add_500_tables(&stage.source_session().await).await;
    let universe = stage.fork().await;
    let session = stage.session(&universe.id).await;
    let sql = "SELECT count(*)::text FROM pg_tables WHERE schemaname = 'many'";
    assert_eq!(session.text(&cx, sql, &[]).await.expect("the catalog can be read"), "500");
    let sql = "SELECT id::text FROM many.t500";
    assert_eq!(session.text(&cx, sql, &[]).await.expect("the last table has its row"), "500");
    stage.destroy(&universe.id).await;
}

/// What not every way to copy could bring along: a database in LATIN1, rows of an unlogged table, a table and an
/// index in a tablespace of their own.
pub async fn another_encoding_a_tablespace_and_an_unlogged_table_arrive(stage: &dyn Stage) {
    let server = stage.server();
    shop::create_latin1(server, "Old Shop").await;
    let space = server.directory_for_servers("tablespace");
    let sql =
        format!("CREATE TABLESPACE \"Fast Disk\" LOCATION {}", quote::literal(&space.display().to_string()));
    server.sql("postgres", &sql).await;
    let sql = "CREATE TABLE app.elsewhere TABLESPACE \"Fast Disk\" AS SELECT g, md5(g::text) FROM generate_series(1, 3000) g; \
               CREATE INDEX elsewhere_g ON app.elsewhere (g) TABLESPACE \"Fast Disk\"; \
               UPDATE app.visits SET page = 'Käse' WHERE id = 1";
    server.sql("Old Shop", sql).await;
    let contents = shop::contents(&server.session("Old Shop").await).await;
    assert!(contents[0].contains("LATIN1"), "{contents:?}");
    let without = |facts: Vec<String>| -> Vec<String> {
        facts.iter().map(|fact| fact.replace(" TABLESPACE \"Fast Disk\"", "")).collect()
    };
    let stage = stage.over("Old Shop", false);
    let universe = stage.fork().await;
    let session = stage.session(&universe.id).await;
    // A dump leaves out where things lie; what they hold is the same.
    assert_eq!(without(shop::contents(&session).await), without(contents));
    let sql = "SELECT convert_to(page, 'UTF8')::text FROM app.visits WHERE id = 1";
    let bytes = session.text(&Context::new(), sql, &[]).await.expect("an unlogged table keeps its rows");
    assert_eq!(bytes, "\\x4bc3a47365");
    drop(session);
    stage.destroy(&universe.id).await;
}

/// A setting of the connecting role decides names on the fork as on the source.
pub async fn a_role_keeps_its_search_path(stage: &dyn Stage) {
    let server = stage.server();
    server.sql("postgres", "CREATE DATABASE paths").await;
    let sql = "CREATE SCHEMA one; CREATE TABLE one.t AS SELECT 1 AS n; CREATE SCHEMA two; CREATE TABLE two.t AS SELECT 2 AS n; \
               ALTER ROLE CURRENT_USER IN DATABASE paths SET search_path TO two, one";
    server.sql("paths", sql).await;
    let stage = stage.over("paths", false);
    let universe = stage.fork().await;
    let session = stage.session(&universe.id).await;
    let n = session.text(&Context::new(), "SELECT n::text FROM t", &[]).await;
    assert_eq!(n.expect("the table is found"), "2");
    drop(session);
    stage.destroy(&universe.id).await;
}

/// Money that is moved from account to account all the time is all there on every fork.
pub async fn a_source_that_is_written_to_is_forked_consistently(stage: &dyn Stage) {
    let server = stage.server();
    server.sql("postgres", "CREATE DATABASE bank").await;
    let sql = "CREATE TABLE accounts AS SELECT g AS id, 100 AS money FROM generate_series(1, 1000) g; \
               CREATE TABLE transfers (id serial, amount integer)";
    server.sql("bank", sql).await;
    let stage = stage.over("bank", true);
    let cx = Context::new();
    let writing = async {
        let session = server.session("bank").await;
        let sql = "UPDATE accounts SET money = money + CASE WHEN id % 2 = 0 THEN 1 ELSE -1 END; \
                   INSERT INTO transfers (amount) VALUES (500)";
        while cx.check().is_ok() {
            session.batch(&Context::new(), sql).await.expect("the source can be written to");
        }
    };
    let forking = async {
        let written = "SELECT count(*)::text FROM transfers";
        while server.text("bank", written).await == "0" {}
        stage.backend().prepare(&Context::new()).await.expect("the backend gets ready");
        let universe = stage.fork().await;
        let before: u64 = server.text("bank", written).await.parse().expect("a number");
        while server.text("bank", written).await.parse::<u64>().expect("a number") == before {}
        universe
    };
    let (universe, ()) = tokio::join!(
        async {
            let universe = forking.await;
            cx.cancellation().cancel();
            universe
        },
        writing
    );
    let session = stage.session(&universe.id).await;
    let sql = "SELECT concat_ws(' ', sum(money), count(*), \
               (SELECT count(*) FROM transfers) = (SELECT max(money) - 100 FROM accounts WHERE id % 2 = 0)) FROM accounts";
    let sums = session.text(&cx.for_cleanup(), sql, &[]).await.expect("the fork answers");
    assert_eq!(sums, "100000 1000 t", "one moment of the source");
    drop(session);
    stage.destroy(&universe.id).await;
}

/// Forks can be made at the same time.
pub async fn four_forks_at_once(stage: &dyn Stage) {
    let cx = Context::new();
    let backend = stage.backend();
    backend.prepare(&cx).await.expect("the backend gets ready");
    let made = tokio::join!(backend.fork(&cx), backend.fork(&cx), backend.fork(&cx), backend.fork(&cx));
    let ids: Vec<UniverseId> =
        <[_; 4]>::from(made).into_iter().map(|universe| universe.expect("the backend forks").id).collect();
    let mut unique = ids.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), 4);
    for id in &ids {
        let session = stage.session(id).await;
        let rows = session.text(&cx, "SELECT count(*)::text FROM app.orders", &[]).await;
        assert_eq!(rows.expect("each fork answers"), "20000");
    }
    let (a, b, c, d) = (&ids[0], &ids[1], &ids[2], &ids[3]);
    tokio::join!(stage.destroy(a), stage.destroy(b), stage.destroy(c), stage.destroy(d));
    stage.assert_nothing_left().await;
}

/// A fork that is gone can be destroyed again, also one that never was; one that is in use can be destroyed too.
pub async fn destroy_is_idempotent(stage: &dyn Stage) {
    let universe = stage.fork().await;
    let dsn =
        stage.backend().dsn(&Context::new(), &universe.id).await.expect("a fork has a connection string");
    let in_use = stage.session(&universe.id).await;
    stage.destroy(&universe.id).await;
    stage.destroy(&universe.id).await;
    stage.destroy(&"pgverse_fork_neverwas".into()).await;
    let again = Session::connect(&Context::new(), &dsn, "test").await;
    assert!(again.is_err(), "a destroyed fork does not answer");
    let gone = stage
        .backend()
        .dsn(&Context::new(), &universe.id)
        .await
        .expect_err("it has no connection string any more");
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    drop(in_use);
    stage.assert_nothing_left().await;
}

/// `list` tells of a fork what `fork` told of it.
pub async fn a_fork_is_listed_until_it_is_destroyed(stage: &dyn Stage) {
    let universe = stage.fork().await;
    let listed = stage.backend().list(&Context::new()).await.expect("forks are listed");
    assert_eq!(listed, std::slice::from_ref(&universe));
    stage.destroy(&universe.id).await;
    stage.assert_nothing_left().await;
}

/// A fork whose owner lives is never swept; when the owner is killed, the next sweep takes it.
pub async fn a_killed_owner_is_swept_and_a_live_one_is_not(stage: &dyn Stage) {
    let cx = Context::new();
    let mine = stage.fork().await;
    let mut owner = Owner::start(stage);
    let other = UniverseId::from(owner.hear("forked").await);
    assert_eq!(stage.backend().sweep(&cx).await.expect("sweeps"), [], "both owners live");
    let mut listed = stage.listed().await;
    listed.sort();
    let mut both = [mine.id.clone(), other.clone()];
    both.sort();
    assert_eq!(listed, both);

    owner.kill().await;
    assert!(stage.listed().await.contains(&other), "a fork of a dead owner is still listed");
    assert_eq!(stage.backend().sweep(&cx).await.expect("sweeps"), [other]);
    assert_eq!(stage.listed().await, std::slice::from_ref(&mine.id));
    stage.destroy(&mine.id).await;
    stage.assert_nothing_left().await;
}

/// An owner that is killed in the middle of `fork` leaves nothing that a sweep does not find.
pub async fn an_owner_killed_while_forking_leaves_nothing(stage: &dyn Stage) {
    for polls in [0, 1, 3, 6] {
        let mut owner = Owner::start(stage);
        owner.hear("forking").await;
        for _ in 0..polls {
            stage.listed().await;
        }
        owner.kill().await;
        stage.backend().sweep(&Context::new()).await.expect("sweeps");
        stage.assert_nothing_left().await;
    }
}

/// A fork that is cancelled, at whatever moment, leaves nothing behind; so does one that is cancelled too late, once it
/// is destroyed.
pub async fn cancel_leaves_nothing(stage: &dyn Stage) {
    stage.backend().prepare(&Context::new()).await.expect("the backend gets ready");
    let mut cancelled = 0;
    for polls in [0, 1, 2, 3, 5, 8] {
        let cx = Context::new();
        let cancel = async {
            for _ in 0..polls {
                stage.listed().await;
            }
            cx.cancellation().cancel();
        };
        let (result, ()) = tokio::join!(stage.backend().fork(&cx), cancel);
        match result {
            Ok(universe) => stage.destroy(&universe.id).await,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
                cancelled += 1;
            }
        }
        stage.assert_nothing_left().await;
    }
    assert!(cancelled > 0, "at least the fork that was cancelled at once ends early");
}
