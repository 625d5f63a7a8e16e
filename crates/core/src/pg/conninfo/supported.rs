//! Which values pgverse can honour. What it cannot is refused with the reason, never ignored where security
//! hangs on it.

use super::Conninfo;
use crate::error::{Error, ErrorKind, Result};

/// Values that are known; anything else is a mistake.
const CHOICES: &[(&str, &[&str])] = &[
    ("channel_binding", &["disable", "prefer", "require"]),
    ("gssencmode", &["disable", "prefer", "require"]),
    ("keepalives", &["0", "1"]),
    ("load_balance_hosts", &["disable", "random"]),
    ("max_protocol_version", &["3.0", "3.2", "latest"]),
    ("min_protocol_version", &["3.0", "3.2", "latest"]),
    ("ssl_max_protocol_version", &["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]),
    ("ssl_min_protocol_version", &["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]),
    ("sslcertmode", &["disable", "allow", "require"]),
    ("sslcompression", &["0", "1"]),
    ("sslmode", &["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]),
    ("sslnegotiation", &["postgres", "direct"]),
    ("sslsni", &["0", "1"]),
    ("target_session_attrs", &["any", "read-write", "read-only", "primary", "standby", "prefer-standby"]),
];

/// Keyword, refused value ("*" for any), reason, way out.
const REFUSED: &[(&str, &str, &str, &str)] = &[
    (
        "sslmode",
        "allow",
        "sslmode=allow sends everything in the clear whenever the server lets it",
        "use prefer (TLS if the server has it) or, better, verify-full",
    ),
    (
        "gssencmode",
        "require",
        "GSSAPI encryption is not supported",
        "use TLS: gssencmode=disable sslmode=verify-full",
    ),
    (
        "requirepeer",
        "*",
        "the owner of a server process behind a Unix socket cannot be checked",
        "leave requirepeer out if the socket's directory is writable by the server's owner alone",
    ),
    (
        "require_auth",
        "*",
        "the authentication method cannot be restricted",
        "channel_binding=require over TLS admits SCRAM alone",
    ),
    (
        "sslcertmode",
        "require",
        "whether the server asks for a certificate cannot be enforced",
        "use sslcertmode=allow",
    ),
    ("sslcrldir", "*", "directories of revocation lists are not read", "name one file in sslcrl"),
    (
        "sslpassword",
        "*",
        "encrypted private keys are not read",
        "decrypt the key: openssl pkey -in KEY -out PLAIN",
    ),
    ("sslkeylogfile", "*", "TLS keys are never written to a file", "leave sslkeylogfile out"),
    ("ssl_max_protocol_version", "TLSv1", "TLS before 1.2 is not supported", "use TLSv1.2 or TLSv1.3"),
    ("ssl_max_protocol_version", "TLSv1.1", "TLS before 1.2 is not supported", "use TLSv1.2 or TLSv1.3"),
    ("min_protocol_version", "3.2", "only protocol 3.0 is spoken", "leave min_protocol_version out"),
    ("min_protocol_version", "latest", "only protocol 3.0 is spoken", "leave min_protocol_version out"),
    ("scram_client_key", "*", "SCRAM keys are not supported", "give the password"),
    ("scram_server_key", "*", "SCRAM keys are not supported", "give the password"),
    ("oauth_issuer", "*", "OAuth is not supported", "use a password or a client certificate"),
    ("oauth_client_id", "*", "OAuth is not supported", "use a password or a client certificate"),
    ("oauth_client_secret", "*", "OAuth is not supported", "use a password or a client certificate"),
    ("oauth_scope", "*", "OAuth is not supported", "use a password or a client certificate"),
];

// Without effect and without harm: application_name and fallback_application_name (sessions are named by
// pgverse), client_encoding (text is UTF-8 always), krbsrvname, gsslib and gssdelegation (Kerberos is refused
// when a server asks for it), sslcompression (as in libpq), max_protocol_version (3.0 is the lowest).

/// Refuses unknown values and those that cannot be honoured.
pub(super) fn check(conninfo: &Conninfo) -> Result<()> {
    for (name, choices) in CHOICES {
        if let Some(value) = conninfo.filled(name)
            && !choices.contains(&value)
        {
            return Err(Error::invalid(format!("\"{value}\" is not a value of {name}"))
                .hint(format!("it is one of {}", choices.join(", "))));
        }
    }
    for (name, refused, reason, way_out) in REFUSED {
        if let Some(value) = conninfo.filled(name)
            && (*refused == "*" || *refused == value)
        {
            let shown = if *refused == "*" { (*name).to_owned() } else { format!("{name}={value}") };
            return Err(Error::new(ErrorKind::Unsupported, *reason).with("parameter", shown).hint(*way_out));
        }
    }
    let replication = conninfo.filled("replication").unwrap_or("off");
    if !matches!(replication, "off" | "false" | "no" | "0") {
        return Err(Error::new(ErrorKind::Unsupported, "a replication connection runs no queries")
            .with("parameter", "replication")
            .hint("leave replication out"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_says_why_and_what_instead() {
        for (name, refused, reason, way_out) in REFUSED {
            let value = if *refused == "*" { "anything" } else { refused };
            let mut conninfo = Conninfo::default();
            conninfo.set(name, value.to_owned()).unwrap();
            let error = check(&conninfo).unwrap_err();
            assert_eq!((error.kind(), error.message()), (ErrorKind::Unsupported, *reason));
            assert_eq!(error.way_out(), Some(*way_out));
            assert!(!error.to_string().contains("anything"), "{error}");
        }
    }

    #[test]
    fn unknown_values_are_refused_and_empty_ones_are_none() {
        for (name, choices) in CHOICES {
            let mut conninfo = Conninfo::default();
            conninfo.set(name, "maybe".to_owned()).unwrap();
            let error = check(&conninfo).unwrap_err();
            assert_eq!(error.message(), format!("\"maybe\" is not a value of {name}"));
            assert!(error.way_out().unwrap().contains(choices[0]));
            conninfo.set(name, String::new()).unwrap();
            check(&conninfo).unwrap();
        }
    }
}
