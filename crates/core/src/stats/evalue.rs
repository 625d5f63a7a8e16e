//! Anytime-valid tests: they may be looked at after every pair.

use super::{Side, symmetry_evalue};

/// Variances of the effect-size priors that are mixed, in units of the noise variance: small, medium and
/// huge effects.
const PRIOR_VARIANCES: [f64; 3] = [0.5, 5.0, 50.0];

/// E-value of the paired t test of "the mean of `d` is `null`", after any number of looks.
///
/// With n values, mean m, standard deviation s, ν = n − 1 and t = √n (m − null) / s, a normal prior of
/// variance g on the effect size gives the Bayes factor
///
/// ```text
/// E(g) = (1 + n g)^(−1/2) · [ (1 + t²/ν) / (1 + t²/(ν (1 + n g))) ]^((ν + 1)/2)
/// ```
///
/// (Rouder et al., "Bayesian t tests for accepting and rejecting the null hypothesis", 2009, the fixed-g
/// form; a test martingale under the scale-invariant null). The mean over three g is again an e-value. By
/// Ville's inequality it exceeds 1/α with probability at most α, whenever one stops. Two-sided: a caller who
/// asks for one direction also checks the sign of the mean. Below two values there is no evidence: 1.
pub fn paired_t_evalue(d: &[f64], null: f64) -> f64 {
    let n = d.len();
    if n < 2 {
        return 1.0;
    }
    #[allow(clippy::cast_precision_loss)] // A few thousand pairs at the most.
    let n = n as f64;
    let nu = n - 1.0;
    let mean = d.iter().sum::<f64>() / n;
    let variance = d.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / nu;
    let distance = (mean - null).powi(2);
    if distance == 0.0 {
        // t is zero (or undefined where all values are equal to the null): only the penalty is left.
        return PRIOR_VARIANCES.iter().map(|g| (1.0 + n * g).powf(-0.5)).sum::<f64>() / 3.0;
    }
    let t2 = n * distance / variance;
    PRIOR_VARIANCES
        .iter()
        .map(|g| {
            let shrink = 1.0 + n * g;
            // Where all values are equal, t is infinite and the fraction tends to 1 + n g.
            let fraction = if t2.is_finite() { (1.0 + t2 / nu) / (1.0 + t2 / (nu * shrink)) } else { shrink };
            (-0.5 * shrink.ln() + 0.5 * (nu + 1.0) * fraction.ln()).exp()
        })
        .sum::<f64>()
        / 3.0
}

/// E-value of "the centre of `d` is `null`" against "it lies on this side", after any number of looks: the mean of
/// [`paired_t_evalue`], where the mean lies on this side, and [`symmetry_evalue`]. The first needs the fewest pairs for
/// a large effect; the second finds a small one beside bursts that make some pairs wild.
pub fn evidence(d: &[f64], null: f64, side: Side) -> f64 {
    #[allow(clippy::cast_precision_loss)]
    let mean = d.iter().sum::<f64>() / d.len().max(1) as f64;
    let there = match side {
        Side::Above => mean > null,
        Side::Below => mean < null,
    };
    let t = if there { paired_t_evalue(d, null) } else { 0.0 };
    f64::midpoint(t, symmetry_evalue(d, null, side))
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Sum of twelve uniforms less six: near normal, variance one.
    fn normal(rng: &mut ChaCha8Rng) -> f64 {
        (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0
    }

    #[test]
    fn no_evidence_without_data_and_much_from_a_clear_effect() {
        assert_eq!(paired_t_evalue(&[], 0.0), 1.0);
        assert_eq!(paired_t_evalue(&[1.0], 0.0), 1.0);
        assert!(paired_t_evalue(&[0.70, 0.69, 0.71, 0.68], 0.0) > 100.0);
        assert!(paired_t_evalue(&[0.5; 6], 0.0) > 100.0);
        assert!(paired_t_evalue(&[0.0; 6], 0.0) < 1.0);
    }

    #[test]
    fn peeking_at_noise_rarely_finds_anything() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let runs = 2000;
        let found = (0..runs)
            .filter(|_| {
                let mut d = Vec::new();
                (0..60).any(|_| {
                    d.push(normal(&mut rng));
                    d.len() >= 4 && paired_t_evalue(&d, 0.0) >= 100.0
                })
            })
            .count();
        // At most 1 % by Ville's inequality; 20 expected at the most, 40 is four standard deviations away.
        assert!(found <= 40, "{found} of {runs}");
    }

    #[test]
    fn a_real_effect_is_found_soon() {
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        let mut needed: Vec<usize> = (0..500)
            .map(|_| {
                let mut d = Vec::new();
                while d.len() < 4 || paired_t_evalue(&d, 0.0) < 100.0 {
                    d.push(2.0 + normal(&mut rng));
                }
                d.len()
            })
            .collect();
        needed.sort_unstable();
        // An effect of two standard deviations: about nine pairs in the median.
        assert!(needed[250] <= 12, "{}", needed[250]);
    }
}
