//! Connection URLs (PostgreSQL manual, "Connection URIs"), read as libpq reads them.

use percent_encoding::percent_decode_str;

use super::Conninfo;
use crate::error::{Error, Result};

/// The part after `postgresql://` or `postgres://`.
pub(super) fn after_scheme(text: &str) -> Option<&str> {
    ["postgresql://", "postgres://"].iter().find_map(|scheme| text.strip_prefix(scheme))
}

/// Reads a URL without its scheme. No message repeats a part of it: with an unescaped character any part may
/// be the password.
pub(super) fn parse(url: &str) -> Result<Conninfo> {
    let mut conninfo = Conninfo::default();
    let mut rest = url;
    if let Some(at) = rest.find(['@', '/']).filter(|&at| rest[at..].starts_with('@')) {
        let credentials = &rest[..at];
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        set_if_given(&mut conninfo, "user", user)?;
        set_if_given(&mut conninfo, "password", password)?;
        rest = &rest[at + 1..];
    }
    let (hosts, ports, rest) = read_hosts(rest)?;
    if hosts.contains('@') {
        return Err(
            Error::invalid("the URL has more than one @").hint("write an @ in user or password as %40")
        );
    }
    set_if_given(&mut conninfo, "host", &hosts)?;
    set_if_given(&mut conninfo, "port", &ports)?;
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    // An empty path sets nothing, so that PGDATABASE counts.
    set_if_given(&mut conninfo, "dbname", path.strip_prefix('/').unwrap_or_default())?;
    read_query(query, &mut conninfo)?;
    Ok(conninfo)
}

/// Host list, port list, and what follows them.
fn read_hosts(mut rest: &str) -> Result<(String, String, &str)> {
    let (mut hosts, mut ports) = (String::new(), String::new());
    loop {
        if let Some(inner) = rest.strip_prefix('[') {
            let (address, after) = inner
                .split_once(']')
                .filter(|(address, after)| {
                    !address.is_empty() && (after.is_empty() || after.starts_with([':', '/', '?', ',']))
                })
                .ok_or_else(|| Error::invalid("the IPv6 address in the URL is not written as [address]"))?;
            hosts.push_str(address);
            rest = after;
        } else {
            let (host, after) = rest.split_at(rest.find([':', '/', '?', ',']).unwrap_or(rest.len()));
            hosts.push_str(host);
            rest = after;
        }
        if let Some(after) = rest.strip_prefix(':') {
            let (port, after) = after.split_at(after.find(['/', '?', ',']).unwrap_or(after.len()));
            ports.push_str(port);
            rest = after;
        }
        let Some(after) = rest.strip_prefix(',') else { return Ok((hosts, ports, rest)) };
        hosts.push(',');
        ports.push(',');
        rest = after;
    }
}

fn read_query(mut query: &str, conninfo: &mut Conninfo) -> Result<()> {
    while !query.is_empty() {
        let (pair, after) = query.split_once('&').unwrap_or((query, ""));
        let (name, value) = pair
            .split_once('=')
            .filter(|(_, value)| !value.contains('='))
            .ok_or_else(|| Error::invalid("a query parameter of the URL is not written as name=value"))
            .map_err(|e| e.hint("write = in a value as %3D and & as %26"))?;
        let (name, value) = (decode(name)?, decode(value)?);
        // As libpq does for URLs made for JDBC.
        if name == "ssl" && value == "true" {
            conninfo.set("sslmode", "require".to_owned())?;
        } else {
            conninfo.set(&name, value)?;
        }
        query = after;
    }
    Ok(())
}

fn set_if_given(conninfo: &mut Conninfo, name: &str, encoded: &str) -> Result<()> {
    if !encoded.is_empty() {
        conninfo.set(name, decode(encoded)?)?;
    }
    Ok(())
}

