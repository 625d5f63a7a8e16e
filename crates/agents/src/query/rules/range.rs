//! A function of a timestamp column that is compared with a constant gets a range on the column itself, which
//! a B-tree can search: `created_at::date = '2025-07-15'`, `date_trunc('month', t) >= $1`,
//! `extract(year FROM t) = 2025`, also with BETWEEN.
//!
//! The condition itself stays, and the range that is added follows from it, so no row can be gained or lost.
//! For `timestamp with time zone` the range is a day wider at both ends: whatever the time zone of the session,
//! no local time is further than a day from the moment that the server picks for its midnight (clocks that are
//! set back at midnight, date lines that move).
//!
//! Source: Winand, "SQL Performance Explained", chapter 2 ("Obfuscated Conditions: Date Types").

use sqlparser::ast::{BinaryOperator as Op, Expr, Value};

use crate::query::case::{Case, Rewrite};
use crate::shared::sql::{
    IndexWish, Scope, all_of, calls, each_expr, expression, filters, item_expr, nested, plain, plain_mut,
    unwrapped,
};

pub(super) fn rewrite(case: &Case<'_>) -> Vec<Rewrite> {
    attempt(case).into_iter().collect()
}

fn attempt(case: &Case<'_>) -> Option<Rewrite> {
    let select = plain(case.query)?;
    let scope = Scope::of(&select.from, case.facts)?;
    let conditions = filters(select);
    let mut all: Vec<Expr> = Vec::new();
    let mut indexes = Vec::new();
    let mut changed = Vec::new();
    for condition in &conditions {
        all.push((*condition).clone());
        let Some(found) = bounds(condition, &scope) else { continue };
        // Whoever wrote a range already knows.
        if conditions.iter().any(|c| compares(c, &found.column)) {
            continue;
        }
        changed.push(found.column.to_string());
        indexes.extend(wish(&found, select, &scope));
        all.extend(found.range);
    }
    let mut query = case.query.clone();
    plain_mut(&mut query)?.selection = all_of(all);
    (!changed.is_empty()).then(|| Rewrite {
        rule: "range_from_function",
        title: "range on the column beside the function of it",
        because: format!("the range on {} follows from the condition, which stays", changed.join(", ")),
        query,
        indexes,
    })
}

/// A range that follows from a condition.
struct Bounds {
    /// The column, as it is written.
    column: Expr,
    range: Vec<Expr>,
}

