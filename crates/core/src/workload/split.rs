//! A text cut into statements where psql cuts it.

use super::position::Position;
use super::scan::{Kind, Scanner, Token};
use crate::error::{Error, Result};

/// One statement of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece<'a> {
    /// From its first to its last token, comments within included, the semicolon not.
    pub text: &'a str,
    /// The line on which it begins, from 1.
    pub line: usize,
    /// The character at which it begins, from 1.
    pub column: usize,
    /// The line comments between the statement before and this one.
    pub comments: Vec<Comment<'a>>,
}

impl Piece<'_> {
    pub(super) fn position(&self) -> Position {
        Position { line: self.line, column: self.column }
    }
}

/// A line comment between two statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment<'a> {
    /// What stands behind the two dashes.
    pub text: &'a str,
    /// Its line, from 1.
    pub line: usize,
    /// The column of its dashes, from 1.
    pub column: usize,
    /// Whether it stands on the line on which the statement before it ends.
    pub trailing: bool,
}

/// Cuts a text into statements exactly as psql does: at semicolons outside quotes, comments, parentheses and
/// the `BEGIN ATOMIC … END` bodies of functions. Statements without any token do not count.
///
/// # Errors
///
/// `InvalidInput`, with line and column: a psql meta-command, a quote, comment, parenthesis or body without
/// its end.
pub fn split(text: &str) -> Result<Vec<Piece<'_>>> {
    Splitter::new(text).collect()
}

/// The statements of a text one by one, so that an error in one is seen before the text behind it is read.
pub(super) struct Splitter<'a> {
    text: &'a str,
    scanner: Scanner<'a>,
    position: Position,
    /// Line on which the statement before ended.
    ended_on: usize,
    /// Comments since the statement before; what is left after the last statement belongs to none.
    pub(super) comments: Vec<Comment<'a>>,
    failed: bool,
}

/// What is known of the statement that is being read.
#[derive(Default)]
struct Open {
    /// Offsets of the first token's beginning and of the last token's end, and the first one's position.
    span: Option<(usize, usize, Position)>,
    parentheses: Vec<Position>,
    body: Body,
}

impl<'a> Splitter<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            scanner: Scanner::of_file(text),
            position: Position::START,
            ended_on: 0,
            comments: Vec::new(),
            failed: false,
        }
    }

    fn read(&mut self) -> Result<Option<Piece<'a>>> {
        let mut open = Open::default();
        while let Some(token) = self.scanner.next() {
            let at = self.position;
            let token = token.map_err(|missed| at.error(format!("a {} is never closed", missed.what)))?;
            self.position = at.after(token.text);
            match token.kind {
                Kind::Space | Kind::BlockComment => {}
                Kind::LineComment if open.span.is_none() => self.comments.push(Comment {
                    text: &token.text[2..],
                    line: at.line,
                    column: at.column,
                    trailing: at.line == self.ended_on,
                }),
                Kind::LineComment => {}
                Kind::Mark if token.text == "\\" => return Err(meta_command(&self.text[token.start..], at)),
                Kind::Mark if token.text == ";" && open.parentheses.is_empty() && open.body.depth == 0 => {
                    self.ended_on = at.line;
                    if let Some(piece) = self.piece(open.span) {
                        return Ok(Some(piece));
                    }
                    open = Open::default();
                }
                _ => open.take(&token, at),
            }
        }
        if let Some(at) = open.parentheses.first() {
            return Err(at.error("a parenthesis is never closed").hint("add the missing )"));
        }
        if open.body.depth > 0 {
            let (_, _, at) = open.span.unwrap_or((0, 0, self.position));
            return Err(at.error("a body in BEGIN ATOMIC is never closed").hint("add the missing END"));
        }
        Ok(self.piece(open.span))
    }

    fn piece(&mut self, span: Option<(usize, usize, Position)>) -> Option<Piece<'a>> {
        span.map(|(start, end, at)| Piece {
            text: &self.text[start..end],
            line: at.line,
            column: at.column,
            comments: std::mem::take(&mut self.comments),
        })
    }
}

impl<'a> Iterator for Splitter<'a> {
    type Item = Result<Piece<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let piece = self.read().transpose();
        self.failed = matches!(piece, None | Some(Err(_)));
        piece
    }
}

impl Open {
    fn take(&mut self, token: &Token<'_>, at: Position) {
        let (start, _, begin) = self.span.unwrap_or((token.start, 0, at));
        self.span = Some((start, token.start + token.text.len(), begin));
        if token.is_mark("(") {
            self.parentheses.push(at);
        } else if token.is_mark(")") {
            self.parentheses.pop();
        } else if token.kind == Kind::Word {
            self.body.take(token, self.parentheses.is_empty());
        }
    }
}

