//! The round-trip guard. sqlparser reads most of PostgreSQL's SQL, and some of it wrongly; so a statement is
//! edited only when the server itself shows that the unedited tree means what the text means.

use pgverse_core::traits::Probe;
use pgverse_core::types::{Plan, Statement};
use pgverse_core::{Context, ErrorKind, Result};
use sqlparser::ast::{Expr, Query, VisitMut, VisitorMut};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer};
use std::ops::ControlFlow;

use super::parse;

/// Most parameter sets for which plans are compared.
const MOST_SETS: usize = 4;

/// A statement whose tree may be edited, with its plans of today.
#[derive(Debug)]
pub(crate) struct Proven {
    /// The tree.
    pub(crate) query: Query,
    /// One plan, not executed, for each of the first parameter sets.
    pub(crate) plans: Vec<Plan>,
}

/// Proves that parsing a statement and printing it changes nothing: the same words are in both texts, and the
/// server makes the same plan, down to each cost and output expression, of the original and of the tree
/// printed with every operator in parentheses, so that a wrong precedence would show.
///
/// # Errors
/// Only if the run was cancelled or its deadline has passed; whatever else goes wrong means "not proven".
pub(crate) async fn prove(cx: &Context, probe: &dyn Probe, statement: &Statement) -> Result<Option<Proven>> {
    let Some(query) = parse::query(&statement.sql) else {
        return Ok(None);
    };
    match (words(&statement.sql), words(&query.to_string())) {
        (Some(text), Some(tree)) if text == tree => {}
        _ => return Ok(None),
    }
    let Some(plans) = plans(cx, probe, statement, &statement.sql).await? else {
        return Ok(None);
    };
    let mut spelled_out = query.clone();
    parenthesize(&mut spelled_out);
    let same = self::plans(cx, probe, statement, &spelled_out.to_string()).await?;
    let equal = same.is_some_and(|same| same.iter().zip(&plans).all(|(a, b)| a.root == b.root));
    if !equal {
        tracing::debug!(statement = %statement.id, "left alone: its tree does not provably mean the same");
    }
    Ok(equal.then_some(Proven { query, plans }))
}

/// The plan of a text for each of the first parameter sets of a statement; nothing if the server rejects it.
///
/// # Errors
/// Only if the run was cancelled or its deadline has passed.
pub(crate) async fn plans(
    cx: &Context,
    probe: &dyn Probe,
    statement: &Statement,
    sql: &str,
) -> Result<Option<Vec<Plan>>> {
    let mut plans = Vec::new();
    for set in statement.parameter_sets.iter().take(MOST_SETS) {
        match probe.explain(cx, sql, &set.values).await {
            Ok(plan) => plans.push(plan),
            Err(error) => {
                cx.check()?;
                if error.kind() == ErrorKind::Cancelled {
                    return Err(error);
                }
                tracing::debug!(statement = %statement.id, %error, "the server does not plan it");
                return Ok(None);
            }
        }
    }
    Ok(Some(plans))
}

/// The words of a text, sorted: without spaces, comments, optional words, and spelling that means nothing.
/// Nothing if the text holds a hexadecimal literal: `0x1F` and `X'1F'` are one token to sqlparser and two
/// different things to the server.
fn words(sql: &str) -> Option<Vec<String>> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize().ok()?;
    if tokens.iter().any(|t| matches!(t, Token::HexStringLiteral(_))) {
        return None;
    }
    let mut words: Vec<String> = tokens
        .into_iter()
        .filter_map(|token| match token {
            Token::Whitespace(_) | Token::SemiColon | Token::EOF => None,
            Token::Word(word) if word.quote_style.is_none() => {
                let word = word.value.to_ascii_lowercase();
                (word != "as").then_some(word)
            }
            other => Some(other.to_string()),
        })
        .collect();
    words.sort_unstable();
    Some(words)
}

/// Puts every operator into parentheses.
fn parenthesize(query: &mut Query) {
    struct Parentheses;
    impl VisitorMut for Parentheses {
        type Break = ();
        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            let operator = matches!(
                expr,
                Expr::BinaryOp { .. }
                    | Expr::UnaryOp { .. }
                    | Expr::Between { .. }
                    | Expr::InList { .. }
                    | Expr::InSubquery { .. }
                    | Expr::Like { .. }
                    | Expr::ILike { .. }
                    | Expr::SimilarTo { .. }
                    | Expr::IsNull(_)
                    | Expr::IsNotNull(_)
                    | Expr::IsTrue(_)
                    | Expr::IsNotTrue(_)
                    | Expr::IsFalse(_)
                    | Expr::IsNotFalse(_)
                    | Expr::IsDistinctFrom(..)
                    | Expr::IsNotDistinctFrom(..)
                    | Expr::AnyOp { .. }
                    | Expr::AllOp { .. }
                    | Expr::AtTimeZone { .. }
                    | Expr::Collate { .. }
                    | Expr::Cast { .. }
            );
            if operator {
                let inner = std::mem::replace(expr, Expr::Identifier("x".into()));
                *expr = Expr::Nested(Box::new(inner));
            }
            ControlFlow::Continue(())
        }
    }
    let _ = query.visit(&mut Parentheses);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_ignore_only_what_means_nothing() {
        let same = |a: &str, b: &str| words(a) == words(b);
        assert!(same("select A.b c from T a -- hi", "SELECT a.b AS c FROM t AS a"));
        assert!(same("SELECT a FROM t OFFSET 2 LIMIT 1", "SELECT a FROM t LIMIT 1 OFFSET 2"));
        assert!(same("SELECT 1 WHERE a != b", "SELECT 1 WHERE a <> b"));
        assert!(!same("SELECT 'a' 'b'", "SELECT 'a' AS b"));
        assert!(!same("SELECT \"A\"", "SELECT a"));
        assert_eq!(words("SELECT 0x1F"), None);
    }

    #[test]
    fn every_operator_gets_parentheses() {
        let mut tree = parse::query("SELECT a + b * 2 FROM t WHERE NOT a = 1 AND b::int IN (1, 2)").unwrap();
        parenthesize(&mut tree);
        assert_eq!(
            tree.to_string(),
            "SELECT (a + (b * 2)) FROM t WHERE ((NOT (a = 1)) AND ((b::INT) IN (1, 2)))"
        );
    }
}
