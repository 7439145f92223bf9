//! The command line: names, defaults and help. What the commands do stands in `commands`.

use std::{net::SocketAddr, num::NonZeroU32};

use clap::{Args, Parser, Subcommand, ValueEnum};
use engine::EnvironmentKey;
use ipnet::IpNet;
use store::{InvalidRole, Role, TokenKind};

use crate::{Config, config::PublicUrl, limits};

/// Self-hosted progressive delivery: release to a pilot group, widen step by step, stop in a second.
#[derive(Debug, Parser)]
#[command(name = "fader", version, about, max_term_width = 100)]
pub struct Cli {
    #[arg(
        help = "sqlite://fader.db, or postgres://user@host/name for more than one copy of the server",
        long,
        global = true,
        value_name = "URL",
        env = "FADER_DATABASE_URL",
        hide_env_values = true,
        default_value = "sqlite://fader.db"
    )]
    pub database_url: String,
    #[arg(help = "What is logged to standard error, such as \"info\" or \"warn,fader::access=debug\"")]
    #[arg(long, global = true, value_name = "FILTER", env = "FADER_LOG", default_value = "info")]
    pub log: String,
    /// How log lines are written
    #[arg(long, global = true, value_enum, env = "FADER_LOG_FORMAT", default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// For tests: goes ahead of the machine's clock by so many seconds
    #[arg(long, global = true, value_name = "N", hide = true, default_value_t = 0)]
    pub clock_ahead_s: u32,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the dashboard and the APIs
    Serve(Serve),
    /// Bring the database to this version of Fader, and do nothing else
    Migrate,
    /// Put data into the database
    #[command(subcommand)]
    Seed(Seed),
    /// Manage members
    #[command(subcommand)]
    User(User),
    /// Manage API tokens
    #[command(subcommand)]
    Token(Token),
    /// Set for how many days an environment keeps the ledger of who was served what
    Retention(Retention),
    /// Send simulated customers to the booking demo until told to stop
    Demo(Demo),
    /// Check the audit log
    #[command(subcommand)]
    Audit(Audit),
}

#[derive(Debug, Args)]
pub struct Serve {
    /// Where to listen
    #[arg(long, env = "FADER_ADDR", default_value = "127.0.0.1:3000")]
    pub addr: SocketAddr,
    #[arg(
        help = "How browsers reach the server, such as https://fader.example.org; https makes cookies secure"
    )]
    #[arg(long, value_name = "URL", env = "FADER_PUBLIC_URL")]
    pub public_url: Option<PublicUrl>,
    /// Proxies whose X-Forwarded-For is believed, for example 10.0.0.0/8 or 127.0.0.1/32; comma-separated
    #[arg(long = "trusted-proxy", value_name = "NET", env = "FADER_TRUSTED_PROXY", value_delimiter = ',', value_parser = network)]
    pub trusted_proxies: Vec<IpNet>,
    /// Evaluations that one token may ask for per second
    #[arg(long, value_name = "N", env = "FADER_EVALUATIONS_PER_SECOND", default_value_t = per(limits::EVALUATIONS_PER_SECOND))]
    pub evaluations_per_second: NonZeroU32,
    /// Wrong tokens per minute that one address may try before it is told to wait
    #[arg(long, value_name = "N", env = "FADER_WRONG_TOKENS_PER_MINUTE", default_value_t = per(limits::WRONG_TOKENS_PER_MINUTE))]
    pub wrong_tokens_per_minute: NonZeroU32,
    /// Event streams of clients that may be open at the same time
    #[arg(long, value_name = "N", env = "FADER_STREAMS_MAX", default_value_t = limits::STREAMS_MAX)]
    pub streams_max: usize,
    /// Exposures that browsers may add to the ledger of one environment on one UTC day
    #[arg(long, value_name = "N", env = "FADER_CLIENT_EXPOSURES_PER_DAY", default_value_t = limits::CLIENT_EXPOSURES_PER_DAY)]
    pub client_exposures_per_day: u64,
}

