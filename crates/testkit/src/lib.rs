//! Throw-away PostgreSQL servers, fakes and behaviour suites for the tests of pgverse.

#![allow(clippy::expect_used, clippy::panic, reason = "a test support crate fails by panicking")]

mod agents;
pub use agents::{FailingAgent, FixedAgent, HangingAgent, PanickingAgent};
