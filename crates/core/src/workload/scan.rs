//! The lexical rules of PostgreSQL (`scan.l`, and `psqlscan.l`, which mirrors it) as a scanner that never
//! fails on text it does not understand: it only cuts.
//!
//! It is our own, not squawk's lexer, because cutting must be exact where that one differs: an `E''` string
//! continued on the next line, unterminated quotes, operators of more than one character. Literals follow
//! `standard_conforming_strings = on`, the default since PostgreSQL 9.1.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Space,
    LineComment,
    BlockComment,
    /// A keyword or a name without quotes.
    Word,
    QuotedName,
    /// Any quoted constant: `''`, `E''`, `B''`, `X''`, `N''`, `U&''`, dollar-quoted.
    Text,
    Number,
    /// `$1`
    Parameter,
    Operator,
    /// One character: brackets, comma, dot, semicolon, backslash, colon and whatever has no meaning.
    Mark,
}

/// A piece of the text; joined, the tokens are the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    /// Where it begins, in bytes.
    pub(super) start: usize,
}

impl Token<'_> {
    /// Neither white space nor a comment.
    pub(super) fn is_code(&self) -> bool {
        !matches!(self.kind, Kind::Space | Kind::LineComment | Kind::BlockComment)
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    pub(super) fn is_mark(&self, mark: &str) -> bool {
        self.kind == Kind::Mark && self.text == mark
    }
}

/// A quote or comment without its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unterminated {
    pub(super) what: &'static str,
    /// Where it begins, in bytes.
    pub(super) start: usize,
}

