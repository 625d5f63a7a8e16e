//! Constants of the texts, and which columns they are compared with.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, Function, Ident, Query, SelectItem, SetExpr, Statement, Value, Visit, Visitor,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};

use super::values::{Decimal, Documents, Path};
use crate::answers::facts::last_part;

/// What was read off the texts. Columns go by their bare names: a wrong guess costs a few values only.
#[derive(Debug, Default)]
pub(super) struct Constants {
    /// Every literal, once.
    pub(super) literals: BTreeSet<String>,
    /// Literals by the column that they are compared with.
    pub(super) by_column: BTreeMap<String, BTreeSet<String>>,
    /// Documents and the paths into them.
    pub(super) documents: Documents,
    /// Constant expressions with the columns that they are compared with; the server knows their values.
    pub(super) computed: Vec<(BTreeSet<String>, Expr)>,
    links: Vec<(String, String)>,
}

impl Constants {
    /// Reads one query, or the condition of a constraint.
    pub(super) fn read(&mut self, sql: &str) {
        // The tokenizer also reads what the parser does not.
        let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize().unwrap_or_default();
        for token in tokens {
            match token {
                Token::Number(text, _)
                | Token::SingleQuotedString(text)
                | Token::EscapedStringLiteral(text)
                | Token::NationalStringLiteral(text)
                | Token::UnicodeStringLiteral(text) => self.literal(&text),
                Token::DollarQuotedString(text) => self.literal(&text.value),
                _ => {}
            }
        }
        if let Ok(statements) = Parser::parse_sql(&PostgreSqlDialect {}, sql) {
            for statement in statements.iter().filter(|s| matches!(s, Statement::Query(_))) {
                let _ = Visit::visit(statement, self);
            }
        }
    }

    /// Adds a literal to the domain of everything.
    pub(super) fn literal(&mut self, text: &str) {
        if text.chars().count() > 200 || !self.literals.insert(text.to_owned()) {
            return;
        }
        let list = text.strip_prefix('{').and_then(|t| t.strip_suffix('}'));
        match serde_json::from_str::<serde_json::Value>(text) {
            Ok(document @ (serde_json::Value::Object(_) | serde_json::Value::Array(_))) => {
                self.documents.constants.push(document);
            }
            _ => {
                for element in list.into_iter().flat_map(|l| l.split(',')) {
                    self.literals.insert(element.trim_matches('"').to_owned());
                }
            }
        }
    }

    /// Adds a value to the domain of these columns.
    pub(super) fn compare(&mut self, columns: &BTreeSet<String>, value: &str) {
        self.literal(value);
        for column in columns {
            self.by_column.entry(column.clone()).or_default().insert(value.to_owned());
        }
    }

    /// Lets columns that are compared with each other share their constants.
    pub(super) fn follow_links(&mut self) {
        for _ in 0..3 {
            for (a, b) in &self.links {
                let both: BTreeSet<String> =
                    [a, b].into_iter().filter_map(|c| self.by_column.get(c)).flatten().cloned().collect();
                if !both.is_empty() {
                    self.by_column.insert(a.clone(), both.clone());
                    self.by_column.insert(b.clone(), both);
                }
            }
        }
    }

    /// Whole numbers between these, such as those of LIMIT and HAVING count(*).
    pub(super) fn counts(&self, from: usize, to: usize) -> Vec<usize> {
        self.literals.iter().filter_map(|l| l.parse().ok()).filter(|n| (from..=to).contains(n)).collect()
    }

    fn sides(&mut self, sides: &[&Expr]) {
        let sides: Vec<Side<'_>> = sides.iter().map(|e| Side::of(e)).collect();
        let columns: BTreeSet<String> = sides.iter().flat_map(|s| s.columns.iter().cloned()).collect();
        let mut values: Vec<String> = Vec::new();
        for side in &sides {
            match (side.columns.is_empty() && !side.subquery, literal_of(side.expr)) {
                (true, Some(value)) => values.push(value),
                (true, None) => self.computed.push((columns.clone(), side.expr.clone())),
                (false, _) => values.extend(side.literals.iter().cloned()),
            }
        }
        if sides.iter().any(|s| s.sums) {
            let numbers: Vec<Decimal> = values.iter().filter_map(|v| Decimal::parse(v)).collect();
            for parts in 2..=4 {
                values.extend(numbers.iter().filter_map(|n| n.parts(parts)).map(|n| n.to_string()));
            }
        }
        for value in &values {
            self.compare(&columns, value);
        }
        for (place, side) in sides.iter().enumerate() {
            let others = sides.iter().enumerate().filter(|(other, _)| *other != place);
            let others: BTreeSet<String> = others.flat_map(|(_, s)| s.columns.iter().cloned()).collect();
            // `a = b + 4` holds for few pairs of values drawn at random.
            if let (Some(shift), false) = (shift_of(side.expr), others.is_empty()) {
                for start in 0..3_i64 {
                    self.compare(&side.columns, &start.to_string());
                    self.compare(&others, &shift(start).to_string());
                }
            }
        }
        for keys in sides.iter().filter_map(|s| path_of(s.expr)) {
            self.path(keys, &values);
        }
        let with_columns: Vec<&Side<'_>> = sides.iter().filter(|s| !s.columns.is_empty()).collect();
        for pair in with_columns.windows(2) {
            for a in &pair[0].columns {
                for b in pair[1].columns.iter().filter(|b| *b != a) {
                    self.links.push((a.clone(), b.clone()));
                }
            }
        }
    }

