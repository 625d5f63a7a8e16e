//! The tables that are filled: their columns, keys and foreign keys, and the values worth trying in each.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::constants::Constants;
use super::values::{Class, Kind, distinct};
use crate::types::{Catalog, ConstraintKind, Table};

/// A table to fill.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) schema: String,
    pub(super) name: String,
    /// Whether a text reads it; otherwise it is here for its keys only.
    pub(super) read: bool,
    pub(super) columns: Vec<Field>,
    /// Sets of columns that are unique.
    pub(super) unique: Vec<Vec<usize>>,
    pub(super) foreign: Vec<Foreign>,
    /// Whether ON CONFLICT DO NOTHING can be used: not with deferrable constraints.
    pub(super) on_conflict: bool,
}

/// A column to fill.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) type_name: String,
    pub(super) class: Class,
    pub(super) kind: Kind,
    pub(super) nullable: bool,
    /// Values that the texts compare it with.
    pub(super) own: Vec<String>,
    /// These and their neighbours.
    pub(super) near: Vec<String>,
    /// Values that it really has.
    pub(super) samples: Vec<String>,
    /// Conditions that its values must meet, as SQL over its name.
    pub(super) conditions: Vec<String>,
    /// Values that the server takes, where it had to be asked.
    pub(super) valid: Option<HashSet<String>>,
}

/// A foreign key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Foreign {
    pub(super) columns: Vec<usize>,
    /// Position of the table that it points at; the table's own for a self-reference.
    pub(super) parent: usize,
    pub(super) parent_columns: Vec<usize>,
}

/// What a type comes to.
#[derive(Debug, Clone, serde::Deserialize)]
pub(super) struct TypeFacts {
    pub(super) name: String,
    pub(super) base: String,
    pub(super) domain: bool,
    pub(super) not_null: bool,
    pub(super) labels: Vec<String>,
}

impl Field {
    /// Whether this value may stand in the column.
    pub(super) fn takes(&self, value: &str) -> bool {
        self.class.fits(value) && self.valid.as_ref().is_none_or(|valid| valid.contains(value))
    }

    /// Whether only the server can tell which values it takes.
    pub(super) fn must_ask(&self, domain: bool) -> bool {
        domain
            || !self.conditions.is_empty()
            || matches!(self.class, Class::Other | Class::Array(_) | Class::Bytes | Class::Time)
    }
}

/// The tables that are read and those that they point at, parents first. Fails with the name of a table that
/// the catalog does not have.
pub(super) fn closure<'a>(
    catalog: &'a Catalog,
    read: &[(String, String)],
) -> std::result::Result<Vec<(&'a Table, bool)>, String> {
    let mut wanted: Vec<(&Table, bool)> = Vec::new();
    for (schema, name) in read {
        let table =
            catalog.table(schema, name).ok_or_else(|| format!("{schema}.{name} is not in the catalog"))?;
        wanted.push((table, true));
    }
    let mut next = 0;
    while let Some((table, _)) = wanted.get(next).copied() {
        for parent in parents(catalog, table) {
            if !wanted.iter().any(|(t, _)| same(t, parent)) {
                wanted.push((parent, false));
            }
        }
        next += 1;
    }
    let mut ordered: Vec<(&Table, bool)> = Vec::new();
    while !wanted.is_empty() {
        let free = wanted.iter().position(|(table, _)| {
            parents(catalog, table)
                .all(|p| same(p, table) || !wanted.iter().any(|(waiting, _)| same(waiting, p)))
        });
        // In a cycle any of them is first; its foreign key is left NULL.
        ordered.push(wanted.remove(free.unwrap_or(0)));
    }
    Ok(ordered)
}

fn same(a: &Table, b: &Table) -> bool {
    a.schema == b.schema && a.name == b.name
}

fn parents<'a>(catalog: &'a Catalog, table: &'a Table) -> impl Iterator<Item = &'a Table> {
    table
        .constraints
        .iter()
        .filter_map(|c| c.references.as_ref())
        .filter_map(|reference| catalog.table(&reference.schema, &reference.table))
}

