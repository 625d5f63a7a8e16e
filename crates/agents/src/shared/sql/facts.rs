//! What must be known about a database before its statements may be rewritten.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use pgverse_core::pg::quote;
use pgverse_core::traits::Probe;
use pgverse_core::types::{Catalog, Table};
use pgverse_core::{Context, Result};
use serde::Deserialize;
use sqlparser::ast::{Expr, Function, ObjectName, Query, SetExpr, TableFactor, Visit, Visitor};

use super::names::fold;
use super::walk::function_name;

/// Functions that are syntax: they have no row in `pg_proc`, and nothing volatile about them.
const SYNTAX: &[&str] = &[
    "coalesce",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "greatest",
    "grouping",
    "least",
    "localtime",
    "localtimestamp",
    "nullif",
    "session_user",
    "user",
];

/// Functions whose result depends on the session's time zone, language or float settings but neither on the
/// time nor on the user. A stored result of them is right for readers with the settings of the refresh.
const SETTINGS_ONLY: &[&str] = &[
    "coalesce",
    "concat",
    "concat_ws",
    "date_part",
    "date_trunc",
    "extract",
    "format",
    "greatest",
    "json_agg",
    "json_build_array",
    "json_build_object",
    "jsonb_agg",
    "jsonb_build_array",
    "jsonb_build_object",
    "least",
    "nullif",
    "row_to_json",
    "string_agg",
    "timezone",
    "to_char",
    "to_json",
    "to_jsonb",
];

/// Words that the server reads as a moment relative to now.
const MOMENTS: &[&str] = &["now", "today", "tomorrow", "yesterday", "allballs"];

/// What `pg_proc` says of all functions of one name; where overloads differ, the worst of it.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct FunctionFacts {
    pub(crate) builtin: bool,
    pub(crate) volatile: bool,
    pub(crate) immutable: bool,
    pub(crate) aggregate: bool,
    pub(crate) set: bool,
}

/// The catalog, and what it does not hold.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    /// The catalog.
    pub(crate) catalog: &'a Catalog,
    /// Names that do not mean the rows of one table: views, foreign tables, parents of inheritance.
    opaque: BTreeSet<(String, String)>,
    /// Tables with row-level security.
    secured: BTreeSet<(String, String)>,
    functions: BTreeMap<String, FunctionFacts>,
}

#[derive(Deserialize)]
struct RelationRow {
    schema: String,
    name: String,
    opaque: bool,
}

#[derive(Deserialize)]
struct FunctionRow {
    name: String,
    #[serde(flatten)]
    facts: FunctionFacts,
}

impl<'a> Facts<'a> {
    /// Facts from parts.
    #[cfg(test)]
    pub(crate) fn new(catalog: &'a Catalog, functions: BTreeMap<String, FunctionFacts>) -> Self {
        Self { catalog, opaque: BTreeSet::new(), secured: BTreeSet::new(), functions }
    }

    /// Asks the server for what the catalog does not hold, as far as these queries need it.
    pub(crate) async fn load(
        cx: &Context,
        probe: &dyn Probe,
        catalog: &'a Catalog,
        queries: impl IntoIterator<Item = &Query>,
    ) -> Result<Self> {
        let mut facts =
            Self { catalog, opaque: BTreeSet::new(), secured: BTreeSet::new(), functions: BTreeMap::new() };
        let relations = "SELECT n.nspname AS schema, c.relname AS name, \
             c.relkind IN ('v', 'f') OR (c.relkind = 'r' AND c.relhassubclass) AS opaque \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') \
             AND (c.relkind IN ('v', 'f') OR c.relrowsecurity OR (c.relkind = 'r' AND c.relhassubclass)) ORDER BY 1, 2";
        for row in probe.query(cx, relations).await? {
            let row: RelationRow = read(row)?;
            let set = if row.opaque { &mut facts.opaque } else { &mut facts.secured };
            set.insert((row.schema, row.name));
        }
        let mut names = BTreeSet::new();
        for query in queries {
            functions(query, |f| {
                names.extend(function_name(f));
            });
        }
        if !names.is_empty() {
            let names: Vec<String> = names.iter().map(|n| quote::literal(n)).collect();
            let sql = format!(
                "SELECT proname AS name, bool_and(pronamespace = 'pg_catalog'::regnamespace) AS builtin, \
                 bool_or(provolatile = 'v') AS volatile, bool_and(provolatile = 'i') AS immutable, \
                 bool_or(prokind = 'a') AS aggregate, bool_or(proretset) AS set \
                 FROM pg_proc WHERE proname IN ({}) GROUP BY proname ORDER BY 1",
                names.join(", ")
            );
            for row in probe.query(cx, &sql).await? {
                let row: FunctionRow = read(row)?;
                facts.functions.insert(row.name, row.facts);
            }
        }
        Ok(facts)
    }

