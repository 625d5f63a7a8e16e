//! What the line comments before a statement say about it.

use super::draft::{Draft, Given};
use super::position::Position;
use super::split::Comment;
use crate::error::{Error, Result};
use crate::types::{Origin, ParameterSet, StatementKind};

const PARAMS_FORM: &str = "write: -- params NAME: 42, 'a text'   or: -- params NAME (weight 9): 42, 'a text'";
const NAME_FORM: &str = "write: -- name: one_word   (r or w may follow, to state that it reads or writes)";
const WEIGHT_FORM: &str = "write: -- weight: 120";

/// Reads the comments before a statement into its draft; comments that are no directives are skipped.
pub(super) fn apply(draft: &mut Draft<'_>, comments: &[Comment<'_>]) -> Result<()> {
    for comment in comments {
        let at = Position { line: comment.line, column: comment.column };
        let Some(directive) = read(comment.text, at)? else { continue };
        if comment.trailing {
            return Err(
                misplaced(at).hint("put it on a line of its own before the statement that it is about")
            );
        }
        match directive {
            Directive::Name { name, kind } => {
                if draft.name.replace((name, at)).is_some() {
                    return Err(at
                        .error("the statement already has a name")
                        .hint("one name line for each statement"));
                }
                draft.stated = kind;
            }
            Directive::Weight(weight) => {
                if draft.weight.replace(weight).is_some() {
                    return Err(at
                        .error("the statement already has a weight")
                        .hint("one weight line for each statement"));
                }
            }
            Directive::Params(set) => draft.sets.push(Given { set, at: Some(at) }),
        }
    }
    Ok(())
}

/// Refuses directives behind the last statement: they would be lost silently.
pub(super) fn refuse_left_over(comments: &[Comment<'_>]) -> Result<()> {
    for comment in comments {
        let at = Position { line: comment.line, column: comment.column };
        if read(comment.text, at)?.is_some() {
            return Err(misplaced(at).hint("put it before its statement, or remove it"));
        }
    }
    Ok(())
}

fn misplaced(at: Position) -> Error {
    at.error("no statement follows this line")
}

#[derive(Debug, PartialEq)]
enum Directive {
    Name { name: String, kind: Option<StatementKind> },
    Weight(f64),
    Params(ParameterSet),
}

fn read(comment: &str, at: Position) -> Result<Option<Directive>> {
    let comment = comment.trim();
    let end = comment.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(comment.len());
    let (word, rest) = comment.split_at(end);
    let rest = rest.trim_start();
    Ok(Some(match (word.to_ascii_lowercase().as_str(), rest.strip_prefix(':')) {
        ("name", Some(value)) => name(value, at)?,
        ("weight", Some(value)) => Directive::Weight(weight(value, at)?),
        ("weight", None) if rest.trim_start_matches('=').trim().parse::<f64>().is_ok() => {
            return Err(at.error("a weight line needs a colon").hint(WEIGHT_FORM));
        }
        ("params", _) if rest.contains(':') || rest.contains("(weight") => {
            Directive::Params(params(rest, at)?)
        }
        (unknown, _) => {
            if let Some(known) = misspelt(unknown, rest) {
                return Err(at
                    .error(format!("{word:?} is probably meant to be {known:?}"))
                    .hint("correct it, or word the comment differently"));
            }
            return Ok(None);
        }
    }))
}

fn name(value: &str, at: Position) -> Result<Directive> {
    let mut words = value.split_whitespace();
    let (name, kind, more) = (words.next(), words.next(), words.next());
    let kind = match kind {
        None => Some(None),
        Some("r") => Some(Some(StatementKind::Read)),
        Some("w") => Some(Some(StatementKind::Write)),
        Some(_) => None,
    };
    match (name, kind, more) {
        (Some(name), Some(kind), None) => Ok(Directive::Name { name: name.to_owned(), kind }),
        _ => Err(at.error(format!("{:?} is not a name", value.trim())).hint(NAME_FORM)),
    }
}

fn weight(value: &str, at: Position) -> Result<f64> {
    match value.trim().parse::<f64>() {
        Ok(weight) if weight.is_finite() && weight > 0.0 => Ok(weight),
        _ => {
            Err(at.error(format!("the weight {:?} is not a positive number", value.trim())).hint(WEIGHT_FORM))
        }
    }
}

fn params(rest: &str, at: Position) -> Result<ParameterSet> {
    let malformed = || at.error("the params line cannot be read").hint(PARAMS_FORM);
    let (header, list) = rest.split_once(':').ok_or_else(malformed)?;
    let (name, share) = match header.split_once('(') {
        Some((name, share)) => {
            let share = share.trim_end().strip_suffix(')').and_then(|s| s.trim().strip_prefix("weight"));
            (name, weight(share.ok_or_else(malformed)?, at).map_err(|e| e.hint(PARAMS_FORM))?)
        }
        None => (header, 1.0),
    };
    let name = name.trim();
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err(malformed());
    }
    Ok(ParameterSet { id: name.into(), values: values(list, at)?, weight: share, origin: Origin::Given })
}