/// The heuristic of psql for `CREATE [OR REPLACE] {FUNCTION|PROCEDURE} … BEGIN ATOMIC … END`: after those
/// first words, BEGIN opens and END closes; CASE within opens too, because it also ends with END.
#[derive(Default)]
struct Body {
    head: Head,
    depth: usize,
}

/// How far the first words of a statement are those of a routine's definition.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Head {
    #[default]
    Nothing,
    Create,
    CreateOr,
    CreateOrReplace,
    Routine,
    Other,
}

impl Body {
    fn take(&mut self, token: &Token<'_>, outside_parentheses: bool) {
        let is = |word| token.is_word(word);
        self.head = match self.head {
            Head::Nothing if is("create") => Head::Create,
            Head::Create if is("or") => Head::CreateOr,
            Head::CreateOr if is("replace") => Head::CreateOrReplace,
            Head::Create | Head::CreateOrReplace if is("function") || is("procedure") => Head::Routine,
            Head::Routine => Head::Routine,
            _ => Head::Other,
        };
        if self.head != Head::Routine || !outside_parentheses {
            return;
        }
        if is("begin") || (is("case") && self.depth > 0) {
            self.depth += 1;
        } else if is("end") {
            self.depth = self.depth.saturating_sub(1);
        }
    }
}

