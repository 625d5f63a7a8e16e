//! Where the text of a query leaves the order or the choice of rows open: is an answer one of those that the
//! text allows?
//!
//! All rows are asked for without LIMIT, in the query's own order, each with its sort key. Rows of equal key
//! are a group, and inside a group any order is right. An answer is allowed if, cut at the group borders, each
//! piece holds rows of its group.

use std::collections::{HashMap, HashSet};

use sqlparser::ast::{Distinct, Expr, Ident, LimitClause, OrderByKind, Query, SelectItem, SetExpr, Value};

use super::digest::{RowHash, hash_rows};
use crate::context::Context;
use crate::error::Result;
use crate::pg::{Parameters, Session};

/// The query without its limit and with its sort keys as further columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TieProbe {
    /// Text.
    pub(super) sql: String,
    /// How many columns were added at the end.
    added: usize,
    /// Sort keys that are columns of the answer.
    keys: Vec<Key>,
    offset: Offset,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Key {
    Position(usize),
    Name(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Offset {
    Rows(usize),
    /// Zero-based number of the parameter that holds it.
    Parameter(usize),
}

impl TieProbe {
    /// Reads a query from which LIMIT and FETCH were taken; `None` where that cannot be done.
    pub(super) fn read(query: &Query, limit: Option<&LimitClause>) -> Option<Self> {
        let offset = offset(limit)?;
        let mut query = query.clone();
        let mut keys = Vec::new();
        let mut added = Vec::new();
        if let Some(order) = &query.order_by {
            let OrderByKind::Expressions(expressions) = &order.kind else { return None };
            for key in expressions {
                match key_of(&query.body, &key.expr)? {
                    Some(key) => keys.push(key),
                    None => added.push(key.expr.clone()),
                }
            }
        }
        let count = added.len();
        if let SetExpr::Select(select) = query.body.as_mut() {
            for (number, expr) in added.into_iter().enumerate() {
                let alias = Ident::new(format!("pgverse_key_{number}"));
                select.projection.push(SelectItem::ExprWithAlias { expr, alias });
            }
        }
        Some(Self { sql: query.to_string(), added: count, keys, offset })
    }

    /// Whether these rows, in this order, are an answer that the text allows; `None` if that cannot be told.
    /// Runs in the current transaction.
    pub(super) async fn allows(
        &self,
        cx: &Context,
        session: &Session,
        values: &Parameters,
        answer: &[u128],
    ) -> Result<Option<bool>> {
        let Some(first) = self.first(values) else { return Ok(None) };
        let statement = session.prepare(cx, &self.sql).await?;
        let visible = statement.columns().len().saturating_sub(self.added);
        let mut keys: Vec<usize> = (visible..statement.columns().len()).collect();
        for key in &self.keys {
            let position = match key {
                Key::Position(position) => Some(*position),
                Key::Name(name) => statement.columns().iter().position(|c| c.name() == name),
            };
            let Some(position) = position else { return Ok(None) };
            keys.push(position);
        }
        let mut groups = Groups::new(answer, first);
        hash_rows(cx, session, &statement, (&self.sql, values), (visible, &keys), |row| groups.push(row))
            .await?;
        groups.close();
        Ok(Some(groups.right && groups.next.saturating_sub(first) >= answer.len()))
    }

    fn first(&self, values: &Parameters) -> Option<usize> {
        match self.offset {
            Offset::Rows(rows) => Some(rows),
            Offset::Parameter(number) => match values.get(number)? {
                Some(text) => text.trim().parse().ok(),
                None => Some(0),
            },
        }
    }
}

/// Walks the groups of equal keys.
struct Groups<'a> {
    answer: &'a [u128],
    /// Its rows; no others are remembered, however large a group is.
    wanted: HashSet<u128>,
    /// Rows that OFFSET skips.
    first: usize,
    /// Number of the next row of the query without limit.
    next: usize,
    key: Option<u128>,
    group: HashMap<u128, usize>,
    start: usize,
    right: bool,
}

impl<'a> Groups<'a> {
    fn new(answer: &'a [u128], first: usize) -> Self {
        let wanted = answer.iter().copied().collect();
        Self { answer, wanted, first, next: 0, key: None, group: HashMap::new(), start: 0, right: true }
    }

    fn push(&mut self, row: RowHash) {
        if self.key != Some(row.key) {
            self.close();
            self.key = Some(row.key);
        }
        if self.wanted.contains(&row.row) {
            *self.group.entry(row.row).or_default() += 1;
        }
        self.next += 1;
    }

    /// Takes the piece of the answer that belongs to the group out of the group.
    fn close(&mut self) {
        let last = self.first + self.answer.len();
        let (from, to) = (self.start.max(self.first), self.next.min(last));
        for row in
            self.answer.get(from.saturating_sub(self.first)..to.saturating_sub(self.first)).unwrap_or(&[])
        {
            match self.group.get_mut(row) {
                Some(left) if *left > 0 => *left -= 1,
                _ => self.right = false,
            }
        }
        self.group.clear();
        self.start = self.next;
    }
}

fn offset(limit: Option<&LimitClause>) -> Option<Offset> {
    let value = match limit {
        None => return Some(Offset::Rows(0)),
        Some(LimitClause::LimitOffset { limit_by, offset: None, .. }) if limit_by.is_empty() => {
            return Some(Offset::Rows(0));
        }
        Some(LimitClause::LimitOffset { limit_by, offset: Some(offset), .. }) if limit_by.is_empty() => {
            &offset.value
        }
        Some(_) => return None,
    };
    match value {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.parse().ok().map(Offset::Rows),
            Value::Placeholder(name) => {
                let number: usize = name.strip_prefix('$')?.parse().ok()?;
                number.checked_sub(1).map(Offset::Parameter)
            }
            _ => None,
        },
        _ => None,
    }
}

