//! The published schemas, made from the types.

use std::path::Path;

use serde_json::Value;

use crate::Problems;

/// What makes a schema.
type Make = fn() -> Value;

/// Each file and what makes it.
const FILES: &[(&str, Make)] = &[
    ("schema/report.schema.json", pgverse_core::report::schema),
    ("schema/host.schema.json", pgverse::host::schema),
    ("schema/workload.schema.json", pgverse_core::workload::schema),
];

/// Writes the schemas.
pub(crate) fn write(root: &Path) -> Result<(), Problems> {
    for (file, schema) in FILES {
        let path = root.join(file);
        let folder = path.parent().unwrap_or(root);
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&path, text(*schema)?))
            .map_err(|e| vec![format!("cannot write {file}: {e}")])?;
    }
    Ok(())
}

/// Fails if a file is not what the types say.
pub(crate) fn check(root: &Path) -> Result<(), Problems> {
    let mut problems = Vec::new();
    for (file, schema) in FILES {
        let expected = text(*schema).map_err(|e| vec![e.to_string()])?;
        match std::fs::read_to_string(root.join(file)) {
            Ok(found) if found == expected => {}
            Ok(_) => problems.push(format!("{file} does not fit the types; run: cargo xtask schema")),
            Err(e) => problems.push(format!("cannot read {file}: {e}")),
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn text(schema: Make) -> std::io::Result<String> {
    Ok(serde_json::to_string_pretty(&schema())? + "\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_published_schemas_fit_the_types() {
        super::check(crate::root()).unwrap();
    }
}
