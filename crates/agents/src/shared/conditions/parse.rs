//! From text to predicates.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use pgverse_core::pg::quote::ident;
use sqlparser::ast::{
    BinaryOperator, CastKind, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, OrderBySort,
    UnaryOperator, Value, visit_expressions, visit_expressions_mut,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use super::text::{array_elements, conjuncts, disjuncts};
use super::{AnyOf, Bound, Conditions, Key, OrderKey, Predicate, Scope, Side, Test, What};

/// Deeper nesting than any real condition has; bounds the recursion over `AND` within `OR`.
const MAX_DEPTH: usize = 16;

impl Scope<'_> {
    /// Reads a condition as the server prints it.
    pub fn conditions(&self, text: &str) -> Conditions {
        self.conditions_within(text, 0)
    }

    /// Reads a grouping key.
    pub fn key(&self, text: &str) -> Option<Key> {
        self.key_of(&expression(text)?)
    }

    /// Reads one entry of `Sort Key`.
    pub fn order_key(&self, text: &str) -> Option<OrderKey> {
        let mut parser = Parser::new(&PostgreSqlDialect {}).try_with_sql(text).ok()?;
        let order = parser.parse_order_by_expr().ok()?;
        let descending = match order.options.sort {
            Some(OrderBySort::Desc) => true,
            Some(OrderBySort::Asc) | None => false,
            Some(OrderBySort::Using(_)) => return None,
        };
        let nulls_first = order.options.nulls_first.filter(|first| *first != descending);
        Some(OrderKey { key: self.key_of(&order.expr)?, descending, nulls_first })
    }

    fn conditions_within(&self, text: &str, depth: usize) -> Conditions {
        let mut conditions = Conditions::default();
        for conjunct in conjuncts(text) {
            let arms = disjuncts(conjunct);
            if arms.len() > 1 && depth < MAX_DEPTH {
                match self.any_of(&arms, depth) {
                    Some(arms) => {
                        let sql = expression(conjunct).map(|e| unqualified(&e)).unwrap_or_default();
                        conditions.any.push(AnyOf { arms, sql });
                    }
                    None => conditions.opaque += 1,
                }
                continue;
            }
            let predicates = expression(conjunct).map(|e| self.predicates(&e)).unwrap_or_default();
            if predicates.is_empty() {
                conditions.opaque += 1;
            }
            conditions.all.extend(predicates);
        }
        conditions
    }

    /// The arms of a disjunction, if all are understood.
    fn any_of(&self, arms: &[&str], depth: usize) -> Option<Vec<Vec<Predicate>>> {
        arms.iter()
            .map(|arm| {
                let arm = self.conditions_within(arm, depth + 1);
                (arm.opaque == 0 && arm.any.is_empty() && !arm.all.is_empty()).then_some(arm.all)
            })
            .collect()
    }

    /// The predicates of one conjunct: none if not understood, two if it joins two relations.
    fn predicates(&self, conjunct: &Expr) -> Vec<Predicate> {
        let sql = unqualified(conjunct);
        let one = |on: Option<Key>, test: Test| -> Vec<Predicate> {
            on.map(|on| Predicate { on, test, sql: sql.clone() }).into_iter().collect()
        };
        match peel(conjunct) {
            Expr::IsNull(e) => one(self.key_of(e), Test::Null(true)),
            Expr::IsNotNull(e) => one(self.key_of(e), Test::Null(false)),
            Expr::IsTrue(e) | Expr::IsNotFalse(e) => one(self.key_of(e), Test::Truth(true)),
            Expr::IsFalse(e) | Expr::IsNotTrue(e) => one(self.key_of(e), Test::Truth(false)),
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => one(self.key_of(expr), Test::Truth(false)),
            Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => {
                let values = literal(right).and_then(|text| array_elements(&text));
                if self.aliases(right).is_empty() {
                    one(self.key_of(left), Test::In(values))
                } else {
                    Vec::new()
                }
            }
            Expr::BinaryOp { left, op, right } => {
                let mut predicates = self.compared(left, op, right, &sql);
                if let Some(flipped) = flipped(op) {
                    predicates.extend(self.compared(right, &flipped, left, &sql));
                }
                predicates
            }
            // A boolean column, or a function that returns a boolean.
            e => one(self.key_of(e), Test::Truth(true)),
        }
    }

    /// `left op right`, seen from the left. Of rows only the first columns are compared: that is what a
    /// search begins with.
    fn compared(&self, left: &Expr, op: &BinaryOperator, right: &Expr, sql: &str) -> Vec<Predicate> {
        if let (Some(left), Some(right)) = (row(left), row(right)) {
            let ordered = matches!(test(op, Side::Unknown), Test::Range(..));
            return match (left.first(), right.first()) {
                (Some(left), Some(right)) if ordered => self.compared(left, op, right, sql),
                _ => Vec::new(),
            };
        }
        let Some(on) = self.key_of(left) else { return Vec::new() };
        let others = self.aliases(right);
        let side = match (others.len(), others.first()) {
            (0, _) => literal(right).map_or(Side::Unknown, Side::Constant),
            (1, Some(alias)) if *alias != on.alias => {
                Side::Relation(alias.clone(), plain_column(right, self).map(|(_, column)| column))
            }
            _ => return Vec::new(),
        };
        vec![Predicate { on, test: test(op, side), sql: sql.to_owned() }]
    }

    /// The column or expression that this is, if it is over exactly one relation.
    fn key_of(&self, e: &Expr) -> Option<Key> {
        if let Some((alias, column)) = plain_column(e, self) {
            self.table(&alias)?.column(&column)?;
            return Some(Key { alias, what: What::Column(column) });
        }
        let mut aliases = self.aliases(e).into_iter();
        let (Some(alias), None) = (aliases.next(), aliases.next()) else { return None };
        let table = self.table(&alias)?;
        let mut sound = row(e).is_none();
        let _ = visit_expressions(e, |e| {
            match e {
                Expr::Value(v) if matches!(v.value, Value::Placeholder(_)) => sound = false,
                Expr::Subquery(_) | Expr::Exists { .. } | Expr::CompoundFieldAccess { .. } => sound = false,
                Expr::CompoundIdentifier(parts) => {
                    sound &= parts.last().is_some_and(|p| table.column(&p.value).is_some());
                }
                // An aggregate of the level below, or a computed column of a subquery.
                Expr::Function(f) if AGGREGATES.contains(&f.name.to_string().to_lowercase().as_str()) => {
                    sound = false;
                }
                _ => {}
            }
            ControlFlow::<()>::Continue(())
        });
        sound.then(|| Key { alias, what: What::Expression(unqualified(peel(e))) })
    }

    /// Every alias that an expression mentions.
    fn aliases(&self, e: &Expr) -> BTreeSet<String> {
        let mut aliases = BTreeSet::new();
        let _ = visit_expressions(e, |e| {
            match e {
                Expr::CompoundIdentifier(parts) => {
                    aliases.extend(parts.first().map(|p| p.value.clone()));
                }
                Expr::Identifier(name) => {
                    aliases.extend(self.owner(&name.value).map(str::to_owned));
                }
                _ => {}
            }
            ControlFlow::<()>::Continue(())
        });
        aliases
    }
}

