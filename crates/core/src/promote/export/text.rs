//! Texts that several formats share.

use crate::types::{Interval, LockLevel};

/// How long a statement with a strong lock waits for it.
pub(super) const LOCK_TIMEOUT: &str = "2s";

/// Bytes of a slug.
const SLUG: usize = 60;

/// A lock as PostgreSQL's manual spells it, in lower case.
pub(super) fn lock_name(lock: LockLevel) -> String {
    let name = serde_json::to_value(lock).ok();
    name.as_ref().and_then(serde_json::Value::as_str).unwrap_or("unknown").replace('_', " ")
}

/// `0.312 (0.301 to 0.330)`.
pub(in crate::promote) fn interval(ratio: Interval) -> String {
    format!("{:.3} ({:.3} to {:.3})", ratio.estimate, ratio.low, ratio.high)
}

/// Without line breaks, so that it stays within a line comment.
pub(super) fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Part of a file's name: lower-case letters, digits and single underscores.
pub(super) fn slug(title: &str) -> String {
    let mut slug = String::new();
    for c in title.chars() {
        let c = if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
        if slug.len() < SLUG && !(c == '_' && (slug.is_empty() || slug.ends_with('_'))) {
            slug.push(c);
        }
    }
    format!("pgverse_{}", slug.trim_end_matches('_'))
}

/// A statement with its semicolon, which no comment at its end may swallow.
pub(super) fn terminated(sql: &str) -> String {
    let line = if sql.contains("--") { "\n" } else { "" };
    format!("{sql}{line};\n")
}

/// Lines as comments, each after this mark. Without semicolons: what Prisma sends through a driver adapter is cut at
/// every one of them, also in comments.
pub(super) fn comments<'a>(mark: &str, lines: impl IntoIterator<Item = &'a str>) -> String {
    lines.into_iter().map(|line| format!("{mark} {}\n", line.replace(';', ","))).collect()
}

/// A string literal of Python and of JavaScript: what JSON writes means the same in both (ECMA-262, "String
/// Literals"; Python reference, "String and Bytes literals"). Nothing outside the basic plane is escaped by our
/// writer, so that no pair of surrogates can arise.
pub(super) fn string_literal(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
