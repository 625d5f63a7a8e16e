//! Benchmarkers return raw samples; the engine owns the schedule.

use std::fmt::Debug;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::bench::{Lab, Round};
use crate::context::Context;
use crate::error::Result;

/// Runs the shots of a round on a universe and returns raw samples.
///
/// # Contract
/// - Runs the shots in the order given; each arm's switches are on for its shots and for no others.
/// - Returns one sample for each shot, in the same order; never an average over shots.
/// - Leaves the universe as it was: everything runs in transactions that are rolled back.
/// - A shot that runs into its time-out is a sample with `timed_out`, not an error.
#[async_trait]
pub trait Benchmarker: Debug + Send + Sync + 'static {
    /// Measures one round.
    async fn measure(&self, cx: &Context, lab: &Lab, round: &Round) -> Result<Vec<Sample>>;
}

/// The measurement of one shot.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Sample {
    /// Milliseconds from sending the statement to receiving its last row; the median of the repetitions
    /// (by `unqueued_ms`, where that can be read).
    pub wall_ms: f64,
    /// Milliseconds of processor time of the server process, where it can be read; same repetition.
    pub cpu_ms: Option<f64>,
    /// `wall_ms` without the time that the server process, or we, stood in the queue for a processor, where
    /// it can be read; same repetition. Waiting for disks, locks and parallel workers is in it; a busy machine is not.
    pub unqueued_ms: Option<f64>,
    /// Whether the time-out cut it off; `wall_ms` is the time-out then.
    pub timed_out: bool,
}
