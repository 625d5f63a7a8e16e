//! Numbers with units of time.

/// The first duration of a sentence, milliseconds: `200 ms`, `1.5s`, `two seconds`.
pub(super) fn milliseconds(text: &str) -> Option<f64> {
    let spaced = separate(text);
    let words: Vec<&str> = spaced.split_whitespace().collect();
    words.windows(2).find_map(|pair| Some(number(pair[0])? * unit(pair[1])?))
}

/// Lower case, with a space between a number and what follows it.
fn separate(text: &str) -> String {
    let mut spaced = String::new();
    let mut before = ' ';
    for c in text.to_lowercase().chars() {
        if before.is_ascii_digit() && c.is_alphabetic() {
            spaced.push(' ');
        }
        let kept = c.is_alphanumeric() || (c == '.' && before.is_ascii_digit()) || c == 'µ';
        spaced.push(if kept { c } else { ' ' });
        before = c;
    }
    spaced
}

fn number(word: &str) -> Option<f64> {
    let spelt = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    let spelt = spelt.iter().zip(1u32..).find(|(name, _)| **name == word).map(|(_, n)| f64::from(n));
    spelt
        .or_else(|| (matches!(word, "a" | "half")).then_some(if word == "a" { 1.0 } else { 0.5 }))
        .or_else(|| word.trim_end_matches('.').parse().ok().filter(|n: &f64| n.is_finite() && *n >= 0.0))
}

fn unit(word: &str) -> Option<f64> {
    Some(match word {
        "us" | "µs" | "microseconds" => 0.001,
        "ms" | "msec" | "msecs" | "millis" | "millisecond" | "milliseconds" => 1.0,
        "s" | "sec" | "secs" | "second" | "seconds" => 1000.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000.0,
        "h" | "hour" | "hours" => 3_600_000.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, expected) in [
            ("taking over 200 ms", Some(200.0)),
            ("more than 1.5s each", Some(1500.0)),
            ("takes two seconds!", Some(2000.0)),
            ("a minute", Some(60_000.0)),
            ("20 users", None),
            ("nothing", None),
        ] {
            assert_eq!(milliseconds(text), expected, "{text}");
        }
    }
}
