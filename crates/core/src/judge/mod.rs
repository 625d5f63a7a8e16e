//! From trials to a verdict; pure.

mod bounds;
mod objective;
mod paired;
mod progress;
#[cfg(test)]
mod tests;
mod writes;

pub(crate) use bounds::VISIBLE_MS;
pub(crate) use objective::ended;
pub use paired::PairedJudge;
pub(crate) use paired::error_part;
pub(crate) use progress::{
    Others, Progress, beats_rival, estimate, helps_at_a_price, helps_somewhere, progress, ratio_of, upper_end,
};
pub(crate) use writes::enter_write_costs;