fn decode(encoded: &str) -> Result<String> {
    let complete = encoded.split('%').skip(1).all(|after| {
        matches!(after.as_bytes(), [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
    });
    let decoded = percent_decode_str(encoded).decode_utf8();
    match decoded {
        Ok(text) if complete && !text.contains('\0') => Ok(text.into_owned()),
        _ => Err(Error::invalid("a percent-encoded character of the URL cannot be read")
            .hint("write % itself as %25; encoded text must be UTF-8 without %00")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        let conninfo = parse(after_scheme(url).expect("scheme")).unwrap();
        conninfo.into_pairs().iter().map(|(k, v)| format!("{k}='{v}'")).collect::<Vec<_>>().join(" ")
    }

    /// Mostly the cases of libpq's own test (`src/interfaces/libpq/t/001_uri.pl`); keywords in alphabetical order.
    #[test]
    fn urls_are_read_as_libpq_reads_them() {
        for (url, expected) in [
            (
                "postgresql://uri-user:secret@host:12345/db",
                "dbname='db' host='host' password='secret' port='12345' user='uri-user'",
            ),
            ("postgresql://uri-user@host/db", "dbname='db' host='host' user='uri-user'"),
            ("postgresql://host:12345/", "host='host' port='12345'"),
            ("postgresql://host", "host='host'"),
            ("postgresql://", ""),
            ("postgresql://?hostaddr=127.0.0.1", "hostaddr='127.0.0.1'"),
            ("postgresql://example.com?hostaddr=63.1.2.4", "host='example.com' hostaddr='63.1.2.4'"),
            ("postgresql://%68ost/", "host='host'"),
            ("postgresql://host/db?user=uri-user", "dbname='db' host='host' user='uri-user'"),
            ("postgresql://host?user=u&port=12345", "host='host' port='12345' user='u'"),
            ("postgresql://host:12345?user=u&port=", "host='host' port='' user='u'"),
            ("postgresql://[::1]:12345/db", "dbname='db' host='::1' port='12345'"),
            ("postgresql://[2001:db8::1234]", "host='2001:db8::1234'"),
            (
                "postgresql://host/db?u%73er=someotheruser&port=12345",
                "dbname='db' host='host' port='12345' user='someotheruser'",
            ),
            ("postgresql://%2Fvar%2Flib%2Fpostgresql/dbname", "dbname='dbname' host='/var/lib/postgresql'"),
            ("postgres:///mydb?host=/run/pg&port=5433", "dbname='mydb' host='/run/pg' port='5433'"),
            ("postgresql://@host", "host='host'"),
            ("postgresql://host?sslmode=verify-full", "host='host' sslmode='verify-full'"),
            ("postgresql://host?ssl=true", "host='host' sslmode='require'"),
            ("postgresql://:secret@host", "host='host' password='secret'"),
            ("postgresql://u:@host", "host='host' user='u'"),
            ("postgresql://h1:1,h2,[::1]:3/db", "dbname='db' host='h1,h2,::1' port='1,,3'"),
            ("postgresql://h1,h2", "host='h1,h2' port=','"),
            (
                "postgresql://u:p%40ss%2Fw%3A%25@host/a%20b",
                "dbname='a b' host='host' password='p@ss/w:%' user='u'",
            ),
            ("postgresql://u:p?w@host/", "host='host' password='p?w' user='u'"),
            ("postgresql://h/db?options=-c%20geqo%3Doff&", "dbname='db' host='h' options='-c geqo=off'"),
        ] {
            assert_eq!(shown(url), expected, "{url}");
        }
    }

    #[test]
    fn broken_urls_are_refused_without_repeating_them() {
        for (url, message) in [
            ("u:top@secret@host/db", "the URL has more than one @"),
            ("host/db?secret", "a query parameter of the URL is not written as name=value"),
            ("host/db?user=a=secret", "a query parameter of the URL is not written as name=value"),
            ("host/db?user=a&&port=1", "a query parameter of the URL is not written as name=value"),
            ("host?secrets=1", "unknown connection parameter \"secrets\""),
            ("u:secret%@host", "a percent-encoded character of the URL cannot be read"),
            ("u:secret%zz@host", "a percent-encoded character of the URL cannot be read"),
            ("u:secret%00@host", "a percent-encoded character of the URL cannot be read"),
            ("u:secret%ff@host", "a percent-encoded character of the URL cannot be read"),
            ("[::1", "the IPv6 address in the URL is not written as [address]"),
            ("[]", "the IPv6 address in the URL is not written as [address]"),
            ("[::1]secret", "the IPv6 address in the URL is not written as [address]"),
        ] {
            let error = parse(url).map(drop).unwrap_err();
            assert_eq!(error.message(), message, "{url}");
            assert!(message.contains("secrets") || !error.to_string().contains("secret"), "{error}");
        }
    }
}
