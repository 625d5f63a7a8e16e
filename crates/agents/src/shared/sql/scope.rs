//! Which column a name means.

use std::collections::BTreeSet;

use pgverse_core::types::{Column, Table};
use sqlparser::ast::{Expr, JoinConstraint, JoinOperator, TableFactor, TableWithJoins};

use super::facts::Facts;
use super::names::fold;
use super::walk::{each_expr, has_subquery};

/// One item of a FROM clause.
#[derive(Debug, Clone)]
pub(crate) struct Relation<'a> {
    /// The name under which columns are qualified.
    pub(crate) alias: String,
    /// The table, or nothing where the columns are not known (CTEs, subqueries).
    pub(crate) table: Option<&'a Table>,
    /// Whether an outer join may turn its columns into NULL.
    pub(crate) nullable: bool,
}

/// What a FROM clause makes visible, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope<'a> {
    pub(crate) relations: Vec<Relation<'a>>,
}

impl<'a> Scope<'a> {
    /// The scope of a FROM clause; nothing where it holds anything that is not understood.
    pub(crate) fn of(from: &[TableWithJoins], facts: &Facts<'a>) -> Option<Self> {
        let mut scope = Self::default();
        for item in from {
            let start = scope.relations.len();
            scope.add(&item.relation, facts)?;
            for join in &item.joins {
                let (left, right) = match &join.join_operator {
                    JoinOperator::Join(c) | JoinOperator::Inner(c) if conditions_only(c) => (false, false),
                    JoinOperator::CrossJoin(JoinConstraint::None) => (false, false),
                    JoinOperator::Left(c) | JoinOperator::LeftOuter(c) if conditions_only(c) => (false, true),
                    JoinOperator::Right(c) | JoinOperator::RightOuter(c) if conditions_only(c) => {
                        (true, false)
                    }
                    JoinOperator::FullOuter(c) if conditions_only(c) => (true, true),
                    _ => return None,
                };
                if join.global {
                    return None;
                }
                for relation in &mut scope.relations[start..] {
                    relation.nullable |= left;
                }
                scope.add(&join.relation, facts)?;
                if let Some(last) = scope.relations.last_mut() {
                    last.nullable |= right;
                }
            }
        }
        let names: BTreeSet<&str> = scope.relations.iter().map(|r| r.alias.as_str()).collect();
        (names.len() == scope.relations.len()).then_some(scope)
    }

    fn add(&mut self, factor: &TableFactor, facts: &Facts<'a>) -> Option<()> {
        let relation = match factor {
            TableFactor::Table {
                name,
                alias,
                args: None,
                with_hints,
                version: None,
                with_ordinality: false,
                partitions,
                json_path: None,
                sample: None,
                index_hints,
            } if with_hints.is_empty() && partitions.is_empty() && index_hints.is_empty() => {
                let own = name.0.last()?.as_ident().map(fold)?;
                let alias = match alias {
                    Some(alias) if alias.columns.is_empty() && alias.at.is_none() => fold(&alias.name),
                    Some(_) => return None,
                    None => own,
                };
                Relation { alias, table: facts.table(name), nullable: false }
            }
            TableFactor::Derived { alias: Some(alias), sample: None, .. } if alias.at.is_none() => {
                Relation { alias: fold(&alias.name), table: None, nullable: false }
            }
            _ => return None,
        };
        self.relations.push(relation);
        Some(())
    }

    /// The relation and column that a column expression means, if it means one of a known table here.
    pub(crate) fn column(&self, expr: &Expr) -> Option<(usize, &'a Column)> {
        match expr {
            Expr::Identifier(name) => {
                let name = fold(name);
                // A relation with unknown columns could have this one too.
                if self.relations.iter().any(|r| r.table.is_none()) {
                    return None;
                }
                let mut found =
                    self.relations.iter().enumerate().filter_map(|(i, r)| Some((i, r.table?.column(&name)?)));
                match (found.next(), found.next()) {
                    (Some(found), None) => Some(found),
                    _ => None,
                }
            }
            Expr::CompoundIdentifier(parts) => {
                let [alias, name] = parts.as_slice() else { return None };
                let index = self.index(&fold(alias))?;
                Some((index, self.relations[index].table?.column(&fold(name))?))
            }
            _ => None,
        }
    }

    /// The relation of this alias.
    pub(crate) fn index(&self, alias: &str) -> Option<usize> {
        self.relations.iter().position(|r| r.alias == alias)
    }

    /// The relations whose columns an expression uses; nothing where it holds a subquery or a name that is
    /// not a column of a known table here.
    pub(crate) fn uses(&self, expr: &Expr) -> Option<BTreeSet<usize>> {
        Some(self.columns(expr)?.into_iter().map(|(relation, _)| relation).collect())
    }

