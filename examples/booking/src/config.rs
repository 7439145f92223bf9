//! What the site is told when it starts.

use std::net::SocketAddr;

use clap::Parser;

/// The demo booking site. It asks a Fader server who may pay in one click.
#[derive(Clone, Debug, Parser)]
#[command(name = "booking", version)]
pub struct Config {
    /// Address to listen on
    #[arg(long, env = "BOOKING_ADDR", default_value = "127.0.0.1:3100")]
    pub addr: SocketAddr,

    /// Where this server reaches Fader
    #[arg(long, env = "FADER_URL", default_value = "http://127.0.0.1:3000", value_parser = parse_fader_url)]
    pub fader_url: FaderUrl,

    /// Where a browser reaches Fader, when that is another address (behind a proxy, for example)
    #[arg(long, env = "FADER_PUBLIC_URL", value_parser = parse_public_url)]
    pub fader_public_url: Option<FaderUrl>,

    /// A server token of Fader; stays on this server
    #[arg(long, env = "FADER_SERVER_TOKEN", hide_env_values = true, value_parser = parse_token)]
    pub server_token: Token,

    /// A client token of Fader; every visitor's browser gets it
    #[arg(long, env = "FADER_CLIENT_TOKEN", hide_env_values = true, value_parser = parse_token)]
    pub client_token: Token,

    /// The key with which agencies' own systems book; without one they cannot
    #[arg(long, env = "BOOKING_PARTNER_KEY", hide_env_values = true, value_parser = parse_token)]
    pub partner_key: Option<Token>,
}

impl Config {
    /// The address of Fader that pages may name.
    pub fn public_url(&self) -> &FaderUrl {
        self.fader_public_url.as_ref().unwrap_or(&self.fader_url)
    }
}

/// An origin such as `http://127.0.0.1:3000`, without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaderUrl(String);

impl FaderUrl {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for FaderUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A token of Fader. Printing it for debugging does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Token(…)")
    }
}

/// The origin ends up in a Content-Security-Policy header, so nothing but scheme, host and port gets through.
fn parse_origin(text: &str) -> Result<FaderUrl, String> {
    let url =
        reqwest::Url::parse(text).map_err(|error| format!("{error}; write it like http://127.0.0.1:3000"))?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    let host = url.host_str().unwrap_or_default();
    let bare =
        url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if !matches!(url.scheme(), "http" | "https") || !bare || !host.bytes().all(plain) {
        return Err("give scheme, host and port only, like http://127.0.0.1:3000".to_owned());
    }
    Ok(FaderUrl(url.origin().ascii_serialization()))
}

fn parse_fader_url(text: &str) -> Result<FaderUrl, String> {
    let url = parse_origin(text)?;
    if url.0.starts_with("https://") {
        return Err("this demo is built without TLS: reach Fader over http:// in the same network".to_owned());
    }
    Ok(url)
}

fn parse_public_url(text: &str) -> Result<FaderUrl, String> {
    parse_origin(text)
}

fn parse_token(text: &str) -> Result<Token, String> {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("a token is one word, as `fader token create` printed it".to_owned());
    }
    Ok(Token(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_taken_and_cleaned() {
        assert_eq!(
            parse_fader_url("http://127.0.0.1:3000/").map(|url| url.0),
            Ok("http://127.0.0.1:3000".to_owned())
        );
        assert_eq!(
            parse_public_url("https://fader.example").map(|url| url.0),
            Ok("https://fader.example".to_owned())
        );
    }

    #[test]
    fn what_could_break_out_of_a_header_is_refused() {
        for text in
            ["", "fader", "ftp://a", "http://a/b", "http://a;x", "http://u@a", "http://a?b", "https://a"]
        {
            assert!(parse_fader_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_token_is_one_word_and_never_printed() {
        assert!(parse_token("two words").is_err());
        assert!(parse_token("  ").is_err());
        let token = parse_token("fdr_server_production_abc\n").expect("a token");
        assert_eq!(token.as_str(), "fdr_server_production_abc");
        assert_eq!(format!("{token:?}"), "Token(…)");
    }
}
