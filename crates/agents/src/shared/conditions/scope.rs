//! Which alias of a plan stands for which table.

use std::collections::{BTreeMap, BTreeSet};

use pgverse_core::types::{Catalog, Plan, Table};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

/// The relations of one plan by alias. A partition stands for the partitioned table that it belongs to,
/// since that is where indexes are made.
#[derive(Debug, Clone)]
pub struct Scope<'a> {
    aliases: BTreeMap<&'a str, &'a Table>,
    bare: Option<&'a str>,
}

impl<'a> Scope<'a> {
    /// The scope of a plan.
    pub fn of(catalog: &'a Catalog, plan: &'a Plan) -> Self {
        let mut aliases = BTreeMap::new();
        let mut names = BTreeSet::new();
        for node in plan.nodes() {
            let Some(alias) = node.alias.as_deref() else { continue };
            names.insert(alias);
            let Some(relation) = node.relation_name.as_deref() else { continue };
            if let Some(table) = catalog.resolve(node.schema.as_deref(), relation) {
                aliases.insert(alias, root(catalog, table));
            }
        }
        // The server leaves out the alias where a plan has only one.
        let bare = names.iter().next().copied().filter(|_| names.len() == 1);
        Self { aliases, bare }
    }

    /// The table behind an alias.
    pub fn table(&self, alias: &str) -> Option<&'a Table> {
        self.aliases.get(alias).copied()
    }

    /// The alias that an unqualified column belongs to.
    pub(super) fn owner(&self, column: &str) -> Option<&'a str> {
        self.bare.filter(|alias| self.table(alias).is_some_and(|t| t.column(column).is_some()))
    }

    /// Adds the columns of an alias that a text mentions, whatever its syntax. False if the whole row is
    /// used, so that nothing less will do.
    pub fn columns_in(&self, alias: &str, text: &str, columns: &mut BTreeSet<String>) -> bool {
        let Ok(tokens) = Tokenizer::new(&PostgreSqlDialect {}, text).tokenize() else { return false };
        let Some(table) = self.table(alias) else { return true };
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            let Token::Word(word) = token else { continue };
            let qualified = matches!(tokens.get(at), Some(Token::Period));
            if qualified {
                match tokens.get(at + 1) {
                    Some(Token::Word(column)) if word.value == alias => {
                        columns.insert(column.value.clone());
                    }
                    Some(Token::Mul) if word.value == alias => return false,
                    _ => {}
                }
                at += 2;
            } else if self.bare == Some(alias)
                && !matches!(tokens.get(at), Some(Token::LParen))
                && table.column(&word.value).is_some()
            {
                columns.insert(word.value.clone());
            }
        }
        true
    }
}

fn root<'a>(catalog: &'a Catalog, table: &'a Table) -> &'a Table {
    let parent = table.partition_of.as_deref().and_then(|parent| {
        catalog.tables.iter().find(|t| {
            parent.strip_prefix(t.schema.as_str()).and_then(|p| p.strip_prefix('.')) == Some(t.name.as_str())
        })
    });
    parent.map_or(table, |parent| root(catalog, parent))
}
