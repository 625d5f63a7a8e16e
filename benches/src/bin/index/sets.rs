//! The sets that are compared, and the statements that they are compared by.

use std::path::Path;

use crate::by_hand::by_hand;
use clap::ValueEnum;
use pgverse::types::{Change, IndexKey, Operation, Workload};
use pgverse::{Error, Result};
use sqlparser::ast::{CreateIndex, Expr, Ident, Statement};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

/// A set of indexes.
#[derive(Debug, Clone)]
pub(crate) struct Set {
    pub(crate) name: String,
    pub(crate) change: Change,
    /// Seconds that its advisor took, if it was run here.
    pub(crate) advisor_seconds: Option<f64>,
    /// Why it is as it is.
    pub(crate) rationale: String,
}

pub(crate) fn text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|e| {
        Error::invalid("a file of the bench cannot be read").with("file", path.display()).caused_by(e)
    })
}

/// What makes the database. VACUUM refuses to be sent together with other statements.
pub(crate) fn script(path: &Path) -> Result<Vec<String>> {
    const LAST: &str = "VACUUM (FREEZE, ANALYZE);";
    let text = text(path)?;
    let tables = text.trim_end().strip_suffix(LAST).unwrap_or(&text).to_owned();
    Ok(vec!["CREATE EXTENSION pg_trgm".to_owned(), tables, LAST.to_owned()])
}

/// The statements but those that are left out; the mark behind each name, `r` or `w`, is not ours.
pub(crate) fn workload(path: &Path, without: &[String]) -> Result<Workload> {
    let text = text(path)?;
    let lines = text.lines().map(|line| match line.strip_prefix("-- name: ") {
        Some(name) => format!("-- name: {}", name.split_whitespace().next().unwrap_or_default()),
        None => line.to_owned(),
    });
    let mut workload = pgverse::workload::parse(&lines.collect::<Vec<_>>().join("\n"), "workload.sql")?;
    workload.statements.retain(|statement| !without.iter().any(|id| id == statement.id.as_str()));
    Ok(workload)
}

/// A database with its workload and the sets that are compared on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Data {
    /// The shop on which others were run.
    Shop,
    /// A freight company, of which only the indexes are known that someone who knows the statements would make.
    Freight,
    /// TPC-H, which `scripts/tpc.sh` makes.
    Tpch,
    /// TPC-DS, which it makes too.
    Tpcds,
}

impl Data {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Shop => "shop",
            Self::Freight => "freight",
            Self::Tpch => "tpch",
            Self::Tpcds => "tpcds",
        }
    }

    /// The sets in `hand_made.json` that hold indexes alone.
    fn by_hand(self) -> &'static [&'static str] {
        match self {
            Self::Shop => &["hand_lean", "hand_idx"],
            Self::Freight => &["hand_known"],
            Self::Tpch | Self::Tpcds => &[],
        }
    }

    /// Those that hold rewrites or views too.
    pub(crate) fn best_by_hand(self) -> &'static [&'static str] {
        match self {
            Self::Shop => &["hand_best", "hand_mv"],
            Self::Freight | Self::Tpch | Self::Tpcds => &[],
        }
    }

    fn foreign_keys(self) -> &'static [&'static str] {
        match self {
            Self::Shop => &["orders (user_id)", "order_items (order_id)", "order_items (product_id)"],
            Self::Freight => &["stops (shipment_id)", "stops (vehicle_id)"],
            Self::Tpch => &[
                "nation (n_regionkey)",
                "supplier (s_nationkey)",
                "customer (c_nationkey)",
                "partsupp (ps_suppkey)",
                "orders (o_custkey)",
                "lineitem (l_partkey, l_suppkey)",
            ],
            Self::Tpcds => &[],
        }
    }
}

