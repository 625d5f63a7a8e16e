//! Statistics of paired measurements: pure functions over slices, no input or output.
//!
//! All of it works on log-ratios of pairs, `d = ln(baseline / candidate)`: positive is faster, and a factor
//! of two up weighs as much as a factor of two down.

mod estimate;
mod evalue;
mod symmetry;

pub use estimate::{hodges_lehmann, log_ratios, median, ratio_interval};
pub use evalue::{evidence, paired_t_evalue};
pub use symmetry::symmetry_evalue;

/// Where a centre may lie, seen from a null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Above it.
    Above,
    /// Below it.
    Below,
}
