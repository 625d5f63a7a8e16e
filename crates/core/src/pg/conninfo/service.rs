//! Service files (PostgreSQL manual, "The Connection Service File").

use std::path::{Path, PathBuf};

use super::key_value::is_blank;
use super::{Conninfo, Environment, keyword};
use crate::error::{Error, ErrorKind, Result};

/// Fills what the connection string leaves open from the service it names, or that PGSERVICE names.
pub(super) fn fill(conninfo: &mut Conninfo, environment: &Environment) -> Result<()> {
    let Some(service) =
        conninfo.get("service").or_else(|| environment.variable("PGSERVICE")).map(str::to_owned)
    else {
        return Ok(());
    };
    let named =
        conninfo.get("servicefile").or_else(|| environment.variable("PGSERVICEFILE")).map(PathBuf::from);
    let own = named.or_else(|| environment.in_home(".pg_service.conf").filter(|file| file.exists()));
    for file in own.into_iter().chain(environment.system_service_files()) {
        let text = std::fs::read_to_string(&file).map_err(|e| {
            Error::new(ErrorKind::NotFound, "the service file cannot be read")
                .with("file", file.display())
                .caused_by(e)
        })?;
        if fill_from(conninfo, &service, &text, &file)? {
            return Ok(());
        }
    }
    Err(Error::new(
        ErrorKind::NotFound,
        format!("the service \"{service}\" is not defined in any service file"),
    )
    .hint("define it in ~/.pg_service.conf, or name the file in PGSERVICEFILE"))
}

/// Whether the file has the service. Of a keyword given twice the first counts.
fn fill_from(conninfo: &mut Conninfo, service: &str, text: &str, file: &Path) -> Result<bool> {
    let mut found = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_matches(is_blank);
        let broken = |error: Error| error.with("file", file.display()).with("line", number + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(header) = line.strip_prefix('[') {
            if found {
                break;
            }
            found = header.strip_prefix(service).is_some_and(|rest| rest.starts_with(']'));
            continue;
        }
        if !found {
            continue;
        }
        if line.starts_with("ldap://") {
            return Err(broken(Error::new(
                ErrorKind::Unsupported,
                "a service defined in LDAP is not looked up",
            ))
            .hint("write the parameters into the service file"));
        }
        let (name, value) = line.split_once('=').ok_or_else(|| {
            broken(Error::invalid("a line of the service file is not written as keyword=value"))
        })?;
        if matches!(name, "service" | "servicefile") {
            return Err(broken(Error::invalid("a service cannot refer to another service")));
        }
        let name = keyword::known(name).ok_or_else(|| {
            broken(keyword::unknown(name)).hint("no blanks are allowed around = in a service file")
        })?;
        conninfo.set_if_absent(name, value);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# comment\n[other]\nhost=wrong\n\n[mine]\n host=a \nport=1\nport=2\npassword= p w\n[mine]\nuser=never\n";

    fn service(text: &str) -> Result<(bool, Vec<(&'static str, String)>)> {
        let mut conninfo = Conninfo::default();
        conninfo.set("user", "explicit".to_owned())?;
        let found = fill_from(&mut conninfo, "mine", text, Path::new("f"))?;
        Ok((found, conninfo.into_pairs()))
    }

    #[test]
    fn the_first_section_of_the_name_fills_what_is_open() {
        let (found, pairs) = service(FILE).unwrap();
        assert!(found);
        let expected = [("host", "a"), ("password", " p w"), ("port", "1"), ("user", "explicit")];
        assert_eq!(pairs, expected.map(|(k, v)| (k, v.to_owned())));
        assert!(!service("[mine2]\nhost=a\n").unwrap().0);
    }

    #[test]
    fn broken_sections_are_refused_with_file_and_line() {
        for (text, message) in [
            (
                "[mine]\nhost\n",
                "a line of the service file is not written as keyword=value (file: f, line: 2)",
            ),
            ("[mine]\n\nservice=x\n", "a service cannot refer to another service (file: f, line: 3)"),
            (
                "[mine]\nhots=x\n",
                "unknown connection parameter \"hots\" (file: f, line: 2); did you mean host?",
            ),
            (
                "[mine]\nldap://x/y\n",
                "a service defined in LDAP is not looked up (file: f, line: 2); write the parameters into the service file",
            ),
        ] {
            assert_eq!(service(text).unwrap_err().to_string(), message);
        }
    }
}
