//! A server to copy from.

use std::path::PathBuf;

use pgverse_core::Context;
use pgverse_core::pg::{Dsn, Session};
use pgverse_fork_backends::shared::{Account, Programs, Server, ServerSpec, Settings, StopMode, server};

/// A server that allows replication, with a database `shop`.
pub struct Source {
    pub server: Server,
    pub directory: PathBuf,
    _parent: tempfile::TempDir,
}

impl Source {
    pub async fn new() -> Self {
        let parent = tempfile::Builder::new().permissions(super::open()).tempdir().unwrap();
        let directory = parent.path().to_owned();
        let account = Account::resolve().unwrap();
        account.give(&directory).unwrap();
        let programs = Programs::find(None).unwrap();
        let (cx, data) = (Context::new(), directory.join("data"));
        let settings = Settings::for_fork()
            .with("max_wal_senders", "4")
            .with("max_replication_slots", "1")
            .with("max_prepared_transactions", "2")
            .with("random_page_cost", "1.7")
            .with("work_mem", "9MB")
            .with("listen_addresses", "");
        server::initdb(&cx, &programs, &account, &data, &settings).await.unwrap();
        let spec = ServerSpec {
            programs: &programs,
            account: &account,
            data: &data,
            socket: &directory,
            log: &directory.join("log"),
            settings: &Settings::default(),
        };
        let source = Self { server: Server::spawn(spec).unwrap(), directory, _parent: parent };
        source.server.ready(&cx, "postgres", "postgres").await.unwrap();
        source.run("postgres", "CREATE DATABASE shop").await;
        source.run("postgres", "CREATE DATABASE other").await;
        source.run("postgres", "CREATE ROLE app LOGIN; CREATE ROLE reader").await;
        source.run("shop", SHOP).await;
        source
    }

    pub fn dsn(&self, user: &str, database: &str) -> Dsn {
        self.server.dsn(user, database)
    }

    pub async fn session(&self, database: &str) -> Session {
        Session::connect(&Context::new(), &self.dsn("postgres", database), "test").await.unwrap()
    }

    pub async fn run(&self, database: &str, sql: &str) {
        self.session(database).await.batch(&Context::new(), sql).await.unwrap();
    }

    pub async fn stop(&self) {
        self.server.stop(StopMode::Immediate).await.unwrap();
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        pgverse_testkit::end(&self.server);
    }
}

/// A bit of everything that a copy could lose.
const SHOP: &str = r#"
    CREATE SCHEMA "My Schema";
    CREATE TABLE "My Schema"."Big Orders" (id serial PRIMARY KEY, total numeric(10, 2), note text);
    INSERT INTO "My Schema"."Big Orders" (total, note) SELECT n, md5(n::text) FROM generate_series(1, 5000) n;
    CREATE INDEX ON "My Schema"."Big Orders" (note);
    CREATE UNLOGGED TABLE scratch AS SELECT 1 AS one;
    CREATE VIEW totals AS SELECT sum(total) FROM "My Schema"."Big Orders";
    CREATE FUNCTION twice(n int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 2 * n; END';
    ALTER TABLE "My Schema"."Big Orders" ENABLE ROW LEVEL SECURITY;
    CREATE POLICY all_rows ON "My Schema"."Big Orders" TO reader USING (true);
    ALTER DATABASE shop SET search_path = "My Schema", public;
    ALTER ROLE app IN DATABASE shop SET work_mem = '3MB';
    SELECT lo_from_bytea(4711, 'large');
    GRANT SELECT ON LARGE OBJECT 4711 TO app;
    CREATE PUBLICATION everything FOR ALL TABLES;
    GRANT ALL ON SCHEMA "My Schema" TO app;
    GRANT pg_read_all_data TO app;
    ALTER ROLE app BYPASSRLS;
    SELECT setval('"My Schema"."Big Orders_id_seq"', 7777);
    ANALYZE;
"#;
