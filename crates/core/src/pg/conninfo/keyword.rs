//! The connection parameters of libpq (PostgreSQL 18, "Parameter Key Words") and their environment variables.

use crate::error::Error;

/// Keyword and environment variable ("" where there is none).
pub(super) const KEYWORDS: &[(&str, &str)] = &[
    ("application_name", "PGAPPNAME"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("client_encoding", "PGCLIENTENCODING"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("dbname", "PGDATABASE"),
    ("fallback_application_name", ""),
    ("gssdelegation", "PGGSSDELEGATION"),
    ("gssencmode", "PGGSSENCMODE"),
    ("gsslib", "PGGSSLIB"),
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("keepalives", ""),
    ("keepalives_count", ""),
    ("keepalives_idle", ""),
    ("keepalives_interval", ""),
    ("krbsrvname", "PGKRBSRVNAME"),
    ("load_balance_hosts", "PGLOADBALANCEHOSTS"),
    ("max_protocol_version", "PGMAXPROTOCOLVERSION"),
    ("min_protocol_version", "PGMINPROTOCOLVERSION"),
    ("oauth_client_id", ""),
    ("oauth_client_secret", ""),
    ("oauth_issuer", ""),
    ("oauth_scope", ""),
    ("options", "PGOPTIONS"),
    ("passfile", "PGPASSFILE"),
    ("password", "PGPASSWORD"),
    ("port", "PGPORT"),
    ("replication", ""),
    ("require_auth", "PGREQUIREAUTH"),
    ("requirepeer", "PGREQUIREPEER"),
    ("scram_client_key", ""),
    ("scram_server_key", ""),
    ("service", "PGSERVICE"),
    ("servicefile", "PGSERVICEFILE"),
    ("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION"),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
    ("sslcert", "PGSSLCERT"),
    ("sslcertmode", "PGSSLCERTMODE"),
    ("sslcompression", "PGSSLCOMPRESSION"),
    ("sslcrl", "PGSSLCRL"),
    ("sslcrldir", "PGSSLCRLDIR"),
    ("sslkey", "PGSSLKEY"),
    ("sslkeylogfile", ""),
    ("sslmode", "PGSSLMODE"),
    ("sslnegotiation", "PGSSLNEGOTIATION"),
    ("sslpassword", ""),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslsni", "PGSSLSNI"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
    ("tcp_user_timeout", ""),
    ("user", "PGUSER"),
];

/// What other drivers call some of them.
const ALIASES: &[(&str, &str)] = &[
    ("database", "dbname"),
    ("db", "dbname"),
    ("hostname", "host"),
    ("pass", "password"),
    ("pwd", "password"),
    ("timeout", "connect_timeout"),
    ("username", "user"),
];

/// The keyword as the table spells it.
pub(super) fn known(name: &str) -> Option<&'static str> {
    KEYWORDS.binary_search_by_key(&name, |(keyword, _)| keyword).ok().map(|at| KEYWORDS[at].0)
}

/// The error for a keyword that does not exist, with the nearest one that does.
pub(super) fn unknown(name: &str) -> Error {
    let error = Error::invalid(format!("unknown connection parameter \"{name}\""));
    if let Some((_, keyword)) = ALIASES.iter().find(|(alias, _)| *alias == name) {
        return error.hint(format!("libpq calls it {keyword}"));
    }
    let nearest = KEYWORDS.iter().map(|(keyword, _)| (strsim::osa_distance(name, keyword), *keyword)).min();
    match nearest {
        // Farther than a third of the word is no longer a slip of the finger.
        Some((distance, keyword)) if distance * 3 <= keyword.len().max(name.len()) => {
            error.hint(format!("did you mean {keyword}?"))
        }
        _ => error.hint("the parameters are those of libpq, such as host, port, user, dbname, sslmode"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_for_the_search() {
        assert!(KEYWORDS.is_sorted());
        assert!(KEYWORDS.iter().all(|(keyword, _)| known(keyword) == Some(keyword)));
    }

    #[test]
    fn a_slip_of_the_finger_gets_the_near_keyword() {
        for (wrong, hint) in [
            ("sslmodes", "did you mean sslmode?"),
            ("hots", "did you mean host?"),
            ("ssl_mode", "did you mean sslmode?"),
            ("database", "libpq calls it dbname"),
            ("zzz", "the parameters are those of libpq, such as host, port, user, dbname, sslmode"),
        ] {
            let error = unknown(wrong);
            assert_eq!(error.message(), format!("unknown connection parameter \"{wrong}\""));
            assert_eq!(error.way_out(), Some(hint), "{wrong}");
        }
    }
}