/// Puts the targets together. `mentioned` are the columns that the texts name, if they name them all: others
/// that may be NULL are left out.
pub(super) fn targets(
    tables: &[(&Table, bool)],
    types: &[TypeFacts],
    mentioned: Option<&BTreeSet<String>>,
) -> Vec<Target> {
    let referenced: BTreeSet<(&str, &str, &str)> = tables
        .iter()
        .flat_map(|(t, _)| t.constraints.iter().filter_map(|c| c.references.as_ref()))
        .flat_map(|r| r.columns.iter().map(move |c| (r.schema.as_str(), r.table.as_str(), c.as_str())))
        .collect();
    let mut targets: Vec<Target> = tables
        .iter()
        .map(|(table, read)| {
            let in_key = |name: &str| {
                referenced.contains(&(table.schema.as_str(), table.name.as_str(), name))
                    || table
                        .indexes
                        .iter()
                        .any(|i| i.unique && i.keys.iter().any(|k| k.column.as_deref() == Some(name)))
            };
            let columns = table.columns.iter().filter(|c| !c.generated).filter_map(|column| {
                let facts = types.iter().find(|t| t.name == column.type_name);
                let nullable = !column.not_null && facts.is_none_or(|f| !f.not_null);
                let unseen = |m: &BTreeSet<String>| !m.contains(&column.name.to_lowercase());
                if nullable && !in_key(&column.name) && (!*read || mentioned.is_some_and(unseen)) {
                    return None;
                }
                let base = facts.map_or(column.type_name.as_str(), |f| f.base.as_str());
                let class = Class::of(base, facts.map_or(&[], |f| &f.labels));
                let checks = table
                    .constraints
                    .iter()
                    .filter(|c| c.kind == ConstraintKind::Check && c.columns == [column.name.clone()]);
                Some(Field {
                    name: column.name.clone(),
                    type_name: column.type_name.clone(),
                    kind: class.kind(base),
                    class,
                    nullable,
                    own: Vec::new(),
                    near: Vec::new(),
                    samples: column
                        .statistics
                        .as_ref()
                        .map_or_else(Vec::new, |s| s.most_common_values.clone()),
                    conditions: checks.filter_map(|c| condition(&c.definition)).collect(),
                    valid: None,
                })
            });
            let columns: Vec<Field> = columns.collect();
            let position = |name: &str| columns.iter().position(|c| c.name == name);
            let unique = table
                .indexes
                .iter()
                .filter(|i| i.unique && i.valid && i.predicate.is_none())
                .filter_map(|i| i.keys.iter().map(|k| position(k.column.as_deref()?)).collect())
                .collect();
            Target {
                schema: table.schema.clone(),
                name: table.name.clone(),
                read: *read,
                unique,
                foreign: Vec::new(),
                on_conflict: !table.constraints.iter().any(|c| {
                    matches!(
                        c.kind,
                        ConstraintKind::PrimaryKey | ConstraintKind::Unique | ConstraintKind::Exclusion
                    ) && c.definition.contains("DEFERRABLE")
                }),
                columns,
            }
        })
        .collect();
    let foreign: Vec<Vec<Foreign>> = tables.iter().map(|(table, _)| foreign_keys(table, &targets)).collect();
    for (target, foreign) in targets.iter_mut().zip(foreign) {
        target.foreign = foreign;
    }
    targets
}

fn foreign_keys(table: &Table, targets: &[Target]) -> Vec<Foreign> {
    let place = |target: &Target, names: &[String]| -> Option<Vec<usize>> {
        names.iter().map(|n| target.columns.iter().position(|c| &c.name == n)).collect()
    };
    let find = |schema: &str, name: &str| targets.iter().position(|t| t.schema == schema && t.name == name);
    table
        .constraints
        .iter()
        .filter_map(|constraint| {
            let reference = constraint.references.as_ref()?;
            let (own, parent) =
                (find(&table.schema, &table.name)?, find(&reference.schema, &reference.table)?);
            Some(Foreign {
                // Columns that were left out stay NULL, and so does the key.
                columns: place(targets.get(own)?, &constraint.columns)?,
                parent,
                parent_columns: place(targets.get(parent)?, &reference.columns)?,
            })
        })
        .collect()
}

