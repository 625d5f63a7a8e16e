//! Plans carried out and undone on a real PostgreSQL.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

mod cron;
mod kinds;
mod locks;
mod refusals;
mod stage;
mod watch;