#[derive(Debug, Args)]
pub struct Retention {
    #[arg(long = "env", value_name = "ENVIRONMENT")]
    pub environment: EnvironmentKey,
    /// What is older is deleted for good at the next sweep
    #[arg(long, value_name = "N")]
    pub days: u32,
}

#[derive(Debug, Args)]
pub struct Demo {
    /// Where the booking demo is
    #[arg(long, env = "BOOKING_URL", default_value = "http://127.0.0.1:3100")]
    pub booking_url: reqwest::Url,
    /// The key that the booking demo was started with
    #[arg(long, env = "BOOKING_PARTNER_KEY", hide_env_values = true)]
    pub partner_key: String,
    /// Customers per second at noon; at night it is a quarter
    #[arg(long, value_name = "N", default_value_t = per(12))]
    pub per_second: NonZeroU32,
    /// How many minutes a day takes
    #[arg(long, value_name = "MINUTES", default_value_t = per(30))]
    pub day_minutes: NonZeroU32,
}

#[derive(Debug, Subcommand)]
pub enum Seed {
    /// The demo: a booking system that releases Fast payment; prints whom to sign in as
    Demo,
}

#[derive(Debug, Subcommand)]
pub enum User {
    /// Add a member; the password is read from standard input
    Add {
        #[arg(long)]
        email: String,
        #[arg(long)]
        name: String,
        /// admin, product, qa, support or viewer
        #[arg(long, value_parser = role)]
        role: Role,
    },
}

#[derive(Debug, Subcommand)]
pub enum Token {
    /// Make a token and print it; it is not shown again
    Create {
        /// "server" for backends; "client" for browsers, which may not set trusted attributes; "admin" for programs
        /// that manage Fader with the permissions of a role
        #[arg(long, value_enum)]
        kind: Kind,
        /// Whose permissions an admin token has: admin, product, qa, support or viewer
        #[arg(long, value_parser = role, required_if_eq("kind", "admin"))]
        role: Option<Role>,
        #[arg(long = "env", value_name = "ENVIRONMENT")]
        environment: EnvironmentKey,
        #[arg(long)]
        name: String,
        #[arg(
            help = "An origin whose pages may use a client token, such as https://www.example.org, or * for any"
        )]
        #[arg(long = "origin", value_name = "ORIGIN")]
        origins: Vec<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Server,
    Client,
    Admin,
}

#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Walk the chain of hashes; names the first break and then exits with 1
    Verify,
}

impl Kind {
    /// `None` where a role is missing, or stands where none belongs.
    pub fn with(self, role: Option<Role>) -> Option<TokenKind> {
        match (self, role) {
            (Self::Server, None) => Some(TokenKind::Server),
            (Self::Client, None) => Some(TokenKind::Client),
            (Self::Admin, Some(role)) => Some(TokenKind::Admin(role)),
            (Self::Server | Self::Client, Some(_)) | (Self::Admin, None) => None,
        }
    }
}

impl Serve {
    pub fn config(&self) -> Config {
        Config {
            public_url: self.public_url.clone(),
            trusted_proxies: self.trusted_proxies.clone(),
            evaluations_per_second: self.evaluations_per_second,
            wrong_tokens_per_minute: self.wrong_tokens_per_minute,
            streams_max: self.streams_max,
            client_exposures_per_day: self.client_exposures_per_day,
            ..Config::default()
        }
    }
}

fn role(text: &str) -> Result<Role, InvalidRole> {
    Role::parse(text)
}

/// An address on its own is a network of one.
fn network(text: &str) -> Result<IpNet, String> {
    let alone = || text.parse::<std::net::IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| alone()).map_err(|_| "write a network such as 10.0.0.0/8".to_owned())
}

const fn per(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn proxies_are_networks_or_addresses() {
        let cli = Cli::try_parse_from(["fader", "serve", "--trusted-proxy", "10.0.0.0/8,127.0.0.1"]);
        let Command::Serve(serve) = cli.expect("parses").command else { panic!("serve") };
        assert_eq!(serve.trusted_proxies.len(), 2);
        assert!(Cli::try_parse_from(["fader", "serve", "--trusted-proxy", "proxy"]).is_err());
    }
}
