//! Whether what travels between Fader and PostgreSQL is encrypted. `sslmode` of the address decides; where it is not given
//! and the database is on another machine, the connection is encrypted or not made at all.

use std::{net::IpAddr, str::FromStr as _};

use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// As libpq names it.
const VARIABLE: &str = "PGSSLMODE";

/// The options with the mode that holds; says in the log what of it is less than it could be.
pub(super) fn decide(options: PgConnectOptions, url: &str) -> PgConnectOptions {
    // Without one the driver would panic in `verify-ca`. When there is one already, it is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    if is_near(&options) {
        return options;
    }
    let is_named = names_mode(url) || variable_names_mode(std::env::var(VARIABLE).ok().as_deref());
    let options = if is_named { options } else { options.ssl_mode(PgSslMode::Require) };
    let host = options.get_host();
    match options.get_ssl_mode() {
        PgSslMode::Disable | PgSslMode::Allow => tracing::warn!(
            host,
            "the connection to PostgreSQL is not encrypted: whoever can listen between here and there reads everything \
             and can act as Fader; use sslmode=verify-full, unless you trust every machine of that network"
        ),
        PgSslMode::Prefer => tracing::warn!(
            host,
            "the connection to PostgreSQL is encrypted only if nobody on the way objects; use sslmode=verify-full"
        ),
        PgSslMode::Require => tracing::info!(
            host,
            "the connection to PostgreSQL has to be encrypted, but nobody checks whom it goes to: use \
             sslmode=verify-full, with sslrootcert=… where the certificate is not one that this machine knows. (For a \
             server without TLS in a network that you trust: sslmode=disable.)"
        ),
        PgSslMode::VerifyCa | PgSslMode::VerifyFull => {}
    }
    options
}

/// This machine: nothing travels.
fn is_near(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
}

fn names_mode(url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else { return false };
    url.query_pairs().any(|(name, _)| name == "sslmode" || name == "ssl-mode")
}

/// An empty or mistyped one names none: the driver would take it for the weakest.
fn variable_names_mode(value: Option<&str>) -> bool {
    value.is_some_and(|it| PgSslMode::from_str(it).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_mode_that_there_is_counts_as_named() {
        for (value, named) in [
            (None, false),
            (Some(""), false),
            (Some("verify_full"), false),
            (Some("verify-full"), true),
            (Some("disable"), true),
        ] {
            assert_eq!(variable_names_mode(value), named, "{value:?}");
        }
    }

    fn mode(url: &str) -> String {
        let options = PgConnectOptions::from_str(url).expect("an address");
        format!("{:?}", decide(options, url).get_ssl_mode())
    }

    #[test]
    fn another_machine_is_only_talked_to_in_the_clear_when_the_address_says_so() {
        for (url, expected) in [
            ("postgres://u@db.test/f", "Require"),
            ("postgres://u@10.0.0.7:5432/f?application_name=x", "Require"),
            ("postgres://u@db.test/f?sslmode=disable", "Disable"),
            ("postgres://u@db.test/f?sslmode=prefer", "Prefer"),
            ("postgres://u@db.test/f?ssl-mode=verify-full", "VerifyFull"),
            ("postgres://u@localhost/f", "Prefer"),
            ("postgres://u@127.0.0.1:5433/f", "Prefer"),
            ("postgres://u@[::1]/f", "Prefer"),
            ("postgres:///f?host=/run/postgresql", "Prefer"),
            ("postgres://u@127.0.0.1/f?sslmode=require", "Require"),
        ] {
            assert_eq!(mode(url), expected, "{url}");
        }
    }
}
