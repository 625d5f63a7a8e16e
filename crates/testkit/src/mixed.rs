//! A mixed run over the demo shop, as applications make it: every shape of statement that a shop asks for, with
//! constants.

use pgverse_core::Context;
use pgverse_core::workload::split;
use pgverse_fork_backends::shared::Settings;

use crate::TestServer;

const MIXED: &str = include_str!("mixed.sql");

/// A server with pg_stat_statements and, in the database `shop`, what these scripts make.
pub async fn server(scripts: &[String]) -> TestServer {
    let settings = Settings::default().with("shared_preload_libraries", "pg_stat_statements");
    let server = TestServer::with_settings(&settings).await;
    server.sql("postgres", "CREATE DATABASE shop").await;
    let session = server.session("shop").await;
    for script in scripts {
        session.batch(&Context::new(), script).await.expect("the script runs");
    }
    // What made the database is no part of the run.
    server.sql("shop", "CREATE EXTENSION pg_stat_statements; SELECT public.pg_stat_statements_reset()").await;
    server
}

/// Runs every statement of the mix this many times.
pub async fn run(server: &TestServer, times: usize) {
    let session = server.session("shop").await;
    let pieces = split(MIXED).expect("the mix can be read");
    for _ in 0..times {
        for piece in &pieces {
            session.batch(&Context::new(), piece.text).await.expect("a statement of the mix runs");
        }
    }
}