/// Values separated by commas: bare, or in single quotes with `''` for a quote; a bare NULL is NULL.
fn values(list: &str, at: Position) -> Result<Vec<Option<String>>> {
    let mut values = Vec::new();
    let mut rest = list.trim();
    loop {
        let number = values.len() + 1;
        let bad = |what: &str, hint: &str| Err(at.error(format!("value {number} {what}")).hint(hint));
        let value = if let Some(quoted) = rest.strip_prefix('\'') {
            let Some((value, behind)) = unquote(quoted) else {
                return bad("has no closing quote", "write a quote within a text twice: 'it''s'");
            };
            rest = behind.trim_start();
            if !(rest.is_empty() || rest.starts_with(',')) {
                return bad("goes on behind its closing quote", "write a quote within a text twice: 'it''s'");
            }
            Some(value)
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            let bare = rest[..end].trim_end();
            rest = &rest[end..];
            if bare.is_empty() {
                return bad("is missing", "write '' for an empty text and NULL for no value");
            }
            if bare.contains('\'') {
                return bad("holds a quote", "put the whole value in quotes: 'it''s'");
            }
            (!bare.eq_ignore_ascii_case("null")).then(|| bare.to_owned())
        };
        values.push(value);
        match rest.strip_prefix(',') {
            Some(next) => rest = next.trim_start(),
            None => return Ok(values),
        }
    }
}

/// The content up to the closing quote, and what stands behind that.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = quoted;
    loop {
        let end = rest.find('\'')?;
        value.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('\'') {
            Some(next) => {
                value.push('\'');
                rest = next;
            }
            None => return Some((value, rest)),
        }
    }
}

/// The directive that a line in the form of one probably means: one slip away, with the same first letter,
/// so that words such as `note` or `same` stay comments.
fn misspelt(word: &str, rest: &str) -> Option<&'static str> {
    let header = rest.split_once(':')?.0.trim();
    let alone = header.is_empty();
    let names_a_set = !header.contains(char::is_whitespace) || header.contains("(weight");
    [("name", alone), ("weight", alone), ("params", names_a_set)].into_iter().find_map(|(known, in_form)| {
        let close = is_one_slip_away(word, known) || (known == "params" && word.starts_with("parameter"));
        (in_form && close && word != known).then_some(known)
    })
}