    /// The table that a statement names, if it is one whose rows are its own.
    pub(crate) fn table(&self, name: &ObjectName) -> Option<&'a Table> {
        let parts: Vec<String> = name.0.iter().map(|p| p.as_ident().map(fold)).collect::<Option<_>>()?;
        let known = |schema: &str, name: &str| {
            let opaque = self.opaque.contains(&(schema.to_owned(), name.to_owned()));
            (opaque, self.catalog.table(schema, name))
        };
        match parts.as_slice() {
            // System catalogs come first on every search path.
            [name] if name.starts_with("pg_") => None,
            [name] => self.catalog.search_path.iter().find_map(|schema| match known(schema, name) {
                (true, _) => Some(None),
                (false, Some(table)) => Some(Some(table)),
                (false, None) => None,
            })?,
            [schema, name] => match known(schema, name) {
                (false, table) => table,
                (true, _) => None,
            },
            _ => None,
        }
    }

    /// Whether row-level security hides rows of a table from some users.
    pub(crate) fn secured(&self, table: &Table) -> bool {
        self.secured.contains(&(table.schema.clone(), table.name.clone()))
    }

    /// What is known about a function.
    pub(crate) fn function(&self, function: &Function) -> Option<FunctionFacts> {
        self.functions.get(&function_name(function)?).copied()
    }

    /// Whether this expression itself is a call of an aggregate function.
    pub(crate) fn is_aggregate(&self, expr: &Expr) -> bool {
        matches!(expr, Expr::Function(f) if f.over.is_none() && self.function(f).is_some_and(|f| f.aggregate))
    }

    /// Whether this expression itself is a window call.
    pub(crate) fn is_window(&self, expr: &Expr) -> bool {
        matches!(expr, Expr::Function(f) if f.over.is_some())
    }

    /// Whether this expression itself returns any number of rows.
    pub(crate) fn returns_set(&self, expr: &Expr) -> bool {
        matches!(expr, Expr::Function(f) if self.function(f).is_none_or(|f| f.set) && !is_syntax(f))
    }

    /// Whether every relation and function in a query is known, no function is volatile, nothing is locked
    /// or modified: then evaluating a part of it once more, once less or elsewhere changes nothing.
    pub(crate) fn understands(&self, query: &Query) -> bool {
        struct Check<'f, 'a> {
            facts: &'f Facts<'a>,
            ctes: BTreeSet<String>,
        }
        impl Visitor for Check<'_, '_> {
            type Break = ();
            fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
                let reads = query.locks.is_empty() && body_reads(&query.body);
                if reads { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            }
            fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
                let known = match factor {
                    TableFactor::Table { name, args: None, sample: None, .. } => {
                        let cte = name.0.len() == 1
                            && name.0[0].as_ident().is_some_and(|i| self.ctes.contains(&fold(i)));
                        // A name that is both could mean either.
                        cte != self.facts.table(name).is_some()
                    }
                    TableFactor::Derived { sample: None, .. } | TableFactor::NestedJoin { .. } => true,
                    _ => false,
                };
                if known { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            }
        }
        let mut calm = true;
        functions(query, |f| calm = calm && (is_syntax(f) || self.function(f).is_some_and(|f| !f.volatile)));
        calm && query.visit(&mut Check { facts: self, ctes: ctes(query) }).is_continue()
    }

    /// Whether the answer depends on nothing but the rows: not on the time, the user or the session, apart
    /// from settings such as the time zone.
    pub(crate) fn timeless(&self, query: &Query) -> bool {
        let mut timeless = true;
        functions(query, |f| {
            timeless = timeless
                && (function_name(f).is_some_and(|n| SETTINGS_ONLY.contains(&n.as_str()))
                    || self.function(f).is_some_and(|f| f.immutable));
        });
        super::walk::each_expr(query, true, |e| {
            let text = match e {
                Expr::Value(v) => v.value.clone().into_string(),
                Expr::TypedString(t) => t.value.value.clone().into_string(),
                _ => None,
            };
            if let Some(text) = text {
                let text = text.to_ascii_lowercase();
                timeless = timeless && !text.split_whitespace().any(|word| MOMENTS.contains(&word));
            }
        });
        timeless
    }
}