/// The expression inside `CHECK (…)`.
pub(super) fn condition(definition: &str) -> Option<String> {
    let rest = definition.strip_prefix("CHECK ")?;
    let end = rest.rfind(')')?;
    rest.get(..=end).map(str::to_owned)
}

/// What columns of one kind draw from.
#[derive(Debug)]
pub(super) struct Domain {
    /// The constants of the texts, and a few values that need none.
    pub(super) plain: Vec<String>,
    /// These and the neighbours of the constants.
    pub(super) wide: Vec<String>,
}

/// Domains by kind.
pub(super) fn domains(targets: &[Target], constants: &Constants) -> BTreeMap<Kind, Domain> {
    let literals: Vec<String> = constants.literals.iter().cloned().collect();
    let mut domains = BTreeMap::new();
    for field in targets.iter().flat_map(|t| &t.columns) {
        domains.entry(field.kind.clone()).or_insert_with(|| {
            let class = match &field.kind {
                Kind::Number => Class::Numeric { whole: None, scale: None },
                Kind::Text => Class::Text { longest: None },
                Kind::Moment => Class::Timestamp,
                _ => field.class.clone(),
            };
            let with = |values: Vec<String>| distinct(values.into_iter().chain(class.fillers()));
            Domain {
                plain: with(class.exactly(&literals, &constants.documents)),
                wide: with(class.around(&literals, &constants.documents)),
            }
        });
    }
    domains
}

/// Gives each column the constants that it is compared with.
pub(super) fn assign(targets: &mut [Target], constants: &Constants) {
    for field in targets.iter_mut().flat_map(|t| &mut t.columns) {
        let literals: Vec<String> = constants
            .by_column
            .get(&field.name)
            .or_else(|| constants.by_column.get(&field.name.to_lowercase()))
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        if !literals.is_empty() {
            field.own = field.class.exactly(&literals, &constants.documents);
            field.near = field.class.around(&literals, &constants.documents);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Constraint, Reference, TableActivity, TableKind};

    fn table(name: &str, parents: &[&str]) -> Table {
        Table {
            schema: "public".into(),
            name: name.into(),
            kind: TableKind::Table,
            rows: 0.0,
            bytes: 0,
            columns: Vec::new(),
            indexes: Vec::new(),
            constraints: parents
                .iter()
                .map(|parent| Constraint {
                    name: format!("{name}_{parent}"),
                    kind: ConstraintKind::ForeignKey,
                    columns: vec!["x".into()],
                    references: Some(Reference {
                        schema: "public".into(),
                        table: (*parent).into(),
                        columns: vec!["id".into()],
                    }),
                    validated: true,
                    definition: String::new(),
                })
                .collect(),
            statistics: Vec::new(),
            activity: TableActivity::default(),
            partition_of: None,
        }
    }

    #[test]
    fn parents_come_first_and_cycles_end() {
        let catalog = Catalog {
            tables: vec![
                table("c", &["b"]),
                table("b", &["a", "b"]),
                table("a", &[]),
                table("x", &["y"]),
                table("y", &["x"]),
            ],
            ..Catalog::default()
        };
        let read = |names: &[&str]| -> Vec<(String, bool)> {
            let read: Vec<_> = names.iter().map(|n| ("public".to_owned(), (*n).to_owned())).collect();
            closure(&catalog, &read).unwrap().iter().map(|(t, read)| (t.name.clone(), *read)).collect()
        };
        assert_eq!(read(&["c", "a"]), [("a".into(), true), ("b".into(), false), ("c".into(), true)]);
        assert_eq!(read(&["x"]).len(), 2);
        assert!(closure(&catalog, &[("public".into(), "gone".into())]).is_err());
    }

    #[test]
    fn a_check_is_read_without_its_frame() {
        assert_eq!(condition("CHECK ((a > 0)) NOT VALID").as_deref(), Some("((a > 0))"));
        assert_eq!(condition("UNIQUE (a)"), None);
    }
}
