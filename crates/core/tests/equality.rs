//! Equal answers, on a real PostgreSQL: the corpus of pairs, and what falsification does on tables that are
//! hard to fill.

#[path = "equality/cases.rs"]
mod cases;
#[path = "equality/corpus.rs"]
mod corpus;
#[path = "equality/lab.rs"]
mod lab;