/// Names of all CTEs of a query, at any depth.
fn ctes(query: &Query) -> BTreeSet<String> {
    struct Names(BTreeSet<String>);
    impl Visitor for Names {
        type Break = ();
        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
            let with = query.with.iter().flat_map(|w| &w.cte_tables);
            self.0.extend(with.map(|cte| fold(&cte.alias.name)));
            ControlFlow::Continue(())
        }
    }
    let mut names = Names(BTreeSet::new());
    let _ = query.visit(&mut names);
    names.0
}

/// The tables that a query reads, at any depth, each once, in order of appearance; nothing if some relation is
/// neither a table nor a CTE.
pub(crate) fn tables<'a>(query: &Query, facts: &Facts<'a>) -> Option<Vec<&'a Table>> {
    struct Tables<'f, 'a> {
        facts: &'f Facts<'a>,
        ctes: BTreeSet<String>,
        found: Vec<&'a Table>,
    }
    impl Visitor for Tables<'_, '_> {
        type Break = ();
        fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
            let cte = name.0.len() == 1 && name.0[0].as_ident().is_some_and(|i| self.ctes.contains(&fold(i)));
            match self.facts.table(name) {
                Some(table) => {
                    if !self.found.iter().any(|t| t.schema == table.schema && t.name == table.name) {
                        self.found.push(table);
                    }
                }
                None if cte => {}
                None => return ControlFlow::Break(()),
            }
            ControlFlow::Continue(())
        }
    }
    let mut tables = Tables { facts, ctes: ctes(query), found: Vec::new() };
    let known = query.visit(&mut tables).is_continue();
    known.then_some(tables.found)
}

fn body_reads(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => select.into.is_none(),
        SetExpr::SetOperation { left, right, .. } => body_reads(left) && body_reads(right),
        SetExpr::Query(_) | SetExpr::Values(_) => true,
        _ => false,
    }
}

fn is_syntax(function: &Function) -> bool {
    function.name.0.len() == 1 && function_name(function).is_some_and(|n| SYNTAX.contains(&n.as_str()))
}

fn functions(query: &Query, mut each: impl FnMut(&Function)) {
    super::walk::each_expr(query, true, |e| {
        if let Expr::Function(function) = e {
            each(function);
        }
    });
}

fn read<T: serde::de::DeserializeOwned>(row: serde_json::Value) -> Result<T> {
    serde_json::from_value(row).map_err(|e| {
        pgverse_core::Error::internal("a catalog row does not have the expected shape").caused_by(e)
    })
}

#[cfg(test)]
mod tests {
    use crate::shared::sql::{query, testing};

    #[test]
    fn only_calm_statements_over_known_tables_are_understood() {
        let catalog = testing::shop();
        let facts = testing::facts(&catalog);
        let understands = |sql: &str| facts.understands(&query(sql).unwrap());
        assert!(understands("SELECT count(*) FROM orders WHERE now() > created_at"));
        assert!(understands("WITH x AS (SELECT 1) SELECT * FROM x"));
        assert!(!understands("SELECT random() FROM orders"));
        assert!(!understands("SELECT unheard_of(1) FROM orders"));
        assert!(!understands("SELECT * FROM nowhere"));
        assert!(!understands("SELECT * FROM orders FOR UPDATE"));
        assert!(!understands("WITH orders AS (SELECT 1) SELECT * FROM orders"));
        assert!(!understands("SELECT * FROM pg_class"));
        assert!(!understands("SELECT * FROM (SELECT * FROM orders FOR SHARE) o"));
        assert!(!understands("SELECT * FROM orders TABLESAMPLE SYSTEM (10)"));
    }

    #[test]
    fn answers_that_depend_on_the_time_or_the_user_are_not_timeless() {
        let catalog = testing::shop();
        let facts = testing::facts(&catalog);
        let timeless = |sql: &str| facts.timeless(&query(sql).unwrap());
        assert!(timeless("SELECT date_trunc('day', created_at), sum(total) FROM orders GROUP BY 1"));
        assert!(!timeless("SELECT 1 FROM orders WHERE created_at > now()"));
        assert!(!timeless("SELECT 1 FROM orders WHERE created_at > current_date"));
        assert!(!timeless("SELECT 1 FROM orders WHERE created_at > 'Today'::timestamptz"));
        assert!(!timeless("SELECT 1 FROM orders WHERE created_at > DATE 'yesterday'"));
        assert!(!timeless("SELECT current_user FROM orders"));
    }
}
