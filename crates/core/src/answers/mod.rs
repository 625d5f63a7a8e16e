//! Do two ways to ask give the same answer? Compared before anything is timed.

mod check;
mod digest;
mod facts;
pub mod falsify;
mod ties;

pub use check::{Question, check};
pub use digest::Digest;
pub use facts::TextFacts;