const AGGREGATES: &[&str] = &[
    "count",
    "sum",
    "min",
    "max",
    "avg",
    "array_agg",
    "string_agg",
    "bool_and",
    "bool_or",
    "every",
    "json_agg",
    "jsonb_agg",
    "stddev",
    "variance",
    "row_number",
    "rank",
    "dense_rank",
    "lag",
    "lead",
    "ntile",
    "first_value",
    "last_value",
];

fn expression(text: &str) -> Option<Expr> {
    let mut parser = Parser::new(&PostgreSqlDialect {}).try_with_sql(text).ok()?;
    let e = parser.parse_expr().ok()?;
    (parser.peek_token().token == sqlparser::tokenizer::Token::EOF).then_some(e)
}

fn peel(e: &Expr) -> &Expr {
    match e {
        Expr::Nested(inner) => peel(inner),
        e => e,
    }
}

/// The fields of `ROW(…)`.
fn row(e: &Expr) -> Option<Vec<&Expr>> {
    let Expr::Function(f) = peel(e) else { return None };
    let FunctionArguments::List(list) = &f.args else { return None };
    let fields = list.args.iter().map(|a| match a {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => Some(e),
        _ => None,
    });
    if f.name.to_string().eq_ignore_ascii_case("row") { fields.collect() } else { None }
}

