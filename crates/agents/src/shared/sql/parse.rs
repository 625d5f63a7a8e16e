//! Text to tree.

use sqlparser::ast::{Expr, Query, Statement};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

const DIALECT: PostgreSqlDialect = PostgreSqlDialect {};

/// The tree of a text that is one query.
pub(crate) fn query(sql: &str) -> Option<Query> {
    let mut statements = Parser::parse_sql(&DIALECT, sql).ok()?;
    match (statements.pop(), statements.is_empty()) {
        (Some(Statement::Query(query)), true) => Some(*query),
        _ => None,
    }
}

/// The tree of a text that is one expression.
pub(crate) fn expression(sql: &str) -> Option<Expr> {
    let mut parser = Parser::new(&DIALECT).try_with_sql(sql).ok()?;
    let expr = parser.parse_expr().ok()?;
    (parser.peek_token().token == sqlparser::tokenizer::Token::EOF).then_some(expr)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_texts_count() {
        assert!(query("SELECT 1").is_some());
        assert!(query("SELECT 1; SELECT 2").is_none());
        assert!(query("DELETE FROM t").is_none());
        assert_eq!(expression("a = 1 AND b").map(|e| e.to_string()).as_deref(), Some("a = 1 AND b"));
        assert!(expression("a = 1 a = 2").is_none());
    }
}
