//! Identifiers: folding, quoting, names that are free, names that the server gives to columns.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use pgverse_core::pg::quote;
use sqlparser::ast::{Expr, Ident, SelectItem, SetExpr, Visit, Visitor};

use super::walk::function_name;

/// The name that an identifier stands for: as written where quoted, lower case where not.
pub(crate) fn fold(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_ascii_lowercase() }
}

/// An identifier for a name, quoted where needed.
pub(crate) fn name_ast(name: &str) -> Ident {
    if quote::ident(name) == name { Ident::new(name) } else { Ident::with_quote('"', name) }
}

/// Hands out names that occur nowhere in a statement.
#[derive(Debug)]
pub(crate) struct Fresh(BTreeSet<String>);

impl Fresh {
    /// Knows every identifier of the statement.
    pub(crate) fn of(node: &impl Visit) -> Self {
        struct Names(BTreeSet<String>);
        impl Visitor for Names {
            type Break = ();
            fn pre_visit_ident(&mut self, ident: &Ident) -> ControlFlow<()> {
                self.0.insert(ident.value.to_ascii_lowercase());
                ControlFlow::Continue(())
            }
        }
        let mut names = Names(BTreeSet::new());
        let _ = node.visit(&mut names);
        Self(names.0)
    }

    /// `prefix`, or `prefix` with the first number that is free.
    pub(crate) fn name(&mut self, prefix: &str) -> String {
        let mut name = prefix.to_owned();
        let mut number = 1;
        while !self.0.insert(name.clone()) {
            number += 1;
            name = format!("{prefix}{number}");
        }
        name
    }
}

/// The name that the server gives to an output column (`FigureColname` in its `parse_target.c`), if that is
/// certain.
pub(crate) fn output_name(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(fold(alias)),
        SelectItem::UnnamedExpr(expr) => figure(expr),
        _ => None,
    }
}

fn figure(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(ident) => Some(fold(ident)),
        Expr::CompoundIdentifier(parts) => parts.last().map(fold),
        Expr::Nested(inner) => figure(inner),
        Expr::Function(function) => function_name(function),
        Expr::Extract { .. } => Some("extract".to_owned()),
        Expr::Exists { negated: false, .. } => Some("exists".to_owned()),
        Expr::Subquery(query) => match &*query.body {
            SetExpr::Select(select) => output_name(select.projection.first()?),
            _ => None,
        },
        // A cast is named after its argument where that has a name, else after its type in the server's own
        // spelling, which is not ours to guess.
        Expr::Cast { expr, .. } => match &**expr {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Function(_) => figure(expr),
            _ => None,
        },
        _ => None,
    }
}

/// A name of at most 63 bytes, the same for the same input: `pgverse_` and the parts, or their hash
/// where that gets too long.
pub(crate) fn short_name(parts: &[&str], suffix: &str) -> String {
    let plain: String = parts
        .join("_")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .collect();
    let name = format!("pgverse_{plain}_{suffix}");
    if name.len() <= 63
        && parts.iter().all(|p| p.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'))
    {
        return name;
    }
    let hash = fnv1a(parts.join("\0").as_bytes());
    let room = 63 - "pgverse___".len() - 16 - suffix.len();
    let stem: String = plain.chars().take(room).collect();
    format!("pgverse_{stem}_{hash:016x}_{suffix}")
}

/// FNV-1a, 64 bits: names must stay the same from release to release, which the standard hasher does not
/// promise.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, b| (hash ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

/// Every identifier of a query, to see whether a name occurs at all.
#[cfg(test)]
pub(crate) fn all(query: &sqlparser::ast::Query) -> BTreeSet<String> {
    Fresh::of(query).0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::sql::query;

    fn first(sql: &str) -> Option<String> {
        match *query(sql).unwrap().body {
            SetExpr::Select(select) => output_name(&select.projection[0]),
            _ => None,
        }
    }

    #[test]
    fn columns_are_named_as_the_server_names_them() {
        assert_eq!(first("SELECT COUNT(*)").as_deref(), Some("count"));
        assert_eq!(first("SELECT u.\"Name\" FROM u").as_deref(), Some("Name"));
        assert_eq!(first("SELECT u.Name FROM u").as_deref(), Some("name"));
        assert_eq!(first("SELECT (SELECT max(x) FROM t)").as_deref(), Some("max"));
        assert_eq!(first("SELECT a::text FROM t").as_deref(), Some("a"));
        assert_eq!(first("SELECT '1'::int"), None);
        assert_eq!(first("SELECT a + 1 FROM t"), None);
    }

    #[test]
    fn fresh_names_collide_with_nothing() {
        let tree = query("SELECT S.a FROM t AS S WHERE s2 = 1").unwrap();
        assert!(all(&tree).contains("s2"));
        let mut fresh = Fresh::of(&tree);
        assert_eq!(fresh.name("s"), "s3");
        assert_eq!(fresh.name("s"), "s4");
        assert_eq!(fresh.name("v"), "v");
    }

    #[test]
    fn names_are_short_and_stable() {
        assert_eq!(short_name(&["orders", "user_id"], "idx"), "pgverse_orders_user_id_idx");
        let long = short_name(&[&"x".repeat(80), "y"], "idx");
        assert_eq!(long.len(), 63);
        assert_eq!(long, short_name(&[&"x".repeat(80), "y"], "idx"));
        assert_ne!(short_name(&["A"], "idx"), short_name(&["a"], "idx"));
    }
}
