//! What the text of a query says about its answers: is the order fixed, are rows cut off, which functions
//! does it call.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Fetch, Function, FunctionArgumentClause, FunctionArguments, LimitClause, ObjectName, OrderByKind,
    Query, SetExpr, Statement, Visit, Visitor, WindowFrameUnits, WindowType,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use super::ties::TieProbe;

/// Functions whose value depends on the order of rows that tie.
const ORDER_SENSITIVE: [&str; 15] = [
    "array_agg",
    "first_value",
    "json_agg",
    "json_object_agg",
    "jsonb_agg",
    "jsonb_object_agg",
    "lag",
    "last_value",
    "lead",
    "mode",
    "nth_value",
    "ntile",
    "row_number",
    "string_agg",
    "xmlagg",
];

/// Facts read off the text; `None` from [`TextFacts::read`] where the parser cannot read it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TextFacts {
    /// ORDER BY of the outermost query, as text; empty without one.
    pub order_by: String,
    /// LIMIT, OFFSET or FETCH of the outermost query, as text.
    pub limit: Option<String>,
    /// Whether anything left inside may pick rows by chance: LIMIT, DISTINCT ON, a function that depends on
    /// the order of ties.
    pub picks_inside: bool,
    /// Names of called functions, without schema, in lower case.
    pub functions: Vec<String>,
    /// The query with which all orders and cuts that the text allows are found out.
    pub(super) ties: Option<TieProbe>,
}

impl TextFacts {
    /// Reads one query.
    pub fn read(sql: &str) -> Option<Self> {
        let mut query = parse(sql)?;
        let mut functions = FunctionNames::default();
        let _ = Visit::visit(&query, &mut functions);
        functions.names.sort_unstable();
        functions.names.dedup();
        let order_by = match query.order_by.as_ref().map(|o| &o.kind) {
            Some(OrderByKind::Expressions(keys)) => {
                keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            }
            Some(OrderByKind::All(_)) => "ALL".to_owned(),
            None => String::new(),
        };
        let (limit, fetch) = (query.limit_clause.take(), query.fetch.take());
        let ties = TieProbe::read(&query, limit.as_ref());
        let mut inside = Picks::default();
        let _ = Visit::visit(&query, &mut inside);
        Some(Self {
            order_by,
            limit: cut(limit.as_ref(), fetch.as_ref()),
            picks_inside: inside.found,
            functions: functions.names,
            ties,
        })
    }
}

/// The one query of a text.
pub(super) fn parse(sql: &str) -> Option<Query> {
    let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).ok()?;
    match (statements.pop(), statements.is_empty()) {
        (Some(Statement::Query(query)), true) => Some(*query),
        _ => None,
    }
}

fn cut(limit: Option<&LimitClause>, fetch: Option<&Fetch>) -> Option<String> {
    let texts = [limit.map(ToString::to_string), fetch.map(ToString::to_string)];
    let texts: Vec<&str> = texts.iter().flatten().map(|t| t.trim()).collect();
    (!texts.is_empty()).then(|| texts.join(" "))
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

pub(super) fn last_part(name: &ObjectName) -> String {
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

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            self.found |= order_sensitive(function);
        }
        ControlFlow::Continue(())
    }
}

fn order_sensitive(function: &Function) -> bool {
    let array_of_rows = matches!(function.args, FunctionArguments::Subquery(_));
    let frame = match &function.over {
        Some(WindowType::WindowSpec(spec)) => {
            spec.window_frame.as_ref().is_some_and(|f| f.units != WindowFrameUnits::Range)
        }
        Some(WindowType::NamedWindow(_)) => true,
        None => false,
    };
    let by_order = ORDER_SENSITIVE.contains(&last_part(&function.name).as_str());
    array_of_rows || frame || (by_order && !ordered_by_itself(function))
}

/// Whether an aggregate orders its rows by the value that it collects: equal values may change places then.
fn ordered_by_itself(function: &Function) -> bool {
    let FunctionArguments::List(list) = &function.args else { return false };
    let collected = list.args.first().map(ToString::to_string).unwrap_or_default();
    list.clauses.iter().any(|clause| {
        matches!(clause, FunctionArgumentClause::OrderBy(keys) if keys.iter().any(|k| k.expr.to_string() == collected))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_limit_and_functions_are_seen() {
        let facts = TextFacts::read("SELECT lower(a), pg_catalog.Random() FROM t ORDER BY a DESC, b LIMIT 5")
            .unwrap();
        assert_eq!(facts.order_by, "a DESC, b");
        assert_eq!(facts.limit.as_deref(), Some("LIMIT 5"));
        assert_eq!(facts.functions, ["lower", "random"]);
        assert!(!facts.picks_inside);
    }

    #[test]
    fn what_picks_rows_inside_is_seen() {
        for sql in [
            "SELECT * FROM (SELECT * FROM t LIMIT 3) s",
            "SELECT DISTINCT ON (a) a, b FROM t",
            "SELECT a, row_number() OVER (ORDER BY b) FROM t",
            "SELECT string_agg(a, ',') FROM t",
            "SELECT string_agg(a, ',' ORDER BY b) FROM t",
            "SELECT sum(a) OVER (ORDER BY b ROWS UNBOUNDED PRECEDING) FROM t",
            "SELECT ARRAY(SELECT a FROM t)",
        ] {
            assert!(TextFacts::read(sql).unwrap().picks_inside, "{sql}");
        }
        for sql in [
            "SELECT a, rank() OVER (ORDER BY b) FROM t",
            "SELECT DISTINCT a FROM t",
            "SELECT string_agg(a, ',' ORDER BY b, a) FROM t",
        ] {
            assert!(!TextFacts::read(sql).unwrap().picks_inside, "{sql}");
        }
        assert!(TextFacts::read("DELETE FROM t").is_none());
        assert!(TextFacts::read("SELEC 1").is_none());
    }
}
