//! Effect sizes with intervals.

use super::{Side, evidence};
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
/// looks: exp(−Hodges–Lehmann), and every centre that [`evidence`] does not refute at `error_rate`, from either side:
/// each end alone is wrong with at most that probability.
/// Where nothing is refuted the interval is everything: zero to infinity is printed as 0 to `f64::MAX`.
pub fn ratio_interval(d: &[f64], error_rate: f64) -> Interval {
    if d.is_empty() {
        return Interval { estimate: 1.0, low: 0.0, high: f64::MAX };
    }
    let centre = hodges_lehmann(d);
    let estimate = (-centre).exp();
    let (low, high) = unrefuted(d, centre, 1.0 / error_rate).map_or((0.0, f64::MAX), |(low, high)| {
        // More speed is a smaller ratio.
        ((-high).exp(), (-low).exp())
    });
    Interval { estimate, low: low.min(estimate), high: high.max(estimate) }
}

/// The range of centres whose e-value stays below `threshold`; none if that range is unbounded.
fn unrefuted(d: &[f64], centre: f64, threshold: f64) -> Option<(f64, f64)> {
    /// Steps in which the range is searched from outside, and halvings after it.
    const STEPS: i32 = 16;
    const HALVINGS: usize = 20;
    let spread = d.iter().map(|x| (x - centre).abs()).fold(0.0, f64::max).max(1e-9);
    let edge = |side: Side| {
        // A null below the data is refuted by evidence that their centre lies above it.
        let direction = if side == Side::Above { -1.0 } else { 1.0 };
        let refuted = |distance: f64| evidence(d, centre + direction * distance, side) >= threshold;
        let mut far = spread;
        while !refuted(far) {
            far *= 2.0;
            if far > 50.0 {
                return None;
            }
        }
        // The e-value need not grow all the way: what is refuted may lie between what is not, so that the edge is
        // looked for from outside.
        let mut outside = far;
        let mut inside = 0.0;
        for step in (1..STEPS).rev() {
            let distance = far * f64::from(step) / f64::from(STEPS);
            if !refuted(distance) {
                inside = distance;
                break;
            }
            outside = distance;
        }
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(inside, outside);
            if refuted(middle) { outside = middle } else { inside = middle }
        }
        Some(centre + direction * outside)
    };
    Some((edge(Side::Above)?, edge(Side::Below)?))
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
