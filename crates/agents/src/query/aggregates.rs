//! Aggregate calls that may be computed elsewhere.

use std::collections::BTreeSet;

use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, SelectItem, Value,
};

use crate::shared::sql::{Facts, Scope, any_expr, each_expr, function_name, output_name, replace};

/// Aggregates whose result depends on nothing but the multiset of their non-NULL inputs.
const KNOWN: &[&str] = &["avg", "bool_and", "bool_or", "count", "every", "max", "min", "sum"];

/// An aggregate call, taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Aggregate {
    /// The call.
    pub(crate) call: Function,
    /// The argument; nothing for `count(*)`, and for `count(1)`, which is the same.
    pub(crate) argument: Option<Expr>,
    /// Relations whose columns it reads.
    pub(crate) relations: BTreeSet<usize>,
}

impl Aggregate {
    /// Reads a call; nothing if it is not one whose result over any multiset is known to be exact. Sums of
    /// floating-point numbers depend on the order of their inputs and do not count.
    pub(crate) fn read(expr: &Expr, scope: &Scope<'_>, facts: &Facts<'_>) -> Option<Self> {
        let Expr::Function(call) = expr else { return None };
        let name = function_name(call)?;
        let known = KNOWN.contains(&name.as_str())
            && facts.function(call).is_some_and(|f| f.builtin && f.aggregate)
            && call.over.is_none()
            && call.within_group.is_empty()
            && call.null_treatment.is_none()
            && matches!(call.parameters, FunctionArguments::None)
            && !call.uses_odbc_syntax;
        let FunctionArguments::List(list) = &call.args else { return None };
        if !known || !list.clauses.is_empty() {
            return None;
        }
        let argument = match list.args.as_slice() {
            [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)] if name == "count" => None,
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(constant)))]
                if name == "count"
                    && constant.value != Value::Null
                    && !matches!(constant.value, Value::Placeholder(_))
                    && list.duplicate_treatment.is_none() =>
            {
                None
            }
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] => Some(argument.clone()),
            _ => return None,
        };
        let mut columns = match &argument {
            Some(argument) => scope.columns(argument)?,
            None => Vec::new(),
        };
        if argument.is_some() && columns.is_empty() {
            return None;
        }
        if let Some(filter) = &call.filter {
            columns.extend(scope.columns(filter)?);
        }
        let inexact = matches!(name.as_str(), "sum" | "avg")
            && (columns.iter().any(|(_, c)| matches!(c.type_name.as_str(), "real" | "double precision"))
                || argument.as_ref().is_some_and(may_float));
        let relations = columns.into_iter().map(|(relation, _)| relation).collect();
        (!inexact).then(|| Self { call: call.clone(), argument, relations })
    }

    /// Whether it counts.
    pub(crate) fn counts(&self) -> bool {
        function_name(&self.call).as_deref() == Some("count")
    }

    /// Whether an input row in which every column of its relation is NULL adds nothing to it.
    pub(crate) fn ignores_nulls(&self) -> bool {
        self.argument.as_ref().is_some_and(is_strict)
    }

    /// The same call for use inside, over rows of its own relation only: `count(c)` of a column that is never
    /// NULL, or of a constant, becomes `count(*)`, so that an index need not hold the column.
    pub(crate) fn inner(&self, scope: &Scope<'_>) -> Expr {
        let mut call = self.call.clone();
        if let FunctionArguments::List(list) = &mut call.args
            && self.counts()
            && !matches!(list.duplicate_treatment, Some(DuplicateTreatment::Distinct))
            && self
                .argument
                .as_ref()
                .is_none_or(|a| scope.column(a).is_some_and(|(_, column)| column.not_null))
        {
            list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Wildcard)];
        }
        Expr::Function(call)
    }
}

/// Whether an expression over exact columns may still be a floating-point number.
fn may_float(expr: &Expr) -> bool {
    const EXACT: &[&str] = &["abs", "coalesce", "greatest", "least", "nullif"];
    any_expr(expr, |e| match e {
        Expr::Cast { data_type, .. } => {
            let name = data_type.to_string().to_ascii_lowercase();
            ["float", "double", "real"].iter().any(|f| name.contains(f))
        }
        Expr::Function(f) => function_name(f).is_none_or(|n| !EXACT.contains(&n.as_str())),
        _ => false,
    })
}

