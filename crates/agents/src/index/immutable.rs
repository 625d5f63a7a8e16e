//! Which expressions an index may hold. The server refuses others anyway; this saves the attempt.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use pgverse_core::types::Table;
use sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, visit_expressions};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

/// Built-in functions that are volatile or depend on settings whatever their arguments.
const NEVER: &[&str] = &[
    "now",
    "current_date",
    "current_time",
    "current_timestamp",
    "localtime",
    "localtimestamp",
    "clock_timestamp",
    "statement_timestamp",
    "transaction_timestamp",
    "random",
    "to_char",
    "concat",
    "concat_ws",
    "format",
    "age",
    "to_timestamp",
    "to_date",
    "current_setting",
    "row_to_json",
    "to_json",
    "to_jsonb",
    "timeofday",
    "nextval",
];

/// Functions that depend on the time zone if their argument is a `timestamp with time zone`.
const BY_ZONE: &[&str] = &["date_trunc", "date_part", "extract", "date"];

/// Whether all that we know of an expression allows it in an index.
pub(crate) fn is_immutable(table: &Table, sql: &str) -> bool {
    let Some(e) = parse(sql) else { return false };
    let mut sound = true;
    let _ = visit_expressions(&e, |e| {
        sound &= match e {
            Expr::Function(f) => function_is_immutable(table, f),
            Expr::Extract { expr, .. } => !is_zoned(table, expr),
            Expr::Cast { expr, data_type, .. } => {
                cast_is_immutable(table, expr, &data_type.to_string().to_lowercase())
            }
            Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => false,
            _ => true,
        };
        ControlFlow::<()>::Continue(())
    });
    sound
}

/// Names of the functions that an expression calls, for a look into `pg_proc`.
pub(crate) fn functions(sql: &str, names: &mut BTreeSet<String>) {
    let Some(e) = parse(sql) else { return };
    let _ = visit_expressions(&e, |e| {
        if let Expr::Function(f) = e {
            names.extend(name(f));
        }
        ControlFlow::<()>::Continue(())
    });
}

fn parse(sql: &str) -> Option<Expr> {
    Parser::new(&PostgreSqlDialect {}).try_with_sql(sql).ok()?.parse_expr().ok()
}

fn name(f: &Function) -> Option<String> {
    f.name.0.last()?.as_ident().map(|i| i.value.clone())
}

fn function_is_immutable(table: &Table, f: &Function) -> bool {
    let Some(name) = name(f) else { return false };
    if NEVER.contains(&name.as_str()) {
        return false;
    }
    let FunctionArguments::List(list) = &f.args else { return false };
    let arguments: Vec<&Expr> = list
        .args
        .iter()
        .filter_map(|a| match a {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => Some(e),
            _ => None,
        })
        .collect();
    if BY_ZONE.contains(&name.as_str()) {
        return !arguments.iter().any(|e| is_zoned(table, e));
    }
    // With one argument it depends on default_text_search_config.
    !(matches!(name.as_str(), "to_tsvector" | "to_tsquery" | "plainto_tsquery") && arguments.len() < 2)
}

/// Casts between text and the date and time types depend on DateStyle and TimeZone.
fn cast_is_immutable(table: &Table, from: &Expr, to: &str) -> bool {
    // The server folds a cast of a literal before the index sees it.
    if matches!(from, Expr::Value(_)) {
        return true;
    }
    let to_time = is_time(to);
    match type_of(table, from).as_deref() {
        Some(from) if is_time(from) && to_time => {
            from.contains("with time zone") == to.contains("with time zone")
        }
        Some(from) => is_time(from) == to_time,
        None => !to_time,
    }
}

fn is_time(type_name: &str) -> bool {
    type_name.starts_with("timestamp")
        || type_name == "date"
        || type_name.starts_with("time ")
        || type_name == "interval"
}

fn is_zoned(table: &Table, e: &Expr) -> bool {
    type_of(table, e).is_some_and(|t| t.contains("with time zone"))
}

/// Type of an expression where that is plain to see.
fn type_of(table: &Table, e: &Expr) -> Option<String> {
    match e {
        Expr::Identifier(name) => table.column(&name.value).map(|c| c.type_name.clone()),
        Expr::Nested(e) => type_of(table, e),
        Expr::Cast { data_type, .. } => Some(data_type.to_string().to_lowercase()),
        Expr::AtTimeZone { timestamp, .. } => {
            let zoned = is_zoned(table, timestamp);
            Some(if zoned { "timestamp without time zone" } else { "timestamp with time zone" }.to_owned())
        }
        _ => None,
    }
}
