//! The report: outcomes and verdict put together, and a verdict judged again.

mod assemble;

pub use assemble::judge_again;
pub(crate) use assemble::{Parts, assemble, candidate_of};

use crate::types::Report;

/// JSON Schema of [`Report`], draft 2020-12.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Report).to_value()
}