/// Which column of the answer a sort key is; `Some(None)` if it must be added, `None` if it cannot be.
#[allow(clippy::option_option)]
fn key_of(body: &SetExpr, key: &Expr) -> Option<Option<Key>> {
    if let Expr::Value(value) = key {
        let Value::Number(digits, _) = &value.value else { return None };
        let number: usize = digits.parse().ok()?;
        return Some(Some(Key::Position(number.checked_sub(1)?)));
    }
    let bare = match key {
        Expr::Identifier(ident) => Some(name_of(ident)),
        _ => None,
    };
    let SetExpr::Select(select) = body else {
        // Set operations are ordered by the names of their columns.
        return bare.map(|name| Some(Key::Name(name)));
    };
    let mut only_expressions = true;
    let mut by_expression = None;
    for (position, item) in select.projection.iter().enumerate() {
        let (expr, name) = match item {
            SelectItem::ExprWithAlias { expr, alias } => (expr, Some(name_of(alias))),
            SelectItem::UnnamedExpr(expr) => (expr, column_name(expr)),
            _ => {
                only_expressions = false;
                continue;
            }
        };
        if bare.is_some() && bare == name {
            return Some(Some(if only_expressions {
                Key::Position(position)
            } else {
                Key::Name(name.unwrap_or_default())
            }));
        }
        if only_expressions && by_expression.is_none() && expr.to_string() == key.to_string() {
            by_expression = Some(Key::Position(position));
        }
    }
    match (by_expression, &select.distinct) {
        (Some(key), _) => Some(Some(key)),
        (None, None | Some(Distinct::All | Distinct::On(_))) => Some(None),
        // Plain DISTINCT allows no other sort key than its own columns, and these may hide behind a wildcard.
        (None, Some(_)) => bare.map(|name| Some(Key::Name(name))),
    }
}

/// The name that the server gives a column without alias, where it is a plain column.
fn column_name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(ident) => Some(name_of(ident)),
        Expr::CompoundIdentifier(parts) => parts.last().map(name_of),
        _ => None,
    }
}

fn name_of(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::TextFacts;

    fn probe(sql: &str) -> Option<TieProbe> {
        TextFacts::read(sql).unwrap().ties
    }

    #[test]
    fn keys_are_columns_or_are_added() {
        let ties = probe("SELECT a, b AS x FROM t ORDER BY x, 1, t.c DESC LIMIT 3 OFFSET 2").unwrap();
        assert_eq!(ties.sql, "SELECT a, b AS x, t.c AS pgverse_key_0 FROM t ORDER BY x, 1, t.c DESC");
        assert_eq!(ties.keys, [Key::Position(1), Key::Position(0)]);
        assert_eq!((ties.added, ties.offset), (1, Offset::Rows(2)));

        let ties = probe("SELECT * FROM t ORDER BY a LIMIT $1 OFFSET $2").unwrap();
        assert_eq!(ties.sql, "SELECT *, a AS pgverse_key_0 FROM t ORDER BY a");
        assert_eq!(ties.offset, Offset::Parameter(1));

        let ties = probe("SELECT a FROM t UNION SELECT b FROM u ORDER BY a").unwrap();
        assert_eq!(ties.keys, [Key::Name("a".into())]);
        assert!(probe("SELECT a FROM t OFFSET 1 + 1").is_none());
    }

    fn allowed(first: usize, rows: &[(u128, u128)], answer: &[u128]) -> bool {
        let mut groups = Groups::new(answer, first);
        for &(key, row) in rows {
            groups.push(RowHash { row, key });
        }
        groups.close();
        groups.right && groups.next.saturating_sub(first) >= answer.len()
    }

    #[test]
    fn ties_may_change_places_and_nothing_else() {
        let rows = [(1, 10), (2, 20), (2, 21), (2, 22), (3, 30)];
        assert!(allowed(0, &rows, &[10, 22, 20, 21, 30]));
        assert!(allowed(0, &rows, &[10, 22]));
        assert!(allowed(2, &rows, &[20, 22]));
        assert!(!allowed(0, &rows, &[22, 10]));
        assert!(!allowed(0, &rows, &[10, 22, 22]));
        assert!(!allowed(0, &rows, &[10, 20, 30]));
        assert!(!allowed(4, &rows, &[30, 30]));
        assert!(allowed(9, &rows, &[]));
    }
}