    /// The columns that an expression uses, in order of appearance.
    pub(crate) fn columns(&self, expr: &Expr) -> Option<Vec<(usize, &'a Column)>> {
        let mut found = Vec::new();
        for name in column_names(expr)? {
            let column = self.column(&name)?;
            if !found.iter().any(|(r, c): &(usize, &Column)| *r == column.0 && c.name == column.1.name) {
                found.push(column);
            }
        }
        Some(found)
    }

    /// Whether a column expression is never NULL: declared so, and not on the empty side of an outer join.
    pub(crate) fn not_null(&self, expr: &Expr) -> bool {
        self.column(super::unwrapped(expr))
            .is_some_and(|(relation, column)| column.not_null && !self.relations[relation].nullable)
    }
}

/// The column expressions inside an expression; nothing where it holds a subquery or a row.
pub(crate) fn column_names(expr: &Expr) -> Option<Vec<Expr>> {
    if has_subquery(expr) {
        return None;
    }
    let mut names = Vec::new();
    let mut clear = true;
    each_expr(expr, false, |e| match e {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => names.push(e.clone()),
        Expr::CompoundFieldAccess { .. } | Expr::QualifiedWildcard(..) | Expr::Lambda(_) => clear = false,
        _ => {}
    });
    clear.then_some(names)
}

fn conditions_only(constraint: &JoinConstraint) -> bool {
    matches!(constraint, JoinConstraint::On(_))
}

/// Whether values of two columns are equal exactly when the server's grouping would put them together: same
/// type family, same collation.
pub(crate) fn joinable(a: &Column, b: &Column) -> bool {
    let (left, right) = (family(&a.type_name), family(&b.type_name));
    left.is_some() && left == right && a.collation == b.collation
}

fn family(type_name: &str) -> Option<&str> {
    let base = type_name.split('(').next().unwrap_or(type_name).trim();
    match base {
        "smallint" | "integer" | "bigint" => Some("integer"),
        "text" | "character varying" => Some("text"),
        "uuid" | "date" | "boolean" | "bytea" | "numeric" | "character" | "inet" | "oid" => Some(base),
        other if other.starts_with("timestamp") => Some(type_name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::sql::{expression, plain, query, testing};

    fn column(sql: &str, name: &str) -> Option<String> {
        let catalog = testing::shop();
        let facts = testing::facts(&catalog);
        let tree = query(sql).unwrap();
        let scope = Scope::of(&plain(&tree).unwrap().from, &facts)?;
        let (relation, column) = scope.column(&expression(name).unwrap())?;
        Some(format!("{}.{}", scope.relations[relation].alias, column.name))
    }

    #[test]
    fn names_mean_the_column_that_the_server_would_take() {
        let join = "SELECT 1 FROM users AS U JOIN orders ON orders.user_id = u.id";
        assert_eq!(column(join, "email").as_deref(), Some("u.email"));
        assert_eq!(column(join, "Orders.Total").as_deref(), Some("orders.total"));
        assert_eq!(column(join, "id"), None, "ambiguous");
        assert_eq!(column(join, "users.id"), None, "hidden by its alias");
        assert_eq!(column(join, "\"U\".id"), None, "case matters in quotes");
        assert_eq!(column("SELECT 1 FROM \"Events\"", "\"At\"").as_deref(), Some("Events.At"));
        assert_eq!(column("SELECT 1 FROM \"Events\"", "at"), None);
        assert_eq!(column("SELECT 1 FROM orders, (SELECT 1 AS total) x", "total"), None, "unknown columns");
        assert_eq!(
            column("SELECT 1 FROM orders, (SELECT 1 AS q) x", "orders.total").as_deref(),
            Some("orders.total")
        );
    }

    #[test]
    fn outer_joins_make_columns_nullable_and_odd_joins_are_not_understood() {
        let catalog = testing::shop();
        let facts = testing::facts(&catalog);
        let nullable = |sql: &str| -> Option<Vec<bool>> {
            let tree = query(sql).unwrap();
            Some(
                Scope::of(&plain(&tree).unwrap().from, &facts)?
                    .relations
                    .iter()
                    .map(|r| r.nullable)
                    .collect(),
            )
        };
        assert_eq!(nullable("SELECT 1 FROM users u LEFT JOIN orders o ON true"), Some(vec![false, true]));
        assert_eq!(nullable("SELECT 1 FROM users u RIGHT JOIN orders o ON true"), Some(vec![true, false]));
        assert_eq!(nullable("SELECT 1 FROM users u FULL JOIN orders o ON true"), Some(vec![true, true]));
        assert_eq!(nullable("SELECT 1 FROM users u JOIN orders o USING (id)"), None);
        assert_eq!(nullable("SELECT 1 FROM users u NATURAL JOIN orders o"), None);
        assert_eq!(nullable("SELECT 1 FROM users u (a, b)"), None);
    }
}
