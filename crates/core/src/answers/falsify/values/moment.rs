//! Dates and timestamps at and beside a boundary.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time};

/// Moments around the constant, as the server reads them; none if it is no moment. A bare year counts: it is
/// what `extract(year …)` is compared with.
pub(super) fn around(text: &str) -> Vec<String> {
    if let Some(moment) = parse(text) {
        return neighbours(moment);
    }
    match text.trim().parse::<i16>() {
        Ok(year) if (1900..=2100).contains(&year) => {
            let days = [Date::new(year, 1, 1), Date::new(year, 12, 31), Date::new(year + 1, 1, 1)];
            days.into_iter().flatten().map(|day| show(day.to_datetime(Time::midnight()))).collect()
        }
        _ => Vec::new(),
    }
}

/// The moment itself, or the first day of the year.
pub(super) fn exactly(text: &str) -> Option<String> {
    around(text).into_iter().next()
}

fn neighbours(moment: DateTime) -> Vec<String> {
    let midnight = moment.date().to_datetime(Time::midnight());
    let moments = [
        Some(moment),
        moment.checked_add(1.microsecond()).ok(),
        moment.checked_sub(1.microsecond()).ok(),
        moment.checked_add(1.second()).ok(),
        moment.checked_sub(1.second()).ok(),
        moment.checked_add(1.day()).ok(),
        moment.checked_sub(1.day()).ok(),
        Some(midnight),
        midnight.checked_add(1.day()).ok(),
        midnight.checked_add(1.day()).and_then(|next| next.checked_sub(1.microsecond())).ok(),
    ];
    moments.into_iter().flatten().map(show).collect()
}

/// Reads the server's ISO output and what people write; a time zone is left off, so that the moment is one of
/// the session's own zone.
fn parse(text: &str) -> Option<DateTime> {
    let text = text.trim();
    if text.len() < 8 || !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let end = text
        .char_indices()
        .skip(10)
        .find(|(_, c)| !(c.is_ascii_digit() || matches!(c, ' ' | 'T' | ':' | '.')))
        .map_or(text.len(), |(at, _)| at);
    let text = text.get(..end)?.trim_end();
    text.parse::<DateTime>()
        .or_else(|_| text.parse::<Date>().map(|day| day.to_datetime(Time::midnight())))
        .ok()
}

fn show(moment: DateTime) -> String {
    moment.to_string().replacen('T', " ", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_are_met_and_missed() {
        let moments = around("2024-03-01 00:00:00+00");
        for want in [
            "2024-03-01 00:00:00",
            "2024-02-29 23:59:59.999999",
            "2024-03-01 00:00:00.000001",
            "2024-02-29 00:00:00",
            "2024-03-02 00:00:00",
        ] {
            assert!(moments.iter().any(|m| m == want), "{want} in {moments:?}");
        }
        assert_eq!(around("2024-03-01")[0], "2024-03-01 00:00:00");
        assert_eq!(around("2023"), ["2023-01-01 00:00:00", "2023-12-31 00:00:00", "2024-01-01 00:00:00"]);
        assert!(around("42").is_empty() && around("open").is_empty() && around("1 month").is_empty());
    }
}