    fn path(&mut self, keys: Vec<String>, values: &[String]) {
        let values: Vec<String> = values.iter().filter(|v| !keys.contains(v)).cloned().collect();
        match self.documents.paths.iter_mut().find(|p| p.keys == keys) {
            Some(path) => path.values.extend(values),
            None => self.documents.paths.push(Path { keys, values }),
        }
    }
}

impl Visitor for Constants {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::BinaryOp { left, op, right } => {
                if matches!(op, BinaryOperator::Question | BinaryOperator::Custom(_))
                    && let Some(key) = literal_of(right)
                {
                    self.path(path_of(left).unwrap_or_default().into_iter().chain([key]).collect(), &[]);
                }
                if let Some(keys) = path_of(expr) {
                    self.path(keys, &[]);
                } else if !matches!(op, BinaryOperator::And | BinaryOperator::Or) {
                    self.sides(&[left.as_ref(), right.as_ref()]);
                }
            }
            Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
                self.sides(&[left.as_ref(), right.as_ref()]);
            }
            Expr::AnyOp { left, right, .. } | Expr::AllOp { left, right, .. } => {
                self.sides(&[left.as_ref(), right.as_ref()]);
            }
            Expr::Between { expr, low, high, .. } => {
                self.sides(&[expr.as_ref(), low.as_ref(), high.as_ref()]);
            }
            Expr::InList { expr, list, .. } => {
                let sides: Vec<&Expr> = std::iter::once(expr.as_ref()).chain(list).collect();
                self.sides(&sides);
            }
            Expr::Like { expr, pattern, .. }
            | Expr::ILike { expr, pattern, .. }
            | Expr::SimilarTo { expr, pattern, .. } => {
                self.sides(&[expr.as_ref(), pattern.as_ref()]);
            }
            Expr::InSubquery { expr, subquery, .. } => {
                let found = projected(subquery);
                for a in Side::of(expr).columns {
                    self.links.extend(found.iter().filter(|b| **b != a).map(|b| (a.clone(), b.clone())));
                }
            }
            Expr::Case { operand: Some(operand), conditions, .. } => {
                let sides: Vec<&Expr> = std::iter::once(operand.as_ref())
                    .chain(conditions.iter().map(|c| &c.condition))
                    .collect();
                self.sides(&sides);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// One side of a comparison.
struct Side<'a> {
    expr: &'a Expr,
    columns: BTreeSet<String>,
    literals: Vec<String>,
    subquery: bool,
    /// Whether it holds a sum.
    sums: bool,
}

impl<'a> Side<'a> {
    fn of(expr: &'a Expr) -> Self {
        let mut parts = Parts::default();
        let _ = Visit::visit(expr, &mut parts);
        if parts.subquery {
            parts.literals.clear();
            if let Expr::Subquery(query) = expr {
                parts.columns = projected(query);
            }
        }
        Self {
            expr,
            columns: parts.columns,
            literals: parts.literals,
            subquery: parts.subquery,
            sums: parts.sums,
        }
    }
}

#[derive(Default)]
struct Parts {
    columns: BTreeSet<String>,
    literals: Vec<String>,
    subquery: bool,
    sums: bool,
}

impl Visitor for Parts {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.subquery = true;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(ident) => {
                self.columns.insert(bare(ident));
            }
            Expr::CompoundIdentifier(parts) => self.columns.extend(parts.last().map(bare)),
            Expr::Function(Function { name, .. }) => self.sums |= last_part(name) == "sum",
            _ => self.literals.extend(literal_of(expr)),
        }
        ControlFlow::Continue(())
    }
}

/// The columns that a subquery returns.
fn projected(query: &Query) -> BTreeSet<String> {
    let SetExpr::Select(select) = query.body.as_ref() else { return BTreeSet::new() };
    select
        .projection
        .iter()
        .filter_map(|item| match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
            _ => None,
        })
        .flat_map(|expr| Side::of(expr).columns)
        .collect()
}

