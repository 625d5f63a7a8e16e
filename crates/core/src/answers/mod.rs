//! Do two ways to ask give the same answer? Compared before anything is timed.

mod approximate;
mod check;
mod digest;
mod facts;
pub mod falsify;
mod same;
mod ties;
mod volatile;

pub use check::{Question, check};
pub use digest::Digest;
pub use facts::TextFacts;
pub use same::{Sameness, same};
pub(crate) use volatile::Volatile;
