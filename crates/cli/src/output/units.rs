//! Figures as people read them. Three significant digits; more would claim what the intervals deny.

use pgverse::types::Interval;

/// Three significant digits, without an exponent.
pub(crate) fn significant(value: f64) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    // Rounded first, so that what comes out as one is written as one.
    let rounded: f64 = format!("{value:.2e}").parse().unwrap_or(value);
    let magnitude = if rounded == 0.0 { 2.0 } else { rounded.abs().log10().floor() };
    let decimals = (2.0 - magnitude).clamp(0.0, 4.0) as usize;
    format!("{value:.decimals$}")
}

/// Bytes as millions of bytes.
pub(crate) fn megabytes(bytes: impl Into<i128>) -> String {
    significant(bytes.into() as f64 / 1e6)
}

/// How many times as fast a ratio of times is.
pub(crate) fn speed_up(ratio: f64) -> String {
    if ratio > 0.0 { format!("{}x", significant(1.0 / ratio)) } else { "-".to_owned() }
}

/// Estimate and interval of a ratio of times, such as `0.312 [0.301, 0.330]`.
pub(crate) fn ratio(ratio: Interval) -> String {
    let high = if ratio.high >= f64::MAX { "∞".to_owned() } else { significant(ratio.high) };
    format!("{} [{}, {high}]", significant(ratio.estimate), significant(ratio.low))
}

/// `1 statement`, `2 statements`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// `15.18` out of 150018.
pub(crate) fn server_version(number: u32) -> String {
    format!("{}.{}", number / 10_000, number % 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_are_enough() {
        let shown: Vec<String> =
            [0.0, 0.000_123_4, 0.012_34, 0.5, 1.0, 3.25159, 42.04, -7.25, 1234.6, 0.9996]
                .map(significant)
                .to_vec();
        assert_eq!(
            shown,
            ["0", "0.0001", "0.0123", "0.500", "1.00", "3.25", "42.0", "-7.25", "1235", "1.00"]
        );
        assert_eq!(significant(f64::NAN), "-");
    }

    #[test]
    fn a_ratio_below_one_is_faster() {
        assert_eq!(speed_up(0.25), "4.00x");
        assert_eq!(speed_up(2.0), "0.500x");
        assert_eq!(speed_up(0.0), "-");
        assert_eq!(server_version(150_018), "15.18");
        assert_eq!(count(1, "fork"), "1 fork");
    }
}
