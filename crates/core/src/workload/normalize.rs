//! The shape of a statement: its text without what differs from call to call.

use super::scan::{Kind, Scanner, Token};

/// The shape of a statement: keywords and unquoted names in lower case, constants and `$n` as `?` (a sign
/// before a number is part of it), a list of constants after IN and the rows of constants after VALUES
/// as `(...)` whatever their length, without comments, one space between tokens.
pub fn normalize(sql: &str) -> String {
    let shape = collapse_lists(items(sql));
    let mut text = String::with_capacity(sql.len());
    let mut glue = true;
    for Item { text: item, .. } in &shape {
        if !(glue || matches!(item.as_str(), ")" | "]" | "," | "." | "::")) {
            text.push(' ');
        }
        text.push_str(item);
        glue = matches!(item.as_str(), "(" | "[" | "." | "::");
    }
    text
}

/// The first 64 bits of the BLAKE3 hash of the shape, as 16 hexadecimal digits.
pub(super) fn fingerprint(sql: &str) -> String {
    let mut hex = blake3::hash(normalize(sql).as_bytes()).to_hex().to_string();
    hex.truncate(16);
    hex
}

#[derive(Debug, Clone, PartialEq)]
struct Item {
    text: String,
    constant: bool,
}

impl Item {
    fn constant() -> Self {
        Self { text: "?".to_owned(), constant: true }
    }

    fn is(&self, text: &str) -> bool {
        !self.constant && self.text == text
    }

    /// What can stand in a list that is collapsed.
    fn is_value(&self) -> bool {
        self.constant || matches!(self.text.as_str(), "null" | "true" | "false" | "default")
    }
}

fn items(sql: &str) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    let mut sign_is_unary = true;
    let mut signs = 0;
    for token in Scanner::new(sql).map_while(Result::ok).filter(Token::is_code) {
        match token.kind {
            Kind::Text | Kind::Parameter => items.push(Item::constant()),
            Kind::Number => {
                items.truncate(items.len() - signs);
                items.push(Item::constant());
            }
            Kind::Word => items.push(Item { text: token.text.to_ascii_lowercase(), constant: false }),
            _ => items.push(Item { text: token.text.to_owned(), constant: false }),
        }
        let is_sign = token.kind == Kind::Operator && matches!(token.text, "-" | "+");
        signs = if is_sign && (sign_is_unary || signs > 0) { signs + 1 } else { 0 };
        sign_is_unary = match token.kind {
            Kind::Operator => true,
            Kind::Mark => !matches!(token.text, ")" | "]" | "."),
            Kind::Word => {
                items.last().is_some_and(|i| BEFORE_EXPRESSION.binary_search(&i.text.as_str()).is_ok())
            }
            _ => false,
        };
    }
    while items.last().is_some_and(|i| i.is(";")) {
        items.pop();
    }
    items
}

/// Reserved words after which an expression begins, so that a plus or minus there is a sign.
const BEFORE_EXPRESSION: &[&str] = &[
    "all",
    "and",
    "any",
    "between",
    "by",
    "case",
    "distinct",
    "else",
    "fetch",
    "from",
    "having",
    "ilike",
    "in",
    "is",
    "like",
    "limit",
    "not",
    "offset",
    "on",
    "or",
    "returning",
    "select",
    "set",
    "similar",
    "then",
    "using",
    "values",
    "when",
    "where",
];

fn collapse_lists(items: Vec<Item>) -> Vec<Item> {
    let mut shape: Vec<Item> = Vec::with_capacity(items.len());
    let mut at = 0;
    while let Some(item) = items.get(at) {
        shape.push(item.clone());
        at += 1;
        let rows = item.is("values");
        if !rows && !item.is("in") {
            continue;
        }
        if let Some(mut end) = list_end(&items, at) {
            while let Some(next) = rows
                .then(|| items.get(end).filter(|i| i.is(",")).and_then(|_| list_end(&items, end + 1)))
                .flatten()
            {
                end = next;
            }
            shape.push(Item { text: "(...)".to_owned(), constant: false });
            at = end;
        }
    }
    shape
}

/// The index behind `(constant, constant …)`, if such a list begins at `at`.
fn list_end(items: &[Item], at: usize) -> Option<usize> {
    if !items.get(at)?.is("(") {
        return None;
    }
    let mut at = at + 1;
    loop {
        if !items.get(at)?.is_value() {
            return None;
        }
        match items.get(at + 1)? {
            separator if separator.is(",") => at += 2,
            end if end.is(")") => return Some(at + 2),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_sorted_for_the_search() {
        assert!(BEFORE_EXPRESSION.is_sorted());
    }

    #[test]
    fn shapes() {
        for (sql, shape) in [
            (
                "SELECT  Id FROM \"Users\" u -- c\n WHERE u.Email='a' ;",
                "select id from \"Users\" u where u.email = ?",
            ),
            ("select a from t where b=$1 and c > -1.5e3", "select a from t where b = ? and c > ?"),
            (
                "select a-1, -1, a - -1, f(-1), a[-1] from t limit -1",
                "select a - ?, ?, a - ?, f (?), a [?] from t limit ?",
            ),
            (
                "select * from t where a in (1,'b',NULL,$3) or b in (1)",
                "select * from t where a in (...) or b in (...)",
            ),
            (
                "select * from t where a in (select 1) or b in (c, 1)",
                "select * from t where a in (select ?) or b in (c, ?)",
            ),
            ("insert into t (a, b) values (1, 'x'), (2, default)", "insert into t (a, b) values (...)"),
            ("insert into t values (1, now()), (2, 3)", "insert into t values (?, now ()), (?, ?)"),
            ("select '2025-01-01'::date, date '2025-01-01' is null", "select ?::date, date ? is null"),
            ("select a ->> 'k' @> '{}' from t", "select a ->> ? @> ? from t"),
            ("select 'open", "select"),
            ("", ""),
        ] {
            assert_eq!(normalize(sql), shape, "{sql}");
        }
    }

    #[test]
    fn the_fingerprint_is_that_of_the_shape() {
        let print = fingerprint("SELECT * FROM users WHERE id = 1");
        assert_eq!(print, fingerprint("select *\nfrom Users /* x */ where id=$1;"));
        assert_ne!(print, fingerprint("select * from \"Users\" where id = 1"));
        assert_ne!(print, fingerprint("select * from users where id <> 1"));
        // Stored in reports and compared between runs: it must not change.
        assert_eq!(print, "54eddc77c47f9c5c");
    }

    proptest! {
        #[test]
        fn any_text_has_a_shape(text in any::<String>()) {
            prop_assert_eq!(fingerprint(&text).len(), 16);
        }

        #[test]
        fn layout_and_values_do_not_matter(a in any::<i32>(), b in "[^'\\\\]*", gap in "[ \n\t]{1,3}|/\\*x\\*/") {
            let sql = format!("SELECT{gap}*{gap}FROM t WHERE a{gap}= {a} AND b = '{b}'{gap}LIMIT 5");
            prop_assert_eq!(normalize(&sql), "select * from t where a = ? and b = ? limit ?");
        }
    }
}
