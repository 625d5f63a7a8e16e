//! Strings that match and strings that just do not.

/// The constant itself, or strings that match it if it is a LIKE pattern.
pub(super) fn matching(text: &str) -> Vec<String> {
    if !text.contains(['%', '_']) {
        return vec![text.to_owned()];
    }
    let short = text.chars().filter(|c| *c != '%').map(|c| if c == '_' { 'q' } else { c }).collect();
    vec![text.replace('%', "xy").replace('_', "q"), short, text.to_owned()]
}

/// The constant and what is easily confused with it: other case, a space at the end, one letter more or less.
/// A LIKE pattern is turned into strings that match it.
pub(super) fn around(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    for text in matching(text) {
        all.extend(near(&text));
    }
    if text.contains('%') {
        all.push(format!("z{}", text.replace('%', "xy").replace('_', "q")));
    }
    all
}

fn near(text: &str) -> Vec<String> {
    let mut shorter = text.to_owned();
    shorter.pop();
    let mut all = vec![text.to_owned()];
    for other in [text.to_uppercase(), text.to_lowercase(), format!("{text} "), shorter, format!("{text}a")] {
        if !all.contains(&other) {
            all.push(other);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_become_strings() {
        let strings = around("%special%re_");
        for want in ["xyspecialxyreq", "specialreq", "zxyspecialxyreq"] {
            assert!(strings.iter().any(|s| s == want), "{want} in {strings:?}");
        }
        assert_eq!(around("Open"), ["Open", "OPEN", "open", "Open ", "Ope", "Opena"]);
        assert_eq!(around(""), ["", " ", "a"]);
    }
}