/// What some editors put before the first line, as psql skips it.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Cuts a text into tokens; ends after the first [`Unterminated`].
#[derive(Debug, Clone)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// For the text of a whole file, which may begin with a byte order mark.
    pub(super) fn of_file(text: &'a str) -> Self {
        Self { text, at: if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len_utf8() } else { 0 } }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// The end of the bytes from `at` on that satisfy `test`.
    fn skip(&self, at: usize, test: impl Fn(u8) -> bool) -> usize {
        let rest = &self.text.as_bytes()[at..];
        at + rest.iter().position(|&b| !test(b)).unwrap_or(rest.len())
    }

    fn token(&self) -> Result<(Kind, usize), &'static str> {
        let start = self.at;
        let (first, second) = (self.byte(start).unwrap_or(0), self.byte(start + 1));
        Ok(match (first, second) {
            (b, _) if is_space(b) => (Kind::Space, self.skip(start, is_space)),
            (b'-', Some(b'-')) => (Kind::LineComment, self.skip(start, |b| !is_newline(b))),
            (b'/', Some(b'*')) => (Kind::BlockComment, self.block_comment(start).ok_or("comment")?),
            (b'\'', _) => (Kind::Text, self.quoted(start + 1, false).ok_or("quoted text")?),
            (b'e' | b'E', Some(b'\'')) => (Kind::Text, self.quoted(start + 2, true).ok_or("quoted text")?),
            (b'b' | b'B' | b'x' | b'X' | b'n' | b'N', Some(b'\'')) => {
                (Kind::Text, self.quoted(start + 2, false).ok_or("quoted text")?)
            }
            (b'u' | b'U', Some(b'&')) if self.byte(start + 2) == Some(b'\'') => {
                (Kind::Text, self.quoted(start + 3, false).ok_or("quoted text")?)
            }
            (b'u' | b'U', Some(b'&')) if self.byte(start + 2) == Some(b'"') => {
                (Kind::QuotedName, self.quoted_name(start + 3).ok_or("quoted name")?)
            }
            (b'"', _) => (Kind::QuotedName, self.quoted_name(start + 1).ok_or("quoted name")?),
            (b'$', Some(b'0'..=b'9')) => {
                (Kind::Parameter, self.name(self.skip(start + 1, |b| b.is_ascii_digit())))
            }
            (b'$', _) => match self.dollar_delimiter(start) {
                Some(body) => (Kind::Text, self.dollar_quoted(start, body).ok_or("dollar-quoted text")?),
                None => (Kind::Mark, start + 1),
            },
            (b, _) if is_name_start(b) => (Kind::Word, self.skip(start, is_name_part)),
            (b'0'..=b'9', _) | (b'.', Some(b'0'..=b'9')) => (Kind::Number, self.number(start)),
            (b':', Some(b':' | b'=')) | (b'.', Some(b'.')) => (Kind::Operator, start + 2),
            (b, _) if is_operator(b) => (Kind::Operator, self.operator(start)),
            _ => (Kind::Mark, start + 1),
        })
    }

    /// Block comments nest.
    fn block_comment(&self, start: usize) -> Option<usize> {
        let (mut at, mut depth) = (start + 2, 1usize);
        loop {
            at = self.skip(at, |b| b != b'*' && b != b'/');
            match (self.byte(at)?, self.byte(at + 1)) {
                (b'/', Some(b'*')) => (at, depth) = (at + 2, depth + 1),
                (b'*', Some(b'/')) => (at, depth) = (at + 2, depth - 1),
                _ => at += 1,
            }
            if depth == 0 {
                return Some(at);
            }
        }
    }

    /// The end of a quoted text whose content begins at `at`. A text goes on, by the same rules, when only
    /// white space with a line break and line comments stand before the next quote.
    fn quoted(&self, mut at: usize, escapes: bool) -> Option<usize> {
        loop {
            at = self.skip(at, |b| b != b'\'' && !(escapes && b == b'\\'));
            match (self.byte(at)?, self.byte(at + 1)) {
                (b'\\', None) => return None,
                (b'\\', Some(_)) | (b'\'', Some(b'\'')) => at += 2,
                _ => match self.continuation(at + 1) {
                    Some(next) => at = next,
                    None => return Some(at + 1),
                },
            }
        }
    }

    fn continuation(&self, end: usize) -> Option<usize> {
        let mut at = end;
        loop {
            at = self.skip(at, is_space);
            if self.byte(at) == Some(b'-') && self.byte(at + 1) == Some(b'-') {
                at = self.skip(at, |b| !is_newline(b));
            } else {
                break;
            }
        }
        let broken = self.text.as_bytes()[end..at].iter().any(|&b| is_newline(b));
        (broken && self.byte(at) == Some(b'\'')).then_some(at + 1)
    }

    fn quoted_name(&self, mut at: usize) -> Option<usize> {
        loop {
            at = self.skip(at, |b| b != b'"');
            self.byte(at)?;
            if self.byte(at + 1) != Some(b'"') {
                return Some(at + 1);
            }
            at += 2;
        }
    }

    /// The end of `$tag$` or `$$`, if one begins here.
    fn dollar_delimiter(&self, start: usize) -> Option<usize> {
        let end = match self.byte(start + 1)? {
            b if is_name_start(b) => self.skip(start + 1, |b| is_name_part(b) && b != b'$'),
            _ => start + 1,
        };
        (self.byte(end) == Some(b'$')).then_some(end + 1)
    }

    fn dollar_quoted(&self, start: usize, body: usize) -> Option<usize> {
        let delimiter = &self.text[start..body];
        self.text[body..].find(delimiter).map(|at| body + at + delimiter.len())
    }

    /// Letters directly behind a number belong to it since PostgreSQL 15: as the digits of `0x1F`, or as an
    /// error that the server reports.
    fn number(&self, start: usize) -> usize {
        let mut end = self.digits(start);
        if self.byte(end) == Some(b'.') && self.byte(end + 1) != Some(b'.') {
            end = self.digits(end + 1);
        }
        let letters = self.name(end);
        if matches!(self.byte(end), Some(b'e' | b'E')) && matches!(self.byte(end + 1), Some(b'+' | b'-')) {
            let exponent = self.digits(end + 2);
            if exponent > end + 2 {
                return self.name(exponent);
            }
        }
        letters
    }

    /// The end of the name that begins at `at`, if one does.
    fn name(&self, at: usize) -> usize {
        if self.byte(at).is_some_and(is_name_start) { self.skip(at, is_name_part) } else { at }
    }

    /// The end of the digits from `at` on, which single underscores may separate (PostgreSQL 16).
    fn digits(&self, mut at: usize) -> usize {
        let is_digit = |at| self.byte(at).is_some_and(|b| b.is_ascii_digit());
        while is_digit(at) || (self.byte(at) == Some(b'_') && is_digit(at + 1)) {
            at += 1;
        }
        at
    }

    /// An operator ends before a comment; and a plus or minus ends one of several characters only if it
    /// holds a character that no operator of the SQL standard has (`=-` is two operators, `?-` is one).
    fn operator(&self, start: usize) -> usize {
        let run = &self.text[start..self.skip(start, is_operator)];
        let comment = [run.find("--"), run.find("/*")].into_iter().flatten().min();
        let mut operator = &run[..comment.unwrap_or(run.len())];
        if !operator.contains(|c| "~!@#^&|`?%".contains(c)) {
            while operator.len() > 1 && operator.ends_with(['+', '-']) {
                operator = &operator[..operator.len() - 1];
            }
        }
        start + operator.len()
    }
}

