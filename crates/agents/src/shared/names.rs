//! Names for new objects.

use std::collections::BTreeSet;

use pgverse_core::types::Catalog;

/// Longest identifier in bytes (NAMEDATALEN - 1).
const LONGEST: usize = 63;

/// Gives out names that no relation of the catalog has, `pgverse_` in front; the same calls get the same
/// names.
#[derive(Debug)]
pub struct Names {
    taken: BTreeSet<String>,
}

impl Names {
    /// Knows every table, index and statistics object of the catalog.
    pub fn of(catalog: &Catalog) -> Self {
        let mut taken = BTreeSet::new();
        for table in &catalog.tables {
            taken.insert(table.name.clone());
            taken.extend(table.indexes.iter().map(|i| i.name.clone()));
            taken.extend(table.statistics.iter().map(|s| s.name.clone()));
        }
        Self { taken }
    }

    /// A name for what `slug` says, cut to the longest that the server keeps, numbered where it is taken.
    pub fn next(&mut self, slug: &str) -> String {
        let mut number = 1;
        loop {
            let end = if number == 1 { String::new() } else { format!("_{number}") };
            let name = format!("{}{end}", cut(&format!("pgverse_{slug}"), LONGEST - end.len()));
            if self.taken.insert(name.clone()) {
                return name;
            }
            number += 1;
        }
    }
}

/// Words for a name: letters, digits and single underscores, lower case.
pub fn slug(parts: &[String]) -> String {
    let mut slug = String::new();
    for c in parts.join("_").chars() {
        let c = if c.is_alphanumeric() { c.to_lowercase().next().unwrap_or(c) } else { '_' };
        if !(c == '_' && slug.ends_with('_')) {
            slug.push(c);
        }
    }
    slug.trim_matches('_').to_owned()
}

fn cut(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].trim_end_matches('_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_unique_and_repeatable() {
        let mut names = Names::of(&Catalog::default());
        let long = "é".repeat(60);
        let first = names.next(&long);
        let second = names.next(&long);
        assert!(first.len() <= 63 && second.len() <= 63);
        assert_ne!(first, second);
        assert!(second.ends_with("_2"));
        assert_eq!(Names::of(&Catalog::default()).next(&long), first);
        assert_eq!(names.next("t_a"), "pgverse_t_a");
    }
}