/// Alias and name of a plain column. A cast of varchar to text changes nothing but the label.
fn plain_column(e: &Expr, scope: &Scope<'_>) -> Option<(String, String)> {
    match peel(e) {
        Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [alias, column] => Some((alias.value.clone(), column.value.clone())),
            _ => None,
        },
        Expr::Identifier(name) => Some((scope.owner(&name.value)?.to_owned(), name.value.clone())),
        Expr::Cast { kind: CastKind::DoubleColon, expr, data_type, .. } => {
            let (alias, column) = plain_column(expr, scope)?;
            let from = &scope.table(&alias)?.column(&column)?.type_name;
            let relabel = from.starts_with("character varying")
                && data_type.to_string().eq_ignore_ascii_case("text")
                || from == "cidr" && data_type.to_string().eq_ignore_ascii_case("inet");
            relabel.then_some((alias, column))
        }
        _ => None,
    }
}

/// The text of a literal below casts and signs.
fn literal(e: &Expr) -> Option<String> {
    match peel(e) {
        Expr::Cast { expr, .. } => literal(expr),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => literal(expr).map(|text| format!("-{text}")),
        Expr::Value(value) => match &value.value {
            Value::Number(text, _) | Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => {
                Some(text.clone())
            }
            Value::Boolean(b) => Some(if *b { "t" } else { "f" }.to_owned()),
            _ => None,
        },
        _ => None,
    }
}

fn test(op: &BinaryOperator, side: Side) -> Test {
    let pattern = match &side {
        Side::Constant(text) => Some(text.clone()),
        _ => None,
    };
    match op {
        BinaryOperator::Eq => Test::Equal(side),
        BinaryOperator::NotEq => Test::NotEqual(side),
        BinaryOperator::Lt | BinaryOperator::LtEq => Test::Range(Bound::Upper, side),
        BinaryOperator::Gt | BinaryOperator::GtEq => Test::Range(Bound::Lower, side),
        BinaryOperator::PGLikeMatch => Test::Like { pattern, insensitive: false, negated: false },
        BinaryOperator::PGILikeMatch => Test::Like { pattern, insensitive: true, negated: false },
        BinaryOperator::PGNotLikeMatch => Test::Like { pattern, insensitive: false, negated: true },
        BinaryOperator::PGNotILikeMatch => Test::Like { pattern, insensitive: true, negated: true },
        op => Test::Operator(op.to_string(), side),
    }
}

/// The operator with its sides exchanged.
fn flipped(op: &BinaryOperator) -> Option<BinaryOperator> {
    match op {
        BinaryOperator::Eq | BinaryOperator::NotEq | BinaryOperator::PGOverlap | BinaryOperator::AtAt => {
            Some(op.clone())
        }
        BinaryOperator::Lt => Some(BinaryOperator::Gt),
        BinaryOperator::LtEq => Some(BinaryOperator::GtEq),
        BinaryOperator::Gt => Some(BinaryOperator::Lt),
        BinaryOperator::GtEq => Some(BinaryOperator::LtEq),
        BinaryOperator::AtArrow => Some(BinaryOperator::ArrowAt),
        BinaryOperator::ArrowAt => Some(BinaryOperator::AtArrow),
        _ => None,
    }
}

/// SQL with every `alias.column` made `column`, quoted where needed.
fn unqualified(e: &Expr) -> String {
    let mut e = e.clone();
    let _ = visit_expressions_mut(&mut e, |e| {
        if let Expr::CompoundIdentifier(parts) = e
            && let Some(column) = parts.last()
        {
            let quote = (ident(&column.value) != column.value).then_some('"');
            *e = Expr::Identifier(Ident { quote_style: quote, ..column.clone() });
        }
        ControlFlow::<()>::Continue(())
    });
    e.to_string()
}