impl<'a> Iterator for Scanner<'a> {
    type Item = Result<Token<'a>, Unterminated>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at;
        if start >= self.text.len() {
            return None;
        }
        Some(match self.token() {
            Ok((kind, end)) => {
                self.at = end;
                Ok(Token { kind, text: &self.text[start..end], start })
            }
            Err(what) => {
                self.at = self.text.len();
                Err(Unterminated { what, start })
            }
        })
    }
}

/// The tokens of a statement that are neither white space nor comments, up to an unterminated one.
pub(super) fn code(sql: &str) -> impl Iterator<Item = Token<'_>> {
    Scanner::new(sql).map_while(Result::ok).filter(Token::is_code)
}

fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

fn is_newline(b: u8) -> bool {
    matches!(b, b'\n' | b'\r')
}

fn is_name_start(b: u8) -> bool {
    b.is_ascii_alphabetic() || b == b'_' || b >= 0x80
}

fn is_name_part(b: u8) -> bool {
    is_name_start(b) || b.is_ascii_digit() || b == b'$'
}

fn is_operator(b: u8) -> bool {
    b"~!@#^&|`?+-*/%<>=".contains(&b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<(Kind, &str)> {
        Scanner::new(text).map(|t| t.unwrap()).filter(Token::is_code).map(|t| (t.kind, t.text)).collect()
    }

    #[test]
    fn constants() {
        use Kind::{Number, Text};
        for text in [
            "'a'",
            "'it''s'",
            r"'a\'",
            r"E'a\'b'",
            r"e'\\'",
            "B'01'",
            "x'1F'",
            "n'x'",
            "U&'d!0061' ",
            "$$a'b$$",
            "$a$ $$ $b$a$",
            "'a'\n  'b'",
            "'a' -- c\n'b'",
            "E'a'\n'b\\'c'",
            "''",
        ] {
            assert_eq!(cut(text), [(Text, text.trim_end())], "{text}");
        }
        for text in
            ["1", "1.5", ".5", "1.", "1e5", "1.5E-7", "0x1F", "0b01", "1_000.5", "1.5e1_0", "1a", "1e5$x$"]
        {
            assert_eq!(cut(text), [(Number, text)], "{text}");
        }
        assert_eq!(cut("'a' 'b'").len(), 2);
        assert_eq!(cut("1..10").iter().map(|t| t.1).collect::<Vec<_>>(), ["1", "..", "10"]);
    }

    #[test]
    fn names_parameters_and_operators() {
        use Kind::{Mark, Number, Operator, Parameter, QuotedName, Text, Word};
        assert_eq!(cut("a$1$b"), [(Word, "a$1$b")]);
        assert_eq!(cut("größe"), [(Word, "größe")]);
        assert_eq!(cut(r#""a "" b" u&"x""#), [(QuotedName, r#""a "" b""#), (QuotedName, r#"u&"x""#)]);
        assert_eq!(cut("$12$$x$$"), [(Parameter, "$12"), (Text, "$$x$$")]);
        assert_eq!(cut("$x;"), [(Mark, "$"), (Word, "x"), (Mark, ";")]);
        assert_eq!(cut("a=-1"), [(Word, "a"), (Operator, "="), (Operator, "-"), (Number, "1")]);
        assert_eq!(cut("a?-b"), [(Word, "a"), (Operator, "?-"), (Word, "b")]);
        assert_eq!(cut("2*/*c*/3"), [(Number, "2"), (Operator, "*"), (Number, "3")]);
        assert_eq!(cut("a::b:c"), [(Word, "a"), (Operator, "::"), (Word, "b"), (Mark, ":"), (Word, "c")]);
        assert_eq!(cut("x\u{0}"), [(Word, "x"), (Mark, "\u{0}")]);
        let file: Vec<_> = Scanner::of_file("\u{feff}x").map(|t| t.unwrap().text).collect();
        assert_eq!(file, ["x"]);
    }

    #[test]
    fn comments_nest_and_ends_are_missed() {
        assert_eq!(cut("a /* b /* c */ ; */ d -- e ;\nf").len(), 3);
        let missed = |text| Scanner::new(text).find_map(Result::err).map(|u| (u.what, u.start));
        assert_eq!(missed("a 'b"), Some(("quoted text", 2)));
        assert_eq!(missed(r"E'b\'"), Some(("quoted text", 0)));
        assert_eq!(missed(r"E'\"), Some(("quoted text", 0)));
        assert_eq!(missed("a \"b"), Some(("quoted name", 2)));
        assert_eq!(missed("a /* /* */"), Some(("comment", 2)));
        assert_eq!(missed("a $x$ $y$"), Some(("dollar-quoted text", 2)));
        assert_eq!(missed("$$ $"), Some(("dollar-quoted text", 0)));
    }
}
