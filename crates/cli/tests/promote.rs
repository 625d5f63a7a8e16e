//! `pgverse promote`, `rollback` and `promotions`, also when they or the server are killed.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use pgverse::Context;
use pgverse::pg::{Session, Source, read_catalog};
use pgverse::promote::{PromotionRecord, PromotionState, StepState, promotions};
use pgverse::types::{Candidate, Change, Operation, Refresh, Workload};
use pgverse_testkit::{TestServer, dump_schema, index, kill_after, report_of};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use support::Home;

const SCHEMA: &str = r#"
CREATE TABLE orders (id int PRIMARY KEY, user_id int NOT NULL, total numeric NOT NULL, note text);
INSERT INTO orders SELECT i, i % 5000, i % 97, 'note ' || i FROM generate_series(1, 200000) i;
CREATE INDEX orders_note ON orders (note);
CREATE TABLE event (at date NOT NULL, kind int NOT NULL) PARTITION BY LIST (kind);
CREATE TABLE event_0 PARTITION OF event FOR VALUES IN (0);
CREATE TABLE event_1 PARTITION OF event FOR VALUES IN (1);
INSERT INTO event SELECT date '2024-01-01' + i % 700, i % 2 FROM generate_series(1, 50000) i;
ANALYZE;
"#;

struct Shop {
    home: Home,
    server: TestServer,
    session: Session,
    report: PathBuf,
    hash: String,
    before: String,
}

impl Shop {
    async fn open() -> Self {
        let (home, server) = (Home::new(), TestServer::start().await);
        server.sql("postgres", "CREATE DATABASE shop").await;
        server.sql("shop", SCHEMA).await;
        let session = server.session("shop").await;
        let catalog = read_catalog(&session, &Context::new()).await.unwrap();
        let operations = vec![
            index("orders", "orders_user", "user_id"),
            index("event", "event_at", "at"),
            Operation::CreateMaterializedView {
                schema: "public".into(),
                name: "sums".into(),
                query: "SELECT user_id, sum(total) AS total FROM orders GROUP BY user_id".into(),
                unique_key: vec!["user_id".into()],
                refresh: Refresh { every_seconds: 60.0, concurrently: true },
            },
            Operation::AddConstraint {
                schema: "public".into(),
                table: "orders".into(),
                name: "orders_total".into(),
                definition: "CHECK (total >= 0)".into(),
            },
            Operation::DropIndex {
                schema: "public".into(),
                name: "orders_note".into(),
                definition: "CREATE INDEX orders_note ON public.orders USING btree (note)".into(),
                partitions: None,
            },
        ];
        let report = report_of(Candidate::new("test", Change { operations }), Workload::default(), &catalog);
        let path = home.write("report.json", &serde_json::to_string(&report).unwrap());
        let before = dump_schema(&server.dsn("shop"));
        Self { home, server, session, report: path, hash: report.promotion.hash, before }
    }

    fn url(&self) -> String {
        format!("{}", self.server.dsn("shop"))
    }

    fn promote(&self) -> Vec<String> {
        let path = self.report.to_string_lossy().into_owned();
        ["promote", &path, "--source", &self.url(), "--approve", &self.hash].map(ToOwned::to_owned).to_vec()
    }

    fn rollback(&self, id: i64) -> Vec<String> {
        ["rollback", "--source", &self.url(), &id.to_string()].map(ToOwned::to_owned).to_vec()
    }

    async fn records(&self) -> Vec<PromotionRecord> {
        promotions(&Context::new(), &Source::new(self.server.dsn("shop"))).await.unwrap()
    }

    async fn invalid(&self) -> String {
        let sql = "SELECT coalesce(string_agg(indexrelid::regclass::text, ' '), '') FROM pg_index WHERE NOT (indisvalid AND indisready)";
        self.server.text("shop", sql).await
    }

    /// Finishes what a killed command left, by going on or by going back, and fails unless journal and database agree.
    async fn settle(&self, on: bool, when: &str) {
        let open =
            |r: &PromotionRecord| matches!(r.state, PromotionState::Promoting | PromotionState::RollingBack);
        if let Some(record) = self.records().await.into_iter().find(open) {
            let forward = on && record.state == PromotionState::Promoting;
            let args = if forward { self.promote() } else { self.rollback(record.id) };
            self.home.run(args).ended(0);
        }
        assert_eq!(self.invalid().await, "", "{when}");
        let records = self.records().await;
        assert!(!records.iter().any(open), "{when}: {records:?}");
        if let Some(record) = records.iter().find(|r| r.state == PromotionState::Promoted) {
            assert!(record.steps.iter().all(|s| s.state == StepState::Done), "{when}: {record:?}");
            let there = "SELECT concat_ws(' ', to_regclass('orders_user'), to_regclass('event_at'), to_regclass('sums_key'), \
                         to_regclass('orders_note'), (SELECT convalidated FROM pg_constraint WHERE conname = 'orders_total'))";
            assert_eq!(self.server.text("shop", there).await, "orders_user event_at sums_key t", "{when}");
            self.home.run(self.rollback(record.id)).ended(0);
        }
        assert_eq!(self.invalid().await, "", "{when}");
        assert_eq!(dump_schema(&self.server.dsn("shop")), self.before, "{when}");
    }
}

