//! The contract of [`pgverse_core::traits::ForkBackend`], line by line.

use std::time::Instant;

use pgverse_core::pg::Session;
use pgverse_core::types::UniverseId;
use pgverse_core::{Context, ErrorKind};

use super::Stage;
use super::stage::Owner;
use crate::shop;

/// Declares one test for each line of the contract; `$stage` is an async function that makes the [`Stage`], or
/// `None`, after a notice, where this machine cannot (no such file system, not root).
#[macro_export]
macro_rules! fork_suite {
    ($stage:path) => {
        $crate::fork_suite!($stage:
            a_fork_answers_and_says_what_it_cost
            a_fork_holds_what_the_source_holds
            a_fork_is_isolated
            two_forks_differ_independently
            plans_equal_the_source
            sequences_go_on_and_large_objects_open
            five_hundred_tables_arrive
            four_forks_at_once
            destroy_is_idempotent
            a_fork_is_listed_until_it_is_destroyed
            a_killed_owner_is_swept_and_a_live_one_is_not
            an_owner_killed_while_forking_leaves_nothing
            cancel_leaves_nothing
        );
    };
    ($stage:path: $($line:ident)+) => {
        $(#[tokio::test]
        async fn $line() {
            if let Some(stage) = $stage().await {
                $crate::suite::fork::$line(&stage).await;
            }
        })+
    };
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

/// The planner makes the same plans at the same costs.
pub async fn plans_equal_the_source(stage: &dyn Stage) {
    let source = plans(&stage.source_session().await).await;
    let universe = stage.fork().await;
    assert_eq!(plans(&stage.session(&universe.id).await).await, source);
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
    shop::add_500_tables(&stage.source_session().await).await;
    let universe = stage.fork().await;
    let session = stage.session(&universe.id).await;
    let sql = "SELECT count(*)::text FROM pg_tables WHERE schemaname = 'many'";
    assert_eq!(session.text(&cx, sql, &[]).await.expect("the catalog can be read"), "500");
    let sql = "SELECT id::text FROM many.t500";
    assert_eq!(session.text(&cx, sql, &[]).await.expect("the last table has its row"), "500");
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
