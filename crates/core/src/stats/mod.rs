//! Statistics of paired measurements: pure functions over slices, no input or output.
//!
//! All of it works on log-ratios of pairs, `d = ln(baseline / candidate)`: positive is faster, and a factor
//! of two up weighs as much as a factor of two down.

mod estimate;
mod evalue;

pub use estimate::{hodges_lehmann, log_ratios, median, ratio_interval};
pub use evalue::paired_t_evalue;