fn bare(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

/// The text of a plain literal.
fn literal_of(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Nested(inner) => literal_of(inner),
        Expr::Value(value) => match &value.value {
            Value::Number(text, _)
            | Value::SingleQuotedString(text)
            | Value::EscapedStringLiteral(text)
            | Value::NationalStringLiteral(text) => Some(text.clone()),
            Value::Boolean(flag) => Some(flag.to_string()),
            _ => None,
        },
        _ => None,
    }
}

/// What `column + 4` and its like do to a whole number.
fn shift_of(expr: &Expr) -> Option<impl Fn(i64) -> i64> {
    let Expr::BinaryOp { left, op, right } = expr else { return None };
    let (op, by) = match (op, literal_of(left), literal_of(right)) {
        (_, None, Some(by)) => (op, by),
        (BinaryOperator::Plus | BinaryOperator::Multiply, Some(by), None) => (op, by),
        _ => return None,
    };
    let by: i64 = by.parse().ok()?;
    let shift: fn(i64, i64) -> i64 = match op {
        BinaryOperator::Plus => i64::saturating_add,
        BinaryOperator::Minus => i64::saturating_sub,
        BinaryOperator::Multiply => i64::saturating_mul,
        _ => return None,
    };
    Some(move |start| shift(start, by))
}

/// The keys of `doc -> 'a' ->> 'b'`, also inside a cast.
fn path_of(expr: &Expr) -> Option<Vec<String>> {
    match expr {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => path_of(inner),
        Expr::BinaryOp { left, op, right } => {
            let key = literal_of(right)?;
            let keys: Vec<String> = match op {
                BinaryOperator::Arrow | BinaryOperator::LongArrow => vec![key],
                BinaryOperator::HashArrow | BinaryOperator::HashLongArrow => {
                    key.trim_matches(['{', '}']).split(',').map(str::to_owned).collect()
                }
                _ => return None,
            };
            if keys.iter().any(|k| k.parse::<i64>().is_ok()) {
                return None;
            }
            let mut path = path_of(left).unwrap_or_default();
            path.extend(keys);
            Some(path)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sql: &str) -> Constants {
        let mut constants = Constants::default();
        constants.read(sql);
        constants.follow_links();
        constants
    }

    fn of(constants: &Constants, column: &str) -> Vec<String> {
        constants.by_column.get(column).into_iter().flatten().cloned().collect()
    }

    #[test]
    fn constants_belong_to_columns() {
        let found = read(
            "SELECT * FROM t JOIN u ON t.a = u.b WHERE t.a > 5 AND name LIKE 'x%' AND s IN ('p', 'q') \
             AND coalesce(c, 7) <> 8 AND d >= date '2024-01-01' + interval '1 year' LIMIT 12",
        );
        assert_eq!(of(&found, "a"), ["5"]);
        assert_eq!(of(&found, "b"), ["5"]);
        assert_eq!(of(&found, "name"), ["x%"]);
        assert_eq!(of(&found, "s"), ["p", "q"]);
        assert_eq!(of(&found, "c"), ["7", "8"]);
        assert!(found.computed.iter().any(|(columns, _)| columns.contains("d")));
        assert_eq!(found.counts(0, 12), [12, 5, 7, 8]);
    }

    #[test]
    fn sums_can_be_reached_by_equal_parts() {
        let found = read("SELECT a FROM t GROUP BY a HAVING sum(x) >= 100");
        assert_eq!(of(&found, "x"), ["100", "25", "50"]);
    }

    #[test]
    fn shifted_columns_can_meet() {
        let found = read("SELECT 1 FROM t JOIN u ON t.a = u.b + 4");
        assert_eq!(of(&found, "a"), ["0", "1", "2", "4", "5", "6"]);
        assert!(of(&found, "b").contains(&"0".to_owned()));
    }

    #[test]
    fn documents_are_read() {
        let found = read(
            "SELECT 1 FROM t WHERE doc ->> 'status' = 'open' AND (doc -> 'user' ->> 'age')::int > 30 \
             AND doc @> '{\"k\": 1}' AND doc ? 'z'",
        );
        let path = |keys: &[&str]| {
            let path = found.documents.paths.iter().find(|p| p.keys == keys).unwrap();
            path.values.clone()
        };
        assert_eq!(path(&["status"]), ["open"]);
        assert_eq!(path(&["user", "age"]), ["30"]);
        assert!(path(&["z"]).is_empty());
        assert_eq!(found.documents.constants.len(), 1);
    }

    #[test]
    fn what_the_parser_cannot_read_still_gives_its_literals() {
        let found = read("SELEC 'x' FRM t WHERE a > 42");
        assert!(found.literals.contains("x") && found.literals.contains("42"));
    }
}