/// The refusal of a psql meta-command, of which only the name is read.
fn meta_command(text: &str, at: Position) -> Error {
    let name: &str = match text[1..].find(|c: char| c.is_whitespace() || c == '\\' || c == ';') {
        Some(0) => text.get(..2).unwrap_or("\\"),
        Some(end) => &text[..=end],
        None => text,
    };
    let instead = match &name[1..] {
        "g" | "gx" | "gset" | "gexec" | "gdesc" | "watch" | "crosstabview" | "bind" | "parse" => {
            "end the statement with a semicolon instead"
        }
        "set" | "setrandom" | "prompt" => {
            "write $1 in the statement and give its values in a line before it: -- params typical: 42, 'a text'"
        }
        "i" | "ir" | "include" | "include_relative" => "put the statements of that file here",
        "copy" | "." => "give the query inside it as a statement of its own",
        "c" | "connect" => "leave it out; the database is the one that is given as the source",
        "if" | "elif" | "else" | "endif" => "keep only the statements that apply",
        ";" | ":" => "write it without the backslash",
        _ => "leave it out; a workload holds only SQL statements",
    };
    at.error(format!("{name} is a command of psql, not SQL")).hint(instead)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::scan::code;
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        split(text).unwrap().into_iter().map(|p| p.text).collect()
    }

    fn refused(text: &str) -> String {
        split(text).unwrap_err().to_string()
    }

    #[test]
    fn cuts_where_psql_cuts() {
        assert_eq!(texts("SELECT 1; SELECT 2"), ["SELECT 1", "SELECT 2"]);
        assert_eq!(texts(";; ;"), Vec::<&str>::new());
        assert_eq!(texts("-- only\n/* comments */"), Vec::<&str>::new());
        for one in [
            "SELECT ';', E'\\';', U&'\\0061;', \";\", $$;$$, $a$;$$;$a$",
            "SELECT 1 -- a;\n + 2 /* ; /* ; */ ; */ + 3",
            "SELECT $1, $2 FROM t$x$y",
            "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)",
            "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END",
            "create procedure p() begin atomic insert into t values (1); end",
        ] {
            let text = format!(" {one} ;\nSELECT 2 -- end\n;");
            assert_eq!(texts(&text), [one, "SELECT 2"], "{one}");
        }
        // As in psql, only these first words make BEGIN and CASE count.
        assert_eq!(texts("BEGIN; SELECT 1; END;"), ["BEGIN", "SELECT 1", "END"]);
        assert_eq!(texts("CREATE TABLE function (begin int); SELECT 1").len(), 2);
    }

    #[test]
    fn pieces_know_their_place_and_their_comments() {
        let pieces = split("-- a\nSELECT 1; -- b\n\n --c\n  /* d */ SELECT\n-- e\n2;-- f").unwrap();
        assert_eq!(pieces.len(), 2);
        assert_eq!((pieces[0].line, pieces[0].column), (2, 1));
        assert_eq!((pieces[1].line, pieces[1].column), (5, 11));
        assert_eq!(pieces[1].text, "SELECT\n-- e\n2");
        let comments = |i: usize| -> Vec<(&str, usize, usize, bool)> {
            pieces[i].comments.iter().map(|c| (c.text, c.line, c.column, c.trailing)).collect()
        };
        assert_eq!(comments(0), [(" a", 1, 1, false)]);
        assert_eq!(comments(1), [(" b", 2, 11, true), ("c", 4, 2, false)]);
    }

    #[test]
    fn a_byte_order_mark_is_skipped_only_before_everything() {
        assert_eq!(texts("\u{feff}SELECT 1"), ["SELECT 1"]);
        assert_eq!(texts("/**/\u{feff})"), ["\u{feff})"]);
    }

    #[test]
    fn what_never_ends_is_refused_where_it_began() {
        assert_eq!(
            refused("SELECT 1;\n SELECT 'a;\nb"),
            "a quoted text is never closed (line: 2, column: 9)"
        );
        assert_eq!(refused("SELECT \"a"), "a quoted name is never closed (line: 1, column: 8)");
        assert_eq!(refused("/* a\n/* b */"), "a comment is never closed (line: 1, column: 1)");
        assert_eq!(refused("SELECT $x$ $y$"), "a dollar-quoted text is never closed (line: 1, column: 8)");
        assert_eq!(
            refused("SELECT (1, (2);\nSELECT 3;"),
            "a parenthesis is never closed (line: 1, column: 8); add the missing )"
        );
        assert_eq!(
            refused("CREATE FUNCTION f() BEGIN ATOMIC SELECT 1;"),
            "a body in BEGIN ATOMIC is never closed (line: 1, column: 1); add the missing END"
        );
    }

    #[test]
    fn meta_commands_are_refused_with_what_to_do_instead() {
        assert_eq!(
            refused("SELECT 1;\n\\d+ users"),
            "\\d+ is a command of psql, not SQL (line: 2, column: 1); leave it out; a workload holds only SQL statements"
        );
        assert_eq!(
            refused("SELECT 1 \\gset a_\n"),
            "\\gset is a command of psql, not SQL (line: 1, column: 10); end the statement with a semicolon instead"
        );
        assert_eq!(
            refused("\\set id random(1, 10)\nSELECT 1"),
            "\\set is a command of psql, not SQL (line: 1, column: 1); write $1 in the statement and give its \
             values in a line before it: -- params typical: 42, 'a text'"
        );
        assert_eq!(
            refused("\\copy t from 'it''s"),
            "\\copy is a command of psql, not SQL (line: 1, column: 1); give the query inside it as a statement of its own"
        );
        assert!(refused("SELECT 1\\;").starts_with("\\; is a command"));
        assert!(refused("\\ü").starts_with("\\ü is a command"));
        assert!(refused("\\").starts_with("\\ is a command"));
        assert!(refused("\\\u{2003}").starts_with("\\ is a command"));
    }

    /// Text made of what matters to the scanner, much of it broken.
    fn sql() -> impl Strategy<Value = String> {
        let parts = prop::sample::select(vec![
            "SELECT",
            "a",
            "1",
            "'",
            "''",
            "\"",
            "E'",
            "\\'",
            "$$",
            "$x$",
            "$1",
            "(",
            ")",
            ";",
            ",",
            "--",
            "\n",
            "/*",
            "*/",
            " ",
            "begin",
            "end",
            "case",
            "create",
            "function",
            "or replace",
            "+",
            "-",
            "ä",
            "\u{feff}",
            "\0",
            ".",
        ]);
        prop::collection::vec(parts, 0..40).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn any_text_is_cut_or_refused(text in any::<String>()) {
            let _ = split(&text);
        }

        #[test]
        fn no_token_is_lost(text in sql()) {
            if let Ok(pieces) = split(&text) {
                let kept: Vec<&str> = pieces.iter().flat_map(|p| code(p.text)).map(|t| t.text).collect();
                let all: Vec<&str> = code(text.strip_prefix('\u{feff}').unwrap_or(&text)).map(|t| t.text).collect();
                let cuts = all.len() - kept.len();
                // What is missing are the semicolons between the pieces and nothing else.
                let semicolons = |tokens: &[&str]| tokens.iter().filter(|t| **t == ";").count();
                prop_assert_eq!(semicolons(&all) - semicolons(&kept), cuts);
                let without = |tokens: Vec<&str>| tokens.into_iter().filter(|t| *t != ";").map(str::to_owned).collect::<Vec<_>>();
                prop_assert_eq!(without(all), without(kept));
                for piece in &pieces {
                    let line = text.strip_prefix('\u{feff}').unwrap_or(&text).split('\n').nth(piece.line - 1).unwrap();
                    let from: String = line.chars().skip(piece.column - 1).collect();
                    prop_assert!(piece.text.starts_with(&from) || from.starts_with(piece.text));
                }
            }
        }
    }
}
