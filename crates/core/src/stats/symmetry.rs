//! An anytime-valid test of a centre that asks nothing of the noise but symmetry.

use super::Side;

/// Alternatives that are mixed, as (distance of the centre, scale of the noise) in units of the typical distance from
/// the null: a centre within the noise, and one well outside of it.
const ALTERNATIVES: [(f64, f64); 2] = [(0.5, 1.0), (1.0, 0.3)];

/// E-value of "the values of `d` lie symmetrically about `null`" against "their centre lies on this side of it", after
/// any number of looks.
///
/// Baseline and candidate run in random order in each round, so without a difference the sign of each pair is a fair
/// coin, whatever its size, the other pairs, and the machine's noise. With x = d − null, m the median of the |x| so
/// far (this one included), δ = a m and σ = b m, the wealth of a bet on each sign is
///
/// ```text
/// E(a, b) = Π (1 ± 2 x δ / (x² + δ² + σ²))
/// ```
///
/// plus for a centre above. The stake depends on sizes only, hence each factor's expectation is one and E is a
/// martingale (Ramdas, Ruf, Larsson and Koolen, "Admissible anytime-valid sequential inference must rely on nonnegative
/// martingales", 2020; Vovk and Wang, "Efficiency of nonparametric e-tests", 2022). The stakes are what likelihoods of
/// Cauchy's shape about ±δ give: a pair far out, one of whose runs was disturbed, counts for little. Time: O(n²) in the
/// worst case, for the medians; one value of a few thousand takes microseconds.
pub fn symmetry_evalue(d: &[f64], null: f64, side: Side) -> f64 {
    let sign = match side {
        Side::Above => 1.0,
        Side::Below => -1.0,
    };
    let mut sizes: Vec<f64> = Vec::with_capacity(d.len());
    let mut logs = [0.0; ALTERNATIVES.len()];
    for x in d.iter().map(|x| x - null) {
        let size = x.abs();
        sizes.insert(sizes.partition_point(|s| *s < size), size);
        if size == 0.0 {
            continue;
        }
        let middle = sizes.len() / 2;
        let typical = if sizes.len() % 2 == 1 {
            sizes[middle]
        } else {
            f64::midpoint(sizes[middle - 1], sizes[middle])
        };
        for (log, (a, b)) in logs.iter_mut().zip(ALTERNATIVES) {
            let (delta, sigma) = (a * typical, b * typical);
            *log += (sign * 2.0 * x * delta / (x * x + delta * delta + sigma * sigma)).ln_1p();
        }
    }
    #[allow(clippy::cast_precision_loss)] // Two.
    let among = ALTERNATIVES.len() as f64;
    logs.iter().map(|log| log.exp()).sum::<f64>() / among
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Cauchy's distribution: no mean, no variance.
    fn cauchy(rng: &mut ChaCha8Rng) -> f64 {
        (std::f64::consts::PI * (rng.random::<f64>() - 0.5)).tan()
    }

    #[test]
    fn its_expectation_is_one_over_all_signs() {
        let sizes: [f64; 6] = [0.3, 0.01, 2.0, 0.5, 0.5, 7.0];
        let all: f64 = (0..1_u32 << sizes.len())
            .map(|signs| {
                let d: Vec<f64> = sizes
                    .iter()
                    .enumerate()
                    .map(|(i, size)| if signs >> i & 1 == 1 { 0.2 + size } else { 0.2 - size })
                    .collect();
                symmetry_evalue(&d, 0.2, Side::Above)
            })
            .sum();
        assert!((all / 64.0 - 1.0).abs() < 1e-9, "{all}");
    }

    #[test]
    fn wild_noise_does_not_hide_an_effect_and_is_not_taken_for_one() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let (mut found, mut wrong) = (0, 0);
        for _ in 0..300 {
            let noise: Vec<f64> = (0..60).map(|_| 0.04 * cauchy(&mut rng)).collect();
            let slower: Vec<f64> = noise.iter().map(|x| x + 0.1).collect();
            let ever = |d: &[f64], side| (6..=60).any(|n| symmetry_evalue(&d[..n], 0.0, side) >= 100.0);
            found += usize::from(ever(&slower, Side::Above));
            wrong += usize::from(ever(&noise, Side::Above));
        }
        assert!(found >= 285, "{found}");
        // Three expected at the most (Ville's inequality); ten is four standard deviations away.
        assert!(wrong <= 10, "{wrong}");
    }

    #[test]
    fn sides_mirror_each_other_and_nothing_says_nothing() {
        let d = [0.1, -0.3, 0.2, 0.0, 0.4];
        let mirrored: Vec<f64> = d.iter().map(|x| -x).collect();
        assert_eq!(symmetry_evalue(&d, 0.0, Side::Above), symmetry_evalue(&mirrored, 0.0, Side::Below));
        assert_eq!(symmetry_evalue(&[], 0.0, Side::Above), 1.0);
        assert_eq!(symmetry_evalue(&[0.2; 4], 0.2, Side::Above), 1.0);
    }
}