#[tokio::test]
async fn a_plan_is_rehearsed_promoted_listed_and_undone() {
    let shop = Shop::open().await;
    let path = shop.report.to_string_lossy().into_owned();
    let dry = shop.home.run(["promote", &path, "--source", &shop.url(), "--dry-run"]);
    dry.ended(0);
    for words in [
        "LOCK TABLE public.orders IN SHARE UPDATE EXCLUSIVE MODE;",
        "CREATE INDEX CONCURRENTLY orders_user ON public.orders USING btree (user_id);",
        "SET LOCAL lock_timeout = 200;",
        "ALTER TABLE public.orders ADD CONSTRAINT orders_total CHECK (total >= 0) NOT VALID;",
        "-- undo: DROP INDEX CONCURRENTLY public.orders_user;",
        "-- ok: table public.orders: is as it was measured",
    ] {
        assert!(dry.stdout.contains(words), "`{words}` in: {}", dry.stdout);
    }
    assert_eq!(dump_schema(&shop.server.dsn("shop")), shop.before);
    assert!(shop.records().await.is_empty(), "a dry run writes nothing");

    shop.home.run(["promote", &path, "--source", &shop.url()]).ended(2);
    let wrong = shop.home.run(["promote", &path, "--source", &shop.url(), "--approve", "c0ffee"]);
    wrong.ended(2).explained(&["the approval names another plan", "c0ffee"]);
    let text = std::fs::read_to_string(&shop.report).unwrap().replace("orders_total", "orders_totals");
    let other = shop.home.write("changed.json", &text).to_string_lossy().into_owned();
    let forged = shop.home.run(["promote", &other, "--source", &shop.url(), "--approve", &shop.hash]);
    forged.ended(2).explained(&["do not belong together"]);
    assert!(shop.records().await.is_empty());

    shop.home.run(shop.promote()).ended(0);
    let listed = shop.home.run(["promotions", "--source", &shop.url()]);
    assert!(listed.ended(0).stdout.contains(&shop.hash), "{listed:?}");
    shop.home.run(shop.promote()).ended(2).explained(&["promoted already"]);
    shop.home.run(shop.rollback(1)).ended(0);
    shop.home.run(shop.rollback(1)).ended(2);
    shop.home.run(shop.rollback(9)).ended(2).explained(&["no such promotion"]);

    // No statement of the workload uses what it builds, since the workload has none.
    let mut anxious = shop.promote();
    anxious.extend(["--watch", "1h", "--auto-rollback"].map(ToOwned::to_owned));
    let said = shop.home.run(anxious);
    assert!(said.ended(3).stdout.contains("promotion 2 was undone"), "{said:?}");
    assert!(said.stderr.contains("nothing to watch") && said.stderr.contains("orders_user"), "{said:?}");
    shop.settle(true, "undone").await;
}

/// The promoter is killed at random moments of its work, once also while it goes back.
#[tokio::test]
async fn a_killed_promoter_is_resumed_or_undone() {
    let shop = Shop::open().await;
    let begin = Instant::now();
    shop.home.run(shop.promote()).ended(0);
    let whole = begin.elapsed();
    let begin = Instant::now();
    shop.home.run(shop.rollback(1)).ended(0);
    let back = begin.elapsed();
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for round in 0..4 {
        let after = whole.mul_f64(random.random_range(0.05..0.95));
        let mut command = shop.home.command(shop.promote());
        kill_after(command.stdout(Stdio::null()).stderr(Stdio::null()), after);
        shop.settle(round % 2 == 0, &format!("killed after {after:?} of {whole:?}")).await;
    }
    shop.home.run(shop.promote()).ended(0);
    let record = shop.records().await.pop().unwrap();
    let mut command = shop.home.command(shop.rollback(record.id));
    let after = back.mul_f64(random.random_range(0.2..0.9));
    kill_after(command.stdout(Stdio::null()).stderr(Stdio::null()), after);
    shop.settle(false, &format!("killed after {after:?} of going back")).await;
}

/// The server is killed under the promoter.
#[tokio::test]
async fn a_killed_server_leaves_a_promotion_that_goes_on() {
    let mut shop = Shop::open().await;
    let begin = Instant::now();
    shop.home.run(shop.promote()).ended(0);
    let whole = begin.elapsed();
    shop.home.run(shop.rollback(1)).ended(0);
    let mut random = ChaCha8Rng::seed_from_u64(2);
    for round in 0..2 {
        let after = whole.mul_f64(random.random_range(0.1..0.9));
        let mut child = shop.home.start(shop.promote());
        tokio::time::sleep(after.max(Duration::from_millis(1))).await;
        shop.server.crash().await;
        child.wait().unwrap();
        shop.settle(round == 0, &format!("server killed after {after:?} of {whole:?}")).await;
    }
    assert!(shop.session.is_closed());
}
