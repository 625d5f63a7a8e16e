//! Equal answers, on a real PostgreSQL: the corpus of pairs, and what falsification does on tables that are
//! hard to fill.

#![allow(clippy::expect_used, dead_code, reason = "test support, shared with the bench")]

#[path = "equality/cases.rs"]
mod cases;
#[path = "equality/corpus.rs"]
mod corpus;
#[path = "equality/hard.rs"]
mod hard;
#[path = "equality/lab.rs"]
mod lab;
