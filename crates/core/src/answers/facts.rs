//! What the text of a query says about its answers: is the order fixed, are rows cut off, which functions
//! does it call.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, ObjectName, OrderByKind, Query, SetExpr, Statement, Visit, Visitor};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

/// Facts read off the text; `None` from [`TextFacts::read`] where the parser cannot read it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TextFacts {
    /// ORDER BY of the outermost query, as text; empty without one.
    pub order_by: String,
    /// LIMIT, OFFSET or FETCH of the outermost query, as text.
    pub limit: Option<String>,
    /// The same text without LIMIT, OFFSET and FETCH, where there was one.
    pub lifted: Option<String>,
    /// Whether any LIMIT or DISTINCT ON is left inside, which may pick rows by chance.
    pub picks_inside: bool,
    /// Names of called functions, without schema, in lower case.
    pub functions: Vec<String>,
}

impl TextFacts {
    /// Reads one query.
    pub fn read(sql: &str) -> Option<Self> {
        let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).ok()?;
        let (Some(Statement::Query(mut query)), true) = (statements.pop(), statements.is_empty()) else {
            return None;
        };
        let mut functions = FunctionNames::default();
        let _ = Visit::visit(&*query, &mut functions);
        functions.names.sort_unstable();
        functions.names.dedup();
        let order_by = match query.order_by.as_ref().map(|o| &o.kind) {
            Some(OrderByKind::Expressions(keys)) => {
                keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            }
            Some(OrderByKind::All(_)) => "ALL".to_owned(),
            None => String::new(),
        };
        let limit = match (query.limit_clause.take(), query.fetch.take()) {
            (None, None) => None,
            (limit, fetch) => Some(format!(
                "{}{}",
                limit.map(|l| l.to_string()).unwrap_or_default(),
                fetch.map(|f| f.to_string()).unwrap_or_default()
            )),
        };
        let lifted = limit.as_ref().map(|_| query.to_string());
        let mut inside = Picks::default();
        let _ = Visit::visit(&*query, &mut inside);
        Some(Self { order_by, limit, lifted, picks_inside: inside.found, functions: functions.names })
    }
}

#[derive(Default)]
struct FunctionNames {
    names: Vec<String>,
}

impl Visitor for FunctionNames {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            self.names.push(last_part(&function.name));
        }
        ControlFlow::Continue(())
    }
}

fn last_part(name: &ObjectName) -> String {
    name.0.last().and_then(|part| part.as_ident()).map(|i| i.value.to_lowercase()).unwrap_or_default()
}

#[derive(Default)]
struct Picks {
    found: bool,
}

impl Visitor for Picks {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let distinct_on = matches!(
            &*query.body,
            SetExpr::Select(select) if matches!(select.distinct, Some(sqlparser::ast::Distinct::On(_)))
        );
        self.found |= query.limit_clause.is_some() || query.fetch.is_some() || distinct_on;
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_limit_and_functions_are_seen() {
        let facts = TextFacts::read("SELECT lower(a), pg_catalog.Random() FROM t ORDER BY a DESC, b LIMIT 5")
            .unwrap();
        assert_eq!(facts.order_by, "a DESC, b");
        assert_eq!(facts.limit.as_deref().map(str::trim), Some("LIMIT 5"));
        assert_eq!(
            facts.lifted.as_deref(),
            Some("SELECT lower(a), pg_catalog.Random() FROM t ORDER BY a DESC, b")
        );
        assert_eq!(facts.functions, ["lower", "random"]);
        assert!(!facts.picks_inside);
    }

    #[test]
    fn a_limit_inside_is_seen() {
        let facts = TextFacts::read("SELECT * FROM (SELECT * FROM t LIMIT 3) s").unwrap();
        assert!(facts.picks_inside && facts.limit.is_none() && facts.lifted.is_none());
        assert!(TextFacts::read("DELETE FROM t").is_none());
        assert!(TextFacts::read("SELEC 1").is_none());
    }
}
