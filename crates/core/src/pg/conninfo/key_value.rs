//! `key=value` strings (PostgreSQL manual, "Keyword/Value Connection Strings"), read as libpq reads them.

use super::Conninfo;
use crate::error::{Error, Result};

/// Blanks as C's `isspace` sees them.
pub(super) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

/// Reads the string; a keyword given twice has its last value.
pub(super) fn parse(text: &str) -> Result<Conninfo> {
    let mut conninfo = Conninfo::default();
    let mut previous = "";
    let mut rest = text.trim_start_matches(is_blank);
    while !rest.is_empty() {
        let end = rest.find(|c| c == '=' || is_blank(c)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let Some(value) = after.trim_start_matches(is_blank).strip_prefix('=') else {
            return Err(no_equals(name, previous));
        };
        let (value, after) = read_value(value.trim_start_matches(is_blank))?;
        previous = conninfo.set(name, value).map_err(|e| without_secret(e, previous))?;
        rest = after.trim_start_matches(is_blank);
    }
    Ok(conninfo)
}

/// One value and what follows it.
fn read_value(text: &str) -> Result<(String, &str)> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut chars = text.char_indices().skip(usize::from(quoted));
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            c if !quoted && is_blank(c) => return Ok((value, &text[at..])),
            c => value.push(c),
        }
    }
    if quoted {
        return Err(Error::invalid("a quoted value of the connection string does not end")
            .hint("write ' as \\' and \\ as \\\\ inside quotes"));
    }
    Ok((value, ""))
}

fn no_equals(name: &str, previous: &str) -> Error {
    let error = if previous.is_empty() {
        Error::invalid("the connection string is neither a URL nor key=value pairs")
    } else {
        Error::invalid(format!("\"=\" is missing after \"{name}\" in the connection string"))
    };
    let error = error.hint("write postgresql://user@host:port/database, or host=… port=… user=… dbname=…; a value with blanks goes in single quotes");
    without_secret(error, previous)
}

/// A word after a password may be the second half of it: it is not shown.
fn without_secret(error: Error, previous: &str) -> Error {
    if previous == "password" {
        return Error::invalid("the word after the password in the connection string is no parameter")
            .hint("a password with blanks goes in single quotes: password='…'");
    }
    error
}

/// A value that [`parse`] reads back as it is.
pub(in crate::pg) fn quote(value: &str) -> String {
    if !value.is_empty() && !value.contains(|c| is_blank(c) || matches!(c, '\'' | '\\')) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(&'static str, String)> {
        parse(text).unwrap().into_pairs()
    }

    #[test]
    fn blanks_quotes_and_escapes_are_libpqs() {
        for (text, expected) in [
            ("", vec![]),
            (" \t\n", vec![]),
            ("host=a", vec![("host", "a")]),
            (" host = a  port\t=\n5433 ", vec![("host", "a"), ("port", "5433")]),
            ("host=''", vec![("host", "")]),
            ("host=", vec![("host", "")]),
            // After "=" blanks are skipped, so the next pair becomes the value, as in libpq.
            ("password= user=x", vec![("password", "user=x")]),
            ("password='it\\'s a \\\\ pass'", vec![("password", "it's a \\ pass")]),
            ("password=a\\ b\\'c", vec![("password", "a b'c")]),
            ("password=a'b'c", vec![("password", "a'b'c")]),
            ("host='a'port=1", vec![("host", "a"), ("port", "1")]),
            ("host=a host=b", vec![("host", "b")]),
            ("password=tail\\", vec![("password", "tail")]),
            ("dbname='ü ß'", vec![("dbname", "ü ß")]),
            ("requiressl=1", vec![("sslmode", "require")]),
        ] {
            let expected: Vec<_> =
                expected.into_iter().map(|(k, v): (&str, &str)| (k, v.to_owned())).collect();
            assert_eq!(pairs(text), expected, "{text}");
        }
    }

    #[test]
    fn broken_strings_are_refused_in_words() {
        for (text, message) in [
            ("mydb", "the connection string is neither a URL nor key=value pairs"),
            ("host=a mydb", "\"=\" is missing after \"mydb\" in the connection string"),
            ("host='a", "a quoted value of the connection string does not end"),
            ("hots=a", "unknown connection parameter \"hots\""),
            ("=a", "unknown connection parameter \"\""),
        ] {
            assert_eq!(parse(text).map(drop).unwrap_err().message(), message, "{text}");
        }
    }

    #[test]
    fn the_rest_of_an_unquoted_password_is_not_shown() {
        for text in ["password=open sesame host=a", "password=open sesame=1", "password=open sesame"] {
            let error = parse(text).map(drop).unwrap_err();
            assert!(!error.to_string().contains("sesame"), "{error}");
            assert_eq!(
                error.message(),
                "the word after the password in the connection string is no parameter"
            );
        }
    }
}