/// Whether one letter is missing, too many, another, or swapped with its neighbour, the first letter being
/// the same.
pub(super) fn is_one_slip_away(word: &str, known: &str) -> bool {
    let (a, b) = (word.as_bytes(), known.as_bytes());
    if a.first() != b.first() || a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let head = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[head..], &b[head..]);
    let tail = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[..a.len() - tail], &b[..b.len() - tail]);
    match (a, b) {
        ([x, y], [p, q]) => x == q && y == p,
        _ => a.len() <= 1 && b.len() <= 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Position = Position { line: 4, column: 2 };

    fn given(comment: &str) -> Option<Directive> {
        read(comment, AT).unwrap()
    }

    fn refused(comment: &str) -> String {
        read(comment, AT).unwrap_err().to_string()
    }

    fn set(comment: &str) -> ParameterSet {
        match given(comment) {
            Some(Directive::Params(set)) => set,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn names_and_weights() {
        let name = |name: &str, kind| Some(Directive::Name { name: name.into(), kind });
        assert_eq!(given(" name: recent_orders"), name("recent_orders", None));
        assert_eq!(given("NAME :  a.b-1 r "), name("a.b-1", Some(StatementKind::Read)));
        assert_eq!(given(" name: x w"), name("x", Some(StatementKind::Write)));
        assert_eq!(given("weight: 1.5e2"), Some(Directive::Weight(150.0)));
        assert_eq!(
            refused(" name: top ten users"),
            "\"top ten users\" is not a name (line: 4, column: 2); write: -- name: one_word   (r or w may follow, \
             to state that it reads or writes)"
        );
        for weight in ["0", "-1", "inf", "NaN", "much", ""] {
            let expected = format!(
                "the weight {weight:?} is not a positive number (line: 4, column: 2); write: -- weight: 120"
            );
            assert_eq!(refused(&format!(" weight: {weight}")), expected);
        }
        assert_eq!(
            refused("weight = 3"),
            "a weight line needs a colon (line: 4, column: 2); write: -- weight: 120"
        );
    }

    #[test]
    fn parameter_sets() {
        let some = |values: &[&str]| values.iter().map(|v| Some((*v).to_owned())).collect::<Vec<_>>();
        let frequent = set(" params frequent (weight 9): 4242, 10");
        assert_eq!(
            (frequent.id.as_str(), frequent.weight, frequent.origin),
            ("frequent", 9.0, Origin::Given)
        );
        assert_eq!(frequent.values, some(&["4242", "10"]));
        assert_eq!(set("params a: 2025-01-01 10:00:00,true").values, some(&["2025-01-01 10:00:00", "true"]));
        assert_eq!(set("params a: 'x, ''y''', ''").values, some(&["x, 'y'", ""]));
        assert_eq!(set("params a: null, 'NULL', NULL").values, [None, Some("NULL".into()), None]);
        let form = "(line: 4, column: 2); write: -- params NAME: 42, 'a text'   or: -- params NAME (weight 9): 42, 'a text'";
        for malformed in ["params: 1", "params a b: 1", "params a (9): 1", "params a (weight 9) 1"] {
            assert_eq!(refused(malformed), format!("the params line cannot be read {form}"), "{malformed}");
        }
        assert!(refused("params a (weight 0): 1").starts_with("the weight \"0\" is not a positive number"));
        for (list, message) in [
            (
                "1,,2",
                "value 2 is missing (line: 4, column: 2); write '' for an empty text and NULL for no value",
            ),
            ("", "value 1 is missing (line: 4, column: 2); write '' for an empty text and NULL for no value"),
            (
                "1,",
                "value 2 is missing (line: 4, column: 2); write '' for an empty text and NULL for no value",
            ),
            (
                "'a",
                "value 1 has no closing quote (line: 4, column: 2); write a quote within a text twice: 'it''s'",
            ),
            (
                "'a'b",
                "value 1 goes on behind its closing quote (line: 4, column: 2); write a quote within a text twice: 'it''s'",
            ),
            ("it's", "value 1 holds a quote (line: 4, column: 2); put the whole value in quotes: 'it''s'"),
        ] {
            assert_eq!(refused(&format!("params a: {list}")), message);
        }
    }

    #[test]
    fn slips_are_refused_and_prose_is_not() {
        for (slip, known) in [
            ("wieght: 3", "weight"),
            ("weigh: 3", "weight"),
            ("nmae: x", "name"),
            ("names: x", "name"),
            ("param rare: 7", "params"),
            ("parms rare (weight 2): 7", "params"),
            ("parameters rare: 7", "params"),
        ] {
            let word = slip.split([':', ' ']).next().unwrap();
            assert_eq!(
                refused(slip),
                format!(
                    "{word:?} is probably meant to be {known:?} (line: 4, column: 2); correct it, or word the \
                     comment differently"
                )
            );
        }
        for prose in [
            "",
            "note: x",
            "same: x",
            "height: 3",
            "name the rows",
            "weight of the parcel",
            "params are chosen well",
            "Workload A.  \"-- name: X [r|w]\" starts a statement.",
            "----",
            "name",
            "todo: name: x",
            "ünïcode: x",
            "parties to note: all",
        ] {
            assert_eq!(given(prose), None, "{prose}");
        }
    }
}
