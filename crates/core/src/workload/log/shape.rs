//! The shape of a logged statement, and the constants in it that can be parameters.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::super::scan::{Kind, Scanner, Token};

/// A statement cut for grouping.
#[derive(Debug)]
pub(super) struct Shape<'a> {
    tokens: Vec<Token<'a>>,
    /// For each token whether it can be a parameter.
    values: Vec<bool>,
    /// Equal only for statements with one fingerprint.
    pub(super) key: u64,
    /// Equal for statements that are equal but for the values of parameters.
    pub(super) template: u64,
    /// Whether the statement has `$1` of its own, whose values stand elsewhere.
    pub(super) prepared: bool,
}

/// Constants behind these can be parameters without another meaning of the statement: a constant elsewhere may be
/// the position of a column (`ORDER BY 2`), part of a type (`interval '1 day'`) or of an expression whose type
/// depends on it.
fn before_value(token: &Token<'_>) -> bool {
    const WORDS: &[&str] = &["like", "ilike", "limit", "offset", "between"];
    const OPERATORS: &[&str] = &["=", "<", ">", "<=", ">=", "<>", "!="];
    match token.kind {
        Kind::Operator => OPERATORS.contains(&token.text),
        Kind::Word => WORDS.iter().any(|word| token.is_word(word)),
        _ => false,
    }
}

impl<'a> Shape<'a> {
    pub(super) fn of(sql: &'a str) -> Self {
        let mut tokens: Vec<Token<'a>> =
            Scanner::new(sql).map_while(Result::ok).filter(Token::is_code).collect();
        while tokens.last().is_some_and(|t| t.is_mark(";")) {
            tokens.pop();
        }
        let prepared = tokens.iter().any(|t| t.kind == Kind::Parameter);
        let values = if prepared { vec![false; tokens.len()] } else { replaceable(&tokens) };
        let (mut key, mut template) = (DefaultHasher::new(), DefaultHasher::new());
        for (token, &value) in tokens.iter().zip(&values) {
            match token.kind {
                Kind::Text | Kind::Number | Kind::Parameter => {
                    0u8.hash(&mut key);
                    if value { 0u8.hash(&mut template) } else { token.text.hash(&mut template) }
                }
                Kind::Word => {
                    lower(token.text, &mut key);
                    lower(token.text, &mut template);
                }
                _ => {
                    token.text.hash(&mut key);
                    token.text.hash(&mut template);
                }
            }
        }
        Self { key: key.finish(), template: template.finish(), tokens, values, prepared }
    }

    /// The constants that can be parameters, as they are written.
    pub(super) fn constants(&self) -> impl Iterator<Item = &'a str> {
        self.tokens.iter().zip(&self.values).filter(|(_, value)| **value).map(|(token, _)| token.text)
    }

    /// The first word.
    pub(super) fn head(&self) -> &'a str {
        self.tokens.first().map_or("", |token| token.text)
    }

    /// The statement with `$1`, `$2` … for those constants. A constant with a decimal point is a numeric whatever
    /// it is compared with, and stays one.
    pub(super) fn text(&self, sql: &str) -> String {
        let mut text = String::with_capacity(sql.len());
        let (mut at, mut number) = (self.tokens.first().map_or(0, |t| t.start), 0);
        for (token, _) in self.tokens.iter().zip(&self.values).filter(|(_, value)| **value) {
            number += 1;
            text.push_str(&sql[at..token.start]);
            text.push_str(&format!("${number}"));
            if token.kind == Kind::Number && token.text.contains(['.', 'e', 'E']) {
                text.push_str("::numeric");
            }
            at = token.start + token.text.len();
        }
        let end = self.tokens.last().map_or(0, |t| t.start + t.text.len());
        text.push_str(&sql[at.min(end)..end]);
        text
    }
}

fn lower(word: &str, hasher: &mut DefaultHasher) {
    for byte in word.bytes() {
        hasher.write_u8(byte.to_ascii_lowercase());
    }
    hasher.write_u8(0xff);
}

fn replaceable(tokens: &[Token<'_>]) -> Vec<bool> {
    // BETWEEN a AND b: the second constant follows an AND that belongs to a BETWEEN.
    let mut between = false;
    let mut values = Vec::with_capacity(tokens.len());
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| tokens.get(at));
        let follows = before.is_some_and(|t| before_value(t) || (between && t.is_word("and")));
        // `'…'::type` keeps its meaning; `5 * x` or `'a' || x` might not.
        let next = tokens.get(at + 1);
        let ends = next.is_none_or(|t| {
            t.is_mark(")")
                || t.is_mark(",")
                || (t.kind == Kind::Operator && t.text == "::")
                || t.kind == Kind::Word
        });
        let value = follows && ends && (token.kind == Kind::Number || plain(token));
        if token.is_word("between") {
            between = true;
        } else if before.is_some_and(|t| t.is_word("and")) {
            between = false;
        }
        values.push(value);
    }
    values
}

