//! Rules that no compiler checks: dependency direction, file size, lints.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::Problems;

/// Which crates of this workspace a crate may depend on (dev-dependencies apart).
const DIRECTION: &[(&str, &[&str])] = &[
    ("pgverse-core", &[]),
    ("pgverse-agents", &["pgverse-core"]),
    ("pgverse-fork-backends", &["pgverse-core"]),
    ("pgverse-testkit", &["pgverse-core", "pgverse-fork-backends"]),
    ("pgverse", &["pgverse-core", "pgverse-agents", "pgverse-fork-backends"]),
    ("pgverse-cli", &["pgverse"]),
    ("pgverse-examples", &["pgverse"]),
    (
        "pgverse-benches",
        &["pgverse", "pgverse-core", "pgverse-agents", "pgverse-fork-backends", "pgverse-testkit"],
    ),
    ("pgverse-python", &["pgverse", "pgverse-cli"]),
    ("pgverse-node", &["pgverse", "pgverse-cli"]),
    ("xtask", &["pgverse-core", "pgverse"]),
];

/// What only the named crates may depend on: the driver stays in core's `pg` (the benches
/// time it bare), the command line in the command.
const RESERVED: &[(&str, &[&str])] = &[
    ("tokio-postgres", &["pgverse-core", "pgverse-benches"]),
    ("clap", &["pgverse-cli", "pgverse-benches"]),
    ("indicatif", &["pgverse-cli"]),
    ("comfy-table", &["pgverse-cli"]),
];

/// What core must never depend on: HTTP clients and the languages' bindings.
const NEVER_IN_CORE: &[&str] = &["reqwest", "hyper", "ureq", "axum", "pyo3", "napi", "sqlx", "diesel"];

const LONG: usize = 400;
const TOO_LONG: usize = 800;

/// Checks every rule; returns warnings.
pub(crate) fn check(root: &Path) -> Result<Vec<String>, Problems> {
    let mut problems = Vec::new();
    let packages = packages(root).map_err(|e| vec![e])?;
    for package in &packages {
        problems.extend(misplaced_dependencies(package));
        problems.extend(missing_lints(package));
    }
    problems.extend(unsafe_allowed(root));
    let mut warnings = Vec::new();
    for (path, lines) in rust_files(root) {
        match lines {
            lines if lines > TOO_LONG => {
                problems.push(format!("{path} has {lines} lines; {TOO_LONG} is the limit"))
            }
            lines if lines > LONG => warnings.push(format!("{path} has {lines} lines; {LONG} is long")),
            _ => {}
        }
    }
    if problems.is_empty() { Ok(warnings) } else { Err(problems) }
}

/// A crate of this workspace: name, manifest, names of its dependencies other than for tests.
struct Package {
    name: String,
    manifest: PathBuf,
    dependencies: Vec<String>,
}

fn packages(root: &Path) -> Result<Vec<Package>, String> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--locked"])
        .current_dir(root)
        .output()
        .map_err(|e| format!("cannot run cargo metadata: {e}"))?;
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .map_err(|_| format!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim()))?;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(list(&metadata["packages"])
        .iter()
        .map(|package| Package {
            name: text(&package["name"]),
            manifest: text(&package["manifest_path"]).into(),
            dependencies: list(&package["dependencies"])
                .iter()
                .filter(|dependency| dependency["kind"] != "dev")
                .map(|dependency| text(&dependency["name"]))
                .collect(),
        })
        .collect())
}

fn misplaced_dependencies(package: &Package) -> Problems {
    let name = &package.name;
    let Some((_, allowed)) = DIRECTION.iter().find(|(crate_name, _)| crate_name == name) else {
        return vec![format!("{name} is not in the table of allowed dependencies (xtask/src/tidy.rs)")];
    };
    let mut problems = Vec::new();
    for dependency in package.dependencies.iter().map(String::as_str) {
        let ours = DIRECTION.iter().any(|(crate_name, _)| *crate_name == dependency);
        let reserved = RESERVED.iter().find(|(crate_name, _)| *crate_name == dependency);
        if (ours && !allowed.contains(&dependency))
            || reserved.is_some_and(|(_, owners)| !owners.contains(&name.as_str()))
            || (name == "pgverse-core" && NEVER_IN_CORE.contains(&dependency))
        {
            problems.push(format!("{name} must not depend on {dependency}"));
        }
    }
    problems
}

/// Crates whose macros write unsafe code, which they therefore cannot forbid; they have lints of their own.
const BINDINGS: &[&str] = &["pgverse-python", "pgverse-node"];

/// Each crate takes the workspace's lints, and they forbid unsafe code.
fn missing_lints(package: &Package) -> Problems {
    let manifest = std::fs::read_to_string(&package.manifest).unwrap_or_default();
    if manifest.contains("[lints]\nworkspace = true\n") || BINDINGS.contains(&package.name.as_str()) {
        return Vec::new();
    }
    vec![format!("{} lacks `[lints] workspace = true`", package.name)]
}

fn unsafe_allowed(root: &Path) -> Problems {
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap_or_default();
    if manifest.contains("\nunsafe_code = \"forbid\"\n") {
        return Vec::new();
    }
    vec!["the workspace does not forbid unsafe code".to_owned()]
}

/// Every Rust file of the repository with its number of lines.
fn rust_files(root: &Path) -> Vec<(String, usize)> {
    let mut files = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if path.is_dir()
                && name != "target"
                && name != "node_modules"
                && !name.as_encoded_bytes().starts_with(b".")
            {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let lines = std::fs::read_to_string(&path).map_or(0, |text| text.lines().count());
                files.push((path.strip_prefix(root).unwrap_or(&path).display().to_string(), lines));
            }
        }
    }
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependencies: &[&str]) -> Package {
        let dependencies = dependencies.iter().map(|&d| d.to_owned()).collect();
        Package { name: name.to_owned(), manifest: PathBuf::new(), dependencies }
    }

    #[test]
    fn the_repository_keeps_its_rules() {
        assert_eq!(check(crate::root()).err(), None);
    }

    #[test]
    fn dependencies_point_down_only() {
        assert!(misplaced_dependencies(&package("pgverse-agents", &["pgverse-core", "serde"])).is_empty());
        for (name, dependency) in [
            ("pgverse-core", "pgverse-agents"),
            ("pgverse-core", "reqwest"),
            ("pgverse-agents", "pgverse-fork-backends"),
            ("pgverse-fork-backends", "tokio-postgres"),
            ("pgverse", "clap"),
            ("unheard-of", "serde"),
        ] {
            assert_eq!(
                misplaced_dependencies(&package(name, &[dependency])).len(),
                1,
                "{name} on {dependency}"
            );
        }
    }
}
