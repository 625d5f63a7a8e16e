//! `schema/report.schema.json`, made from the types.

use std::path::Path;

use crate::Problems;

const FILE: &str = "schema/report.schema.json";

/// Writes the schema of the report.
pub(crate) fn write(root: &Path) -> Result<(), Problems> {
    let path = root.join(FILE);
    let folder = path.parent().unwrap_or(root);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&path, text()?))
        .map_err(|e| vec![format!("cannot write {FILE}: {e}")])
}

/// Fails if the file is not what the types say.
pub(crate) fn check(root: &Path) -> Result<(), Problems> {
    let expected = text().map_err(|e| vec![e.to_string()])?;
    match std::fs::read_to_string(root.join(FILE)) {
        Ok(found) if found == expected => Ok(()),
        Ok(_) => Err(vec![format!("{FILE} does not fit the types; run: cargo xtask schema")]),
        Err(e) => Err(vec![format!("cannot read {FILE}: {e}")]),
    }
}

fn text() -> std::io::Result<String> {
    Ok(serde_json::to_string_pretty(&pgverse_core::report::schema())? + "\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_published_schema_fits_the_types() {
        super::check(crate::root()).unwrap();
    }
}
