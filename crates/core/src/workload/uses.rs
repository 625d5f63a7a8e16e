//! What a statement's text says of itself: its parameters, and the tags that an application put into a comment.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use super::scan::{Kind, Scanner};

/// How often a text uses each of its parameters.
pub(crate) fn parameters(sql: &str) -> BTreeMap<u32, usize> {
    let mut uses = BTreeMap::new();
    for token in Scanner::new(sql).map_while(Result::ok).filter(|t| t.kind == Kind::Parameter) {
        if let Ok(number) = token.text[1..].parse() {
            *uses.entry(number).or_default() += 1;
        }
    }
    uses
}

/// The tags of a sqlcommenter comment (its specification, "Format": `/*key='value',…*/`, both percent-encoded, a quote
/// in a value after a backslash), such as `controller`, `route`, `framework`.
pub(crate) fn tags(sql: &str) -> BTreeMap<String, String> {
    let comments = Scanner::new(sql).map_while(Result::ok).filter(|t| t.kind == Kind::BlockComment);
    let mut tags = BTreeMap::new();
    for comment in comments {
        let inside = comment.text.trim_start_matches("/*").trim_end_matches("*/");
        tags.extend(pairs(inside).unwrap_or_default());
    }
    tags
}

/// All pairs, or nothing where the comment is not of this form.
fn pairs(inside: &str) -> Option<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    let mut rest = inside.trim();
    while !rest.is_empty() {
        let (key, after) = rest.split_once("='")?;
        let escaped = |at: usize| after[..at].ends_with('\\');
        let end = after.match_indices('\'').map(|(at, _)| at).find(|&at| !escaped(at))?;
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        pairs.push((decoded(key.trim()), decoded(&after[..end].replace("\\'", "'"))));
        rest = after[end + 1..].trim_start();
        if !rest.is_empty() {
            rest = rest.strip_prefix(',')?.trim_start();
        }
    }
    Some(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_counted_outside_of_quotes_and_comments() {
        let uses = parameters("SELECT '$3', $1 /* $4 */ FROM t WHERE a = $2 OR b = $1 -- $5");
        assert_eq!(uses, BTreeMap::from([(1, 2), (2, 1)]));
    }

    #[test]
    fn tags_are_read_from_comments_of_their_form_only() {
        let sql = "SELECT 1 /* by hand */ /*controller='users%2Flist',route='%2Fapi',note='it\\'s'*/";
        let found = tags(sql);
        assert_eq!(found["controller"], "users/list");
        assert_eq!(found["note"], "it's");
        assert_eq!(found.len(), 3);
        assert!(tags("SELECT 1 /* a = 'b' c */").is_empty());
        assert!(tags("SELECT 1 /* unterminated='x'").is_empty());
    }
}
