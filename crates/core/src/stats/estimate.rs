//! Effect sizes with intervals.

use super::paired_t_evalue;
use crate::types::Interval;

/// Median; zero for nothing. Time: O(n log n).
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// `ln(baseline / candidate)` of each pair; times are held above a nanosecond so that none is infinite.
pub fn log_ratios<'a>(pairs: impl IntoIterator<Item = (&'a f64, &'a f64)>) -> Vec<f64> {
    let floor = 1e-6;
    pairs.into_iter().map(|(baseline, candidate)| (baseline.max(floor) / candidate.max(floor)).ln()).collect()
}

/// Hodges–Lehmann estimate of the centre: the median of all means of two values, i ≤ j (Hodges and Lehmann
/// 1963). Robust against a few disturbed pairs. Time: O(n² log n).
pub fn hodges_lehmann(d: &[f64]) -> f64 {
    let walsh: Vec<f64> =
        d.iter().enumerate().flat_map(|(i, a)| d[i..].iter().map(move |b| f64::midpoint(*a, *b))).collect();
    median(&walsh)
}

/// Ratio of candidate time over baseline time with a confidence interval that stays valid however often one
/// looks: exp(−Hodges–Lehmann), and every mean that [`paired_t_evalue`] does not refute at `error_rate`.
/// With fewer than two pairs the interval is everything: zero to infinity is printed as 0 to `f64::MAX`.
pub fn ratio_interval(d: &[f64], error_rate: f64) -> Interval {
    if d.is_empty() {
        return Interval { estimate: 1.0, low: 0.0, high: f64::MAX };
    }
    let estimate = (-hodges_lehmann(d)).exp();
    let (low, high) = unrefuted(d, 1.0 / error_rate).map_or((0.0, f64::MAX), |(low, high)| {
        // More speed is a smaller ratio.
        ((-high).exp(), (-low).exp())
    });
    Interval { estimate, low: low.min(estimate), high: high.max(estimate) }
}

/// The range of means whose e-value stays below `threshold`; none if that range is unbounded.
fn unrefuted(d: &[f64], threshold: f64) -> Option<(f64, f64)> {
    #[allow(clippy::cast_precision_loss)]
    let mean = d.iter().sum::<f64>() / d.len() as f64;
    let spread = d.iter().map(|x| (x - mean).abs()).fold(0.0, f64::max).max(1e-9);
    let edge = |direction: f64| {
        // The e-value grows with the distance from the mean: double until refuted, then halve.
        let refuted = |distance: f64| paired_t_evalue(d, mean + direction * distance) >= threshold;
        let mut outside = spread;
        while !refuted(outside) {
            outside *= 2.0;
            if outside > 50.0 {
                return None;
            }
        }
        let mut inside = 0.0;
        for _ in 0..60 {
            let middle = f64::midpoint(inside, outside);
            if refuted(middle) { outside = middle } else { inside = middle }
        }
        Some(mean + direction * outside)
    };
    Some((edge(-1.0)?, edge(1.0)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn centre_is_robust_and_intervals_narrow() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(hodges_lehmann(&[1.0, 1.0, 1.0, 100.0]), 1.0);
        let few = ratio_interval(&[0.69, 0.70, 0.68, 0.71], 0.01);
        let many = ratio_interval(&[0.69, 0.70, 0.68, 0.71].repeat(5), 0.01);
        assert!((few.estimate - 0.5).abs() < 0.01);
        assert!(few.high - few.low > many.high - many.low);
        assert!(many.low < 0.5 && many.high > 0.49 && many.high < 0.52, "{many:?}");
    }

    #[test]
    fn one_pair_says_nothing() {
        let interval = ratio_interval(&[1.0], 0.01);
        assert_eq!((interval.low, interval.high), (0.0, f64::MAX));
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_estimate(d in prop::collection::vec(-3.0..3.0_f64, 1..40)) {
            let interval = ratio_interval(&d, 0.01);
            prop_assert!(interval.low <= interval.estimate && interval.estimate <= interval.high);
            prop_assert!(interval.low >= 0.0 && interval.high > 0.0);
        }

        #[test]
        fn swapping_the_arms_inverts_the_ratio(d in prop::collection::vec(-3.0..3.0_f64, 4..30)) {
            let swapped: Vec<f64> = d.iter().map(|x| -x).collect();
            let (a, b) = (ratio_interval(&d, 0.01), ratio_interval(&swapped, 0.01));
            prop_assert!((a.estimate * b.estimate - 1.0).abs() < 1e-9);
        }
    }
}
