//! Looking at, and editing, the expressions of a tree.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Function, Query, Value, Visit, VisitMut, Visitor, VisitorMut};

use super::names::fold;

/// Calls `each` on every expression, parents first; those of subqueries only if `deep`. The expressions of a
/// query that is itself visited count as the first level.
pub(crate) fn each_expr(node: &impl Visit, deep: bool, mut each: impl FnMut(&Expr)) {
    walk(node, if deep { usize::MAX } else { 0 }, &mut each);
}

/// Calls through a pointer: a visitor of each closure's type would compile the whole tree's code anew for each.
fn walk(node: &impl Visit, deepest: usize, each: &mut dyn FnMut(&Expr)) {
    struct Walk<'f> {
        depth: usize,
        deepest: usize,
        each: &'f mut dyn FnMut(&Expr),
    }
    impl Visitor for Walk<'_> {
        type Break = ();
        fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.depth += 1;
            ControlFlow::Continue(())
        }
        fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.depth -= 1;
            ControlFlow::Continue(())
        }
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            if self.depth <= self.deepest {
                (self.each)(expr);
            }
            ControlFlow::Continue(())
        }
    }
    let _ = node.visit(&mut Walk { depth: 0, deepest, each });
}

/// Whether some expression, not looking into subqueries, has a property.
pub(crate) fn any_expr(node: &impl Visit, mut test: impl FnMut(&Expr) -> bool) -> bool {
    let mut found = false;
    each_expr(node, false, |e| found = found || test(e));
    found
}

/// Whether an expression holds a subquery.
pub(crate) fn has_subquery(node: &impl Visit) -> bool {
    any_expr(node, |e| {
        matches!(e, Expr::Subquery(_) | Expr::InSubquery { .. } | Expr::Exists { .. })
            || matches!(e, Expr::Function(f) if matches!(f.args, sqlparser::ast::FunctionArguments::Subquery(_)))
    })
}

/// Edits expressions, children first, not those of subqueries: where `edit` returns something, it takes the
/// place of what was there.
pub(crate) fn replace(node: &mut impl VisitMut, mut edit: impl FnMut(&Expr) -> Option<Expr>) {
    struct Edit<'f> {
        depth: usize,
        edit: &'f mut dyn FnMut(&Expr) -> Option<Expr>,
    }
    impl VisitorMut for Edit<'_> {
        type Break = ();
        fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
            self.depth += 1;
            ControlFlow::Continue(())
        }
        fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
            self.depth -= 1;
            ControlFlow::Continue(())
        }
        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if self.depth == 0
                && let Some(new) = (self.edit)(expr)
            {
                *expr = new;
            }
            ControlFlow::Continue(())
        }
    }
    let _ = node.visit(&mut Edit { depth: 0, edit: &mut edit });
}

/// Edits expressions, parents first, not those of subqueries: what `edit` returns is not looked into again.
pub(crate) fn replace_whole(node: &mut impl VisitMut, mut edit: impl FnMut(&Expr) -> Option<Expr>) {
    struct Edit<'f> {
        depth: usize,
        /// Inside something that was put in place.
        done: usize,
        edit: &'f mut dyn FnMut(&Expr) -> Option<Expr>,
    }
    impl VisitorMut for Edit<'_> {
        type Break = ();
        fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
            self.depth += 1;
            ControlFlow::Continue(())
        }
        fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
            self.depth -= 1;
            ControlFlow::Continue(())
        }
        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if self.done > 0 {
                self.done += 1;
            } else if self.depth == 0
                && let Some(new) = (self.edit)(expr)
            {
                *expr = new;
                self.done = 1;
            }
            ControlFlow::Continue(())
        }
        fn post_visit_expr(&mut self, _: &mut Expr) -> ControlFlow<()> {
            self.done = self.done.saturating_sub(1);
            ControlFlow::Continue(())
        }
    }
    let _ = node.visit(&mut Edit { depth: 0, done: 0, edit: &mut edit });
}

/// The unqualified name of a function, folded; `pg_catalog.` in front is allowed, any other schema is not.
pub(crate) fn function_name(function: &Function) -> Option<String> {
    let mut parts = function.name.0.iter().map(|p| p.as_ident().map(fold));
    match (parts.next()??, parts.next(), parts.next()) {
        (name, None, _) => Some(name),
        (schema, Some(name), None) if schema == "pg_catalog" => name,
        _ => None,
    }
}

/// Whether this expression itself calls a function of this name, which is not an OVER call.
pub(crate) fn calls<'a>(expr: &'a Expr, name: &str) -> Option<&'a Function> {
    match expr {
        Expr::Function(f) if f.over.is_none() && function_name(f).as_deref() == Some(name) => Some(f),
        _ => None,
    }
}

/// `$1`, `$2` … that occur, subqueries included.
pub(crate) fn placeholders(node: &impl Visit) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    struct Values<'a>(&'a mut BTreeSet<String>);
    impl Visitor for Values<'_> {
        type Break = ();
        fn pre_visit_value(&mut self, value: &sqlparser::ast::ValueWithSpan) -> ControlFlow<()> {
            if let Value::Placeholder(name) = &value.value {
                self.0.insert(name.clone());
            }
            ControlFlow::Continue(())
        }
    }
    let _ = node.visit(&mut Values(&mut found));
    found
}

/// The expression without parentheses around it.
pub(crate) fn unwrapped(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) => unwrapped(inner),
        other => other,
    }
}