/// Which function of the column is compared.
enum Truncation {
    /// To its day.
    Date,
    /// To a unit, as an interval.
    Unit(&'static str),
    /// To its year, as a number.
    Year,
}

fn bounds(condition: &Expr, scope: &Scope<'_>) -> Option<Bounds> {
    match condition {
        Expr::BinaryOp { left, op, right } => match truncation(left) {
            Some((what, column)) => range(&what, column, op, right, scope),
            None => {
                let (what, column) = truncation(right)?;
                let mirrored = match op {
                    Op::Lt => Op::Gt,
                    Op::LtEq => Op::GtEq,
                    Op::Gt => Op::Lt,
                    Op::GtEq => Op::LtEq,
                    Op::Eq => Op::Eq,
                    _ => return None,
                };
                range(&what, column, &mirrored, left, scope)
            }
        },
        Expr::Between { expr, negated: false, low, high } => {
            let (what, column) = truncation(expr)?;
            let mut found = range(&what, column, &Op::GtEq, low, scope)?;
            found.range.extend(range(&what, column, &Op::LtEq, high, scope)?.range);
            Some(found)
        }
        _ => None,
    }
}

fn truncation(expr: &Expr) -> Option<(Truncation, &Expr)> {
    use sqlparser::ast::{DataType, DateTimeField, FunctionArg, FunctionArgExpr, FunctionArguments};
    match unwrapped(expr) {
        Expr::Cast { expr, data_type: DataType::Date, format: None, .. } => {
            Some((Truncation::Date, unwrapped(expr)))
        }
        Expr::Extract { field: DateTimeField::Year, expr, .. } => Some((Truncation::Year, unwrapped(expr))),
        call @ Expr::Function(_) => {
            let (function, truncates) = match (calls(call, "date_trunc"), calls(call, "date_part")) {
                (Some(function), _) => (function, true),
                (None, Some(function)) => (function, false),
                (None, None) => return None,
            };
            let FunctionArguments::List(list) = &function.args else { return None };
            let [
                FunctionArg::Unnamed(FunctionArgExpr::Expr(unit)),
                FunctionArg::Unnamed(FunctionArgExpr::Expr(column)),
            ] = list.args.as_slice()
            else {
                return None;
            };
            let Expr::Value(unit) = unit else { return None };
            let unit = unit.value.clone().into_string()?.to_ascii_lowercase();
            let what = match (truncates, unit.as_str()) {
                (true, "hour") => Truncation::Unit("1 hour"),
                (true, "day") => Truncation::Unit("1 day"),
                (true, "week") => Truncation::Unit("7 days"),
                (true, "month") => Truncation::Unit("1 month"),
                (true, "quarter") => Truncation::Unit("3 months"),
                (true, "year") => Truncation::Unit("1 year"),
                (false, "year") => Truncation::Year,
                _ => return None,
            };
            Some((what, unwrapped(column)))
        }
        _ => None,
    }
}

/// What `trunc(column) op constant` says about the column.
fn range(what: &Truncation, column: &Expr, op: &Op, constant: &Expr, scope: &Scope<'_>) -> Option<Bounds> {
    let (_, facts) = scope.column(column)?;
    let (type_name, zoned) = match facts.type_name.as_str() {
        "timestamp without time zone" => ("timestamp", false),
        "timestamp with time zone" => ("timestamptz", true),
        _ => return None,
    };
    if !scope.uses(constant)?.is_empty()
        || matches!(unwrapped(constant), Expr::Value(v) if v.value == Value::Null)
    {
        return None;
    }
    let (lower, upper) = match what {
        Truncation::Date => {
            let date = nested(constant.clone());
            (format!("{date}::date::{type_name}"), format!("({date}::date + 1)::{type_name}"))
        }
        Truncation::Unit(interval) => {
            let moment = nested(constant.clone());
            (format!("{moment}::{type_name}"), format!("({moment}::{type_name} + interval '{interval}')"))
        }
        Truncation::Year => {
            let Expr::Value(year) = unwrapped(constant) else { return None };
            let year: u16 = year.value.to_string().parse().ok()?;
            if !(1..=9998).contains(&year) {
                return None;
            }
            (
                format!("'{year:04}-01-01'::date::{type_name}"),
                format!("'{:04}-01-01'::date::{type_name}", year + 1),
            )
        }
    };
    // Something that is no plain date or timestamp could be a moment, which becomes local time by the zone.
    let zoned =
        zoned || !matches!(unwrapped(constant), Expr::Value(_) | Expr::TypedString(_) | Expr::Cast { .. });
    let margin = |sign: &str| if zoned { format!(" {sign} interval '24 hours'") } else { String::new() };
    let mut range = Vec::new();
    if matches!(op, Op::Eq | Op::Gt | Op::GtEq) {
        range.push(expression(&format!("{column} >= {lower}{}", margin("-")))?);
    }
    if matches!(op, Op::Eq | Op::Lt | Op::LtEq) {
        // Not `<`: infinity plus a day is infinity.
        range.push(expression(&format!("{column} <= {upper}{}", margin("+")))?);
    }
    (!range.is_empty()).then(|| Bounds { column: column.clone(), range })
}

/// Whether a condition compares the column itself.
fn compares(condition: &Expr, column: &Expr) -> bool {
    let is = |e: &Expr| unwrapped(e).to_string() == column.to_string();
    match condition {
        Expr::BinaryOp { left, op: Op::Eq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq, right } => {
            is(left) || is(right)
        }
        Expr::Between { expr, .. } | Expr::InList { expr, .. } => is(expr),
        _ => false,
    }
}

/// An index on the column; over a single table also with what else is read.
fn wish(found: &Bounds, select: &sqlparser::ast::Select, scope: &Scope<'_>) -> Option<IndexWish> {
    let (relation, column) = scope.column(&found.column)?;
    let table = scope.relations[relation].table?;
    let mut reads = Vec::new();
    if scope.relations.len() == 1 && select.projection.iter().all(|i| item_expr(i).is_some()) {
        each_expr(select, false, |e| reads.extend(scope.column(e).map(|(_, c)| c.name.as_str())));
    }
    IndexWish::on(table, [column.name.as_str()], reads)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::rules::{apply, show};

    #[test]
    fn ranges_follow_from_functions() {
        insta::assert_snapshot!(show(rewrite, "SELECT count(*), sum(total) FROM orders WHERE created_at::date = '2025-07-15'"), @r#"
        SELECT count(*), sum(total) FROM orders WHERE created_at::DATE = '2025-07-15' AND created_at >= '2025-07-15'::DATE::TIMESTAMPTZ - INTERVAL '24 hours' AND created_at <= ('2025-07-15'::DATE + 1)::TIMESTAMPTZ + INTERVAL '24 hours'
          + index orders (created_at) include (total)
        "#);
        insta::assert_snapshot!(show(rewrite, "SELECT id FROM orders o WHERE CAST(o.shipped_at AS date) = $1::date AND status = 'a'"), @r#"
        SELECT id FROM orders o WHERE CAST(o.shipped_at AS DATE) = $1::DATE AND o.shipped_at >= ($1::DATE)::DATE::TIMESTAMP AND o.shipped_at <= (($1::DATE)::DATE + 1)::TIMESTAMP AND status = 'a'
          + index orders (shipped_at) include (id, status)
        "#);
        insta::assert_snapshot!(show(rewrite, "SELECT 1 FROM \"Events\" WHERE date_trunc('month', \"At\") BETWEEN $1 AND $2"), @r#"
        SELECT 1 FROM "Events" WHERE date_trunc('month', "At") BETWEEN $1 AND $2 AND "At" >= $1::TIMESTAMP AND "At" <= ($2::TIMESTAMP + INTERVAL '1 month')
          + index Events (At)
        "#);
        insta::assert_snapshot!(show(rewrite, "SELECT 1 FROM \"Events\" e WHERE 2024 = extract(year FROM e.\"At\")"), @r#"
        SELECT 1 FROM "Events" e WHERE 2024 = EXTRACT(YEAR FROM e."At") AND e."At" >= '2024-01-01'::DATE::TIMESTAMP AND e."At" <= '2025-01-01'::DATE::TIMESTAMP
          + index Events (At)
        "#);
        insta::assert_snapshot!(show(rewrite, "SELECT bio FROM users, orders WHERE date_trunc('day', shipped_at) > '2025-01-01'"), @r#"
        SELECT bio FROM users, orders WHERE date_trunc('day', shipped_at) > '2025-01-01' AND shipped_at >= '2025-01-01'::TIMESTAMP
          + index orders (shipped_at)
        "#);
    }

    #[test]
    fn silent_where_a_precondition_fails() {
        for sql in [
            // Compared with another column.
            "SELECT 1 FROM orders WHERE created_at::date = shipped_at::date",
            // Not a timestamp.
            "SELECT 1 FROM orders WHERE status::date = '2025-01-01'",
            // There is a range already.
            "SELECT 1 FROM orders WHERE created_at::date = '2025-01-01' AND created_at > '2024-01-01'",
            "SELECT 1 FROM orders WHERE created_at::date <> '2025-01-01'",
            "SELECT 1 FROM orders WHERE date_trunc(status, created_at) = '2025-01-01'",
            "SELECT 1 FROM orders WHERE extract(month FROM created_at) = 3",
            "SELECT 1 FROM orders WHERE extract(year FROM created_at) = $1",
            "SELECT 1 FROM orders WHERE created_at::date = '2025-01-01' OR id = 1",
        ] {
            assert!(apply(rewrite, sql).is_empty(), "{sql}");
        }
    }
}