/// Whether a constant is in simple quotes on one line; other forms are left as they are.
fn plain(token: &Token<'_>) -> bool {
    token.kind == Kind::Text && token.text.starts_with('\'') && !token.text.contains('\n')
}

/// The value of such a constant in the server's input format.
pub(super) fn value_of(constant: &str) -> String {
    match constant.strip_prefix('\'').and_then(|c| c.strip_suffix('\'')) {
        Some(quoted) => quoted.replace("''", "'"),
        None => constant.to_owned(),
    }
}

/// The text behind `PREPARE name (types) AS`, or the statement itself.
pub(in crate::workload) fn without_prepare(sql: &str) -> &str {
    let mut tokens = Scanner::new(sql).map_while(Result::ok).filter(Token::is_code);
    if !tokens.next().is_some_and(|t| t.is_word("prepare")) {
        return sql;
    }
    tokens.find(|t| t.is_word("as")).map_or(sql, |t| sql[t.start + t.text.len()..].trim_start())
}

/// The values of `EXECUTE name(…)`, if all of them are constants.
pub(super) fn execute_values(sql: &str) -> Option<Vec<Option<String>>> {
    let tokens: Vec<Token<'_>> = Scanner::new(sql).map_while(Result::ok).filter(Token::is_code).collect();
    let mut rest = tokens.iter().skip(2).filter(|t| !t.is_mark(";")).peekable();
    if rest.next_if(|t| t.is_mark("(")).is_none() {
        return Some(Vec::new());
    }
    let mut values = Vec::new();
    loop {
        let sign = rest.next_if(|t| t.kind == Kind::Operator && t.text == "-").map_or("", |t| t.text);
        let token = rest.next()?;
        values.push(match token.kind {
            Kind::Number => Some(format!("{sign}{}", token.text)),
            Kind::Text if plain(token) && sign.is_empty() => Some(value_of(token.text)),
            Kind::Word if token.is_word("null") => None,
            Kind::Word if token.is_word("true") || token.is_word("false") => Some(token.text.to_owned()),
            _ => return None,
        });
        match rest.next()? {
            t if t.is_mark(",") => {}
            t if t.is_mark(")") => return rest.next().is_none().then_some(values),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(sql: &str) -> (String, Vec<String>) {
        let shape = Shape::of(sql);
        (shape.text(sql), shape.constants().map(value_of).collect())
    }

    #[test]
    fn constants_that_are_compared_become_parameters_and_others_stay() {
        let some = |values: &[&str]| values.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            cut(" SELECT 1, 'x' FROM t WHERE a = 5 AND b LIKE 'it''s%' AND c BETWEEN 1.5 AND 2 ORDER BY 2 LIMIT 10;"),
            (
                "SELECT 1, 'x' FROM t WHERE a = $1 AND b LIKE $2 AND c BETWEEN $3::numeric AND $4 ORDER BY 2 LIMIT $5".into(),
                some(&["5", "it's%", "1.5", "2", "10"])
            )
        );
        for kept in [
            "SELECT a FROM t WHERE d > now() - interval '1 day'",
            "SELECT a FROM t WHERE a = 5 * b",
            "SELECT a FROM t WHERE b = E'x\\n'",
            "SELECT a FROM t WHERE a IN (1, 2)",
            "SELECT a FROM t WHERE a = $1 AND b = 7",
        ] {
            assert_eq!(cut(kept), (kept.to_owned(), Vec::new()), "{kept}");
        }
    }

    #[test]
    fn shapes_are_equal_where_only_values_differ() {
        let (a, b) = (Shape::of("SELECT * FROM t WHERE a = 1"), Shape::of("select * from T where a=2 ;"));
        assert_eq!((a.key, a.template), (b.key, b.template));
        let c = Shape::of("SELECT * FROM t WHERE a = 1 AND true");
        assert_ne!(a.key, c.key);
        let (d, e) = (Shape::of("SELECT 1 FROM t"), Shape::of("SELECT 2 FROM t"));
        assert_eq!(d.key, e.key);
        assert_ne!(d.template, e.template);
    }

    #[test]
    fn prepared_statements_of_sql() {
        assert_eq!(without_prepare("prepare p(int, text) as select $1;"), "select $1;");
        assert_eq!(without_prepare("select 1"), "select 1");
        assert_eq!(
            execute_values("execute p(-1, 'it''s', null, true);"),
            Some(vec![Some("-1".into()), Some("it's".into()), None, Some("true".into())])
        );
        assert_eq!(execute_values("execute p"), Some(Vec::new()));
        assert_eq!(execute_values("execute p(now())"), None);
        assert_eq!(execute_values("execute p(1"), None);
    }
}
