//! Small statistics of whole series.

use pgverse::stats::{log_ratios, median};
use pgverse::types::{PairedSamples, Trial};
use pgverse::{Error, Result};
use statrs::distribution::{Beta, ContinuousCDF};

/// The 95 % upper bound of a share (Clopper and Pearson 1934, one-sided).
#[allow(clippy::cast_precision_loss)] // Counts of trials.
pub(crate) fn upper_bound(hits: usize, trials: usize) -> Result<f64> {
    if hits >= trials {
        return Ok(1.0);
    }
    let beta = Beta::new(hits as f64 + 1.0, (trials - hits) as f64)
        .map_err(|e| Error::internal("no such beta distribution").caused_by(e))?;
    Ok(beta.inverse_cdf(0.95))
}

#[allow(clippy::cast_precision_loss)]
pub(crate) fn share(hits: usize, trials: usize) -> f64 {
    hits as f64 / trials.max(1) as f64
}

/// The value that 95 of 100 do not exceed (nearest rank).
pub(crate) fn p95(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = (sorted.len() * 95).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

#[allow(clippy::cast_precision_loss)]
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

pub(crate) fn deviation(values: &[f64]) -> f64 {
    let centre = mean(values);
    let squares: Vec<f64> = values.iter().map(|x| (x - centre).powi(2)).collect();
    mean(&squares).sqrt()
}

/// How much a value tells of the next one.
pub(crate) fn autocorrelation(values: &[f64]) -> f64 {
    let centre = mean(values);
    let products: Vec<f64> = values.windows(2).map(|w| (w[0] - centre) * (w[1] - centre)).collect();
    mean(&products) / deviation(values).powi(2).max(f64::MIN_POSITIVE)
}

/// The noise that trials saw: how single baseline runs scatter, and how paired runs of the same thing do.
#[derive(Debug, Default)]
pub(crate) struct Noise {
    runs: Vec<f64>,
    wall: Vec<f64>,
    deciding: Vec<f64>,
}

impl Noise {
    pub(crate) fn add(&mut self, trials: &[Trial]) {
        for samples in trials.iter().flat_map(|t| &t.samples) {
            self.add_samples(samples);
        }
    }

    fn add_samples(&mut self, samples: &PairedSamples) {
        let typical = median(&samples.baseline_ms);
        self.runs.extend(samples.baseline_ms.iter().map(|ms| (ms / typical).ln()));
        self.wall.extend(log_ratios(samples.baseline_ms.iter().zip(&samples.control_ms)));
        self.deciding.extend(log_ratios(samples.baseline().iter().zip(samples.control())));
    }

    pub(crate) fn describe(&self) -> String {
        format!(
            "one run's wall time scatters by {:.0} % (95th percentile {:.1} times the median), an A/A pair's by {:.0} %, an A/A pair's by the clock that decides by {:.0} %",
            deviation(&self.runs) * 100.0,
            p95(&self.runs).exp(),
            deviation(&self.wall) * 100.0,
            deviation(&self.deciding) * 100.0,
        )
    }
}
