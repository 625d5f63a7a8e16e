//! A problem in plain English: tables, columns, thresholds and symptoms out of words, without a language model.
//!
//! The vocabulary is the catalog's: identifiers are split into words, and words are compared by their stems (Snowball).
//! What is left of a sentence ranks the statements by BM25 (Robertson and Zaragoza 2009, "The Probabilistic Relevance
//! Framework", k1 = 1.2, b = 0.75), so that a rare word such as `email` says more than one in every
//! statement; what the statement does and what its conditions compare weighs beside the words.

mod numbers;
mod rank;
mod words;

pub use rank::{Ranked, rank};
pub use words::{Symptom, Understood, Verb, understand};
