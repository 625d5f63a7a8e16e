//! Password files (PostgreSQL manual, "The Password File").

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The lines of a password file, or why it is not used; an absent file is neither.
#[derive(Default)]
pub(super) struct Passfile {
    content: Vec<u8>,
    /// Why the file is ignored.
    pub(super) ignored: Option<String>,
}

impl Passfile {
    /// Reads the file. As in libpq a file that others may read is ignored with a warning.
    pub(super) fn read(path: &Path) -> Self {
        let Ok(metadata) = std::fs::metadata(path) else { return Self::default() };
        let reason = if !metadata.is_file() {
            "it is not a plain file"
        } else if metadata.permissions().mode() & 0o077 != 0 {
            "group or others may access it; chmod 0600 makes it usable"
        } else {
            return Self { content: std::fs::read(path).unwrap_or_default(), ignored: None };
        };
        tracing::warn!(file = %path.display(), reason, "password file ignored");
        Self { content: Vec::new(), ignored: Some(format!("{} is ignored: {reason}", path.display())) }
    }

    /// The password of the first line that matches.
    pub(super) fn password(&self, host: &str, port: u16, database: &str, user: &str) -> Option<String> {
        let port = port.to_string();
        self.content.split(|byte| *byte == b'\n').find_map(|line| {
            let line = std::str::from_utf8(line).ok()?.trim_end_matches('\r');
            if line.starts_with('#') {
                return None;
            }
            let rest = [host, &port, database, user].into_iter().try_fold(line, after_field)?;
            Some(unescape(rest))
        })
    }
}

/// What follows the first field, if that matches.
fn after_field<'a>(line: &'a str, value: &str) -> Option<&'a str> {
    if let Some(rest) = line.strip_prefix("*:") {
        return Some(rest);
    }
    let mut wanted = value.chars();
    let mut given = line.chars();
    loop {
        match (given.next()?, wanted.clone().next()) {
            (':', None) => return Some(given.as_str()),
            (_, None) => return None,
            (c, Some(w)) => {
                let c = if c == '\\' { given.next()? } else { c };
                if c != w {
                    return None;
                }
                wanted.next();
            }
        }
    }
}

/// The password field: up to a colon, escapes undone.
fn unescape(field: &str) -> String {
    let mut password = String::new();
    let mut chars = field.chars();
    while let Some(c) = chars.next() {
        match c {
            ':' => break,
            '\\' => password.push(chars.next().unwrap_or('\\')),
            c => password.push(c),
        }
    }
    password
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_match_as_in_libpq() {
        let file = "\
            #h:5432:db:u:comment\n\
            short:5432\n\
            h:5432:db:u:plain\n\
            h:5433:db:u:other port\r\n\
            *:*:*:wild:any:thing\n\
            2001\\:db8\\:\\:1:5432:db:u:six\n\
            we\\\\ird\\*:5432:db:u:a\\:b\\\\c\\\n\
            *x:5432:db:u:not a wildcard\n\
            colon:5432:d\\:b:u:pw\n\
            empty:5432:db:u:\n\
            *:5432:db:u:last\n";
        let passfile = Passfile { content: file.into(), ignored: None };
        for (host, port, database, user, expected) in [
            ("h", 5432, "db", "u", Some("plain")),
            ("h", 5433, "db", "u", Some("other port")),
            ("elsewhere", 1, "x", "wild", Some("any")),
            ("2001:db8::1", 5432, "db", "u", Some("six")),
            ("we\\ird*", 5432, "db", "u", Some("a:b\\c\\")),
            ("*x", 5432, "db", "u", Some("not a wildcard")),
            ("colon", 5432, "d:b", "u", Some("pw")),
            ("empty", 5432, "db", "u", Some("")),
            ("short", 5432, "db", "u", Some("last")),
            ("hh", 5432, "db", "u", Some("last")),
            ("h", 5432, "db", "uu", None),
            ("h", 5432, "d", "u", None),
            ("h", 54, "db", "u", None),
        ] {
            assert_eq!(
                passfile.password(host, port, database, user).as_deref(),
                expected,
                "{host}:{port}:{database}:{user}"
            );
        }
    }

    #[test]
    fn a_file_that_others_may_read_is_ignored() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pgpass");
        std::fs::write(&path, "*:*:*:*:secret\n").unwrap();
        for (mode, used) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o610, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let passfile = Passfile::read(&path);
            assert_eq!(passfile.password("h", 1, "d", "u").is_some(), used, "{mode:o}");
            assert_eq!(passfile.ignored.is_none(), used, "{mode:o}");
        }
        assert!(Passfile::read(directory.path()).ignored.unwrap().contains("not a plain file"));
        let absent = Passfile::read(&directory.path().join("absent"));
        assert!(absent.ignored.is_none() && absent.content.is_empty());
    }
}