/// Whether an expression is NULL whenever one of its columns is: a column, or arithmetic over such.
fn is_strict(expr: &Expr) -> bool {
    use sqlparser::ast::BinaryOperator as Op;
    match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => true,
        Expr::Nested(inner) => is_strict(inner),
        Expr::BinaryOp { left, op: Op::Plus | Op::Minus | Op::Multiply | Op::Divide, right } => {
            let constant = |e: &Expr| matches!(e, Expr::Value(_));
            (is_strict(left) && (is_strict(right) || constant(right))) || (constant(left) && is_strict(right))
        }
        _ => false,
    }
}

/// All aggregate calls of an expression, outermost level only; nothing if one cannot be computed elsewhere,
/// or if there is a window call or a function that returns rows.
pub(crate) fn collect(expr: &Expr, scope: &Scope<'_>, facts: &Facts<'_>) -> Option<Vec<Aggregate>> {
    if any_expr(expr, |e| facts.is_window(e) || facts.returns_set(e)) {
        return None;
    }
    let mut found = Vec::new();
    let mut all_known = true;
    each_expr(expr, false, |e| {
        if facts.is_aggregate(e) {
            match Aggregate::read(e, scope, facts) {
                Some(aggregate) => found.push(aggregate),
                None => all_known = false,
            }
        }
    });
    all_known.then_some(found)
}

/// The expression with every aggregate call replaced by NULL: what is left is evaluated per group.
pub(crate) fn without_aggregates(expr: &Expr, facts: &Facts<'_>) -> Expr {
    let mut rest = expr.clone();
    replace(&mut rest, |e| facts.is_aggregate(e).then(|| Expr::Value(Value::Null.into())));
    rest
}

/// An output column with a new expression and its old name; nothing if the old name is not certain.
pub(crate) fn renamed(item: &SelectItem, expr: Expr) -> Option<SelectItem> {
    let alias = match item {
        SelectItem::ExprWithAlias { alias, .. } => alias.clone(),
        other => crate::shared::sql::name_ast(&output_name(other)?),
    };
    Some(SelectItem::ExprWithAlias { expr, alias })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::sql::{expression, plain, query, testing};

    fn read(sql: &str) -> Option<(bool, bool, String)> {
        let catalog = testing::shop();
        let facts = testing::facts(&catalog);
        let tree = query("SELECT 1 FROM users u LEFT JOIN orders o ON o.user_id = u.id").unwrap();
        let scope = Scope::of(&plain(&tree).unwrap().from, &facts).unwrap();
        let aggregate = Aggregate::read(&expression(sql).unwrap(), &scope, &facts)?;
        Some((aggregate.counts(), aggregate.ignores_nulls(), aggregate.inner(&scope).to_string()))
    }

    #[test]
    fn aggregates_are_taken_apart() {
        assert_eq!(read("count(*)"), Some((true, false, "count(*)".into())));
        assert_eq!(read("count(1)"), Some((true, false, "count(*)".into())));
        assert_eq!(read("count(NULL)"), None);
        assert_eq!(read("count(o.id)"), Some((true, true, "count(*)".into())));
        assert_eq!(read("count(o.user_id)"), Some((true, true, "count(o.user_id)".into())));
        assert_eq!(read("count(DISTINCT o.id)"), Some((true, true, "count(DISTINCT o.id)".into())));
        assert_eq!(read("sum(o.total * 2)"), Some((false, true, "sum(o.total * 2)".into())));
        assert_eq!(
            read("sum(coalesce(o.total, 0))"),
            Some((false, false, "sum(coalesce(o.total, 0))".into()))
        );
    }

    #[test]
    fn inexact_or_ordered_aggregates_are_not_moved() {
        assert_eq!(read("sum(o.score)"), None, "floating point");
        assert_eq!(read("sum(o.total::float8)"), None, "floating point");
        assert!(read("max(o.score)").is_some());
        assert_eq!(read("array_agg(o.id)"), None);
        assert_eq!(read("sum(o.total) OVER ()"), None);
        assert_eq!(read("sum(1)"), None);
    }
}
