//! Exact decimal numbers, just enough for "one more" and "one less".

use std::fmt;

/// `mantissa / 10^scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in super::super) struct Decimal {
    mantissa: i128,
    scale: u32,
}

/// Digits beyond which a number is left alone.
const MOST_DIGITS: u32 = 18;

impl Decimal {
    /// Reads `12`, `-0.05`, `1e6`; `None` for anything else and for what is too long.
    pub(in super::super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (digits, exponent) = match text.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (sign, digits) = match digits.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, digits.strip_prefix('+').unwrap_or(digits)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let joined = format!("{whole}{fraction}");
        if joined.is_empty() || !joined.bytes().all(|b| b.is_ascii_digit()) || joined.len() > 30 {
            return None;
        }
        let mut mantissa: i128 = joined.parse::<i128>().ok()? * sign;
        let mut scale = i32::try_from(fraction.len()).ok()? - exponent;
        if scale < 0 {
            let power = u32::try_from(-scale).ok().filter(|p| *p <= MOST_DIGITS)?;
            mantissa = mantissa.checked_mul(10_i128.pow(power))?;
            scale = 0;
        }
        let mut scale = u32::try_from(scale).ok().filter(|s| *s <= MOST_DIGITS)?;
        while scale > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            scale -= 1;
        }
        Some(Self { mantissa, scale })
    }

    /// The value as an integer, if it is one.
    pub(in super::super) fn integer(self) -> Option<i64> {
        (self.scale == 0).then(|| i64::try_from(self.mantissa).ok()).flatten()
    }

    /// Digits behind the point.
    pub(in super::super) fn scale(self) -> u32 {
        self.scale
    }

    /// Whether it has at most this many digits before the point.
    pub(in super::super) fn whole_digits_at_most(self, digits: u32) -> bool {
        let whole = self.mantissa.unsigned_abs() / 10_u128.pow(self.scale);
        digits > 30 || whole < 10_u128.pow(digits)
    }

    /// The number itself, one more, one less, and, for a fraction, the last digit one up and down and the
    /// integers on both sides.
    pub(in super::super) fn neighbours(self) -> Vec<Self> {
        let unit = 10_i128.pow(self.scale);
        let mut all = vec![self, self.moved(unit), self.moved(-unit)];
        if self.scale > 0 {
            let floor = Self { mantissa: self.mantissa.div_euclid(unit), scale: 0 };
            all.extend([self.moved(1), self.moved(-1), floor, floor.moved(1)]);
        }
        all
    }

    /// The number in so many equal parts, where that gives an integer: sums of equal values reach it.
    pub(in super::super) fn parts(self, parts: i128) -> Option<Self> {
        (self.scale == 0 && self.mantissa % parts == 0)
            .then_some(Self { mantissa: self.mantissa / parts, scale: 0 })
    }

    fn moved(self, by: i128) -> Self {
        Self { mantissa: self.mantissa + by, ..self }.trimmed()
    }

    fn trimmed(mut self) -> Self {
        while self.scale > 0 && self.mantissa % 10 == 0 {
            self.mantissa /= 10;
            self.scale -= 1;
        }
        self
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = 10_u128.pow(self.scale);
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let magnitude = self.mantissa.unsigned_abs();
        write!(f, "{sign}{}", magnitude / unit)?;
        if self.scale > 0 {
            let width = usize::try_from(self.scale).unwrap_or(0);
            write!(f, ".{:0width$}", magnitude % unit)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn neighbours(text: &str) -> Vec<String> {
        Decimal::parse(text).unwrap().neighbours().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn numbers_have_neighbours() {
        assert_eq!(neighbours("24"), ["24", "25", "23"]);
        assert_eq!(neighbours("0.05"), ["0.05", "1.05", "-0.95", "0.06", "0.04", "0", "1"]);
        assert_eq!(neighbours("-0.5"), ["-0.5", "0.5", "-1.5", "-0.4", "-0.6", "-1", "0"]);
        assert_eq!(Decimal::parse("1e3").unwrap().to_string(), "1000");
        assert_eq!(Decimal::parse("1.50").unwrap().to_string(), "1.5");
        for no in ["", "-", "a", "1.2.3", "2024-01-01", "0x10", "1e99"] {
            assert_eq!(Decimal::parse(no), None, "{no}");
        }
        assert_eq!(Decimal::parse("300").unwrap().parts(3), Decimal::parse("100"));
        assert_eq!(Decimal::parse("100").unwrap().parts(3), None);
    }

    #[test]
    fn limits_of_columns_are_kept() {
        assert!(Decimal::parse("999.99").unwrap().whole_digits_at_most(3));
        assert!(!Decimal::parse("1000").unwrap().whole_digits_at_most(3));
        assert_eq!(Decimal::parse("1.5").unwrap().integer(), None);
    }
}