/// No index at all, the foreign keys, what others recommend, and what was made by hand.
pub(crate) fn read(data: Data, folder: &Path, wanted: &[String]) -> Result<Vec<Set>> {
    let mut found = Vec::new();
    let foreign_keys = data.foreign_keys().iter().map(|on| format!("CREATE INDEX ON {on}"));
    found.push(("foreign keys".to_owned(), foreign_keys.collect()));
    if matches!(data, Data::Shop | Data::Tpch) {
        let peers: serde_json::Value = json(&folder.join("peer_sets.json"))?;
        for (name, statements) in peers["sets"].as_object().into_iter().flatten() {
            found.push((name.clone(), strings(statements)));
        }
    }
    let chosen = |name: &str| wanted.is_empty() || wanted.iter().any(|w| name.contains(w.as_str()));
    let mut sets = vec![Set::new("none", Change::default())];
    let mut known: Vec<Operation> = Vec::new();
    for (name, statements) in found.into_iter().filter(|(name, s)| chosen(name) && !s.is_empty()) {
        let mut operations = Vec::new();
        for statement in statements {
            operations.push(operation(&statement, &mut known)?);
        }
        sets.push(Set::new(&name, Change { operations }));
    }
    let names: Vec<&str> = data.by_hand().iter().copied().filter(|name| chosen(name)).collect();
    sets.extend(by_hand(folder, &names, &mut known)?);
    Ok(sets)
}

impl Set {
    pub(crate) fn new(name: &str, change: Change) -> Self {
        Self { name: name.to_owned(), change, advisor_seconds: None, rationale: String::new() }
    }
}

pub(crate) fn json(path: &Path) -> Result<serde_json::Value> {
    serde_json::from_str(&text(path)?).map_err(|e| {
        Error::invalid("a file of the bench is no JSON").with("file", path.display()).caused_by(e)
    })
}

pub(crate) fn strings(value: &serde_json::Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
}

/// The index that a statement makes. The same index of two sets is one, and is built once.
pub(crate) fn operation(sql: &str, known: &mut Vec<Operation>) -> Result<Operation> {
    let wrong = || Error::invalid("not a CREATE INDEX that the bench can read").with("statement", sql);
    let parsed = Parser::parse_sql(&PostgreSqlDialect {}, sql).map_err(|e| wrong().caused_by(e))?;
    let Some(Statement::CreateIndex(index)) = parsed.into_iter().next() else { return Err(wrong()) };
    let made = |name: String| created(&index, name);
    let same = |o: &&Operation| match o {
        Operation::CreateIndex { name, .. } => **o == made(name.clone()),
        _ => false,
    };
    if let Some(operation) = known.iter().find(same) {
        return Ok(operation.clone());
    }
    let operation = made(format!("compared_{}", known.len() + 1));
    known.push(operation.clone());
    Ok(operation)
}

fn created(index: &CreateIndex, name: String) -> Operation {
    let names = |idents: &[Ident]| idents.iter().map(|i| i.value.clone()).collect();
    let key = |column: &sqlparser::ast::IndexColumn| {
        let mut expr = &column.column.expr;
        while let Expr::Nested(inner) = expr {
            expr = inner;
        }
        let mut key = match expr {
            Expr::Identifier(ident) => IndexKey::column(ident.value.clone()),
            other => IndexKey::expression(other.to_string()),
        };
        key.opclass = column.operator_class.as_ref().map(ToString::to_string);
        key.descending = column.column.options.sort == Some(sqlparser::ast::OrderBySort::Desc);
        key.nulls_first = column.column.options.nulls_first;
        key
    };
    let table: Vec<&Ident> = index.table_name.0.iter().filter_map(|part| part.as_ident()).collect();
    Operation::CreateIndex {
        schema: table.iter().rev().nth(1).map_or_else(|| "public".to_owned(), |ident| ident.value.clone()),
        table: table.last().map_or_else(String::new, |ident| ident.value.clone()),
        name,
        method: index.using.as_ref().map_or_else(|| "btree".to_owned(), |u| u.to_string().to_lowercase()),
        keys: index.columns.iter().map(key).collect(),
        include: names(&index.include),
        predicate: index.predicate.as_ref().map(ToString::to_string),
        partitions: None,
    }
}
