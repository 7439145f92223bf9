//! The command line: names, defaults and help. What the commands do stands in `commands`.

use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf, sync::Arc};

use clap::{Args, Parser, Subcommand, ValueEnum};
use engine::EnvironmentKey;
use ipnet::IpNet;
use store::{
    AuditHead, InvalidLifetime, InvalidRole, Lifetime, Reach, Role, StandInFile, TokenId, TokenKind,
};

use crate::{
    Config, StartError,
    anchor::{AuditKey, PublicKey, Signing},
    config::{self, PublicUrl},
    doors::metrics::MetricsToken,
    limits,
};

const SNAPSHOT_FILE: &str = "What decisions are made from when the server starts without its database, or \"off\"; it \
    holds traits and hashes of tokens [default: beside the SQLite file, or in the state folder for PostgreSQL]";

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
    /// A file with a secret of at least 32 characters that keys the audit log, instead of the one in the database
    #[arg(long, global = true, value_name = "FILE", env = "FADER_AUDIT_SECRET_FILE")]
    pub audit_secret_file: Option<PathBuf>,
    /// How log lines are written
    #[arg(long, global = true, value_enum, env = "FADER_LOG_FORMAT", default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// For tests: goes ahead of the machine's clock by so many seconds
    #[arg(long, global = true, value_name = "N", hide = true, default_value_t = 0)]
    pub clock_ahead_s: u32,
    /// For tests: a clock that is wrong by so many seconds, while the database's is not
    #[arg(
        long,
        global = true,
        value_name = "N",
        hide = true,
        default_value_t = 0,
        allow_hyphen_values = true
    )]
    pub clock_wrong_s: i32,
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
    /// Copy an SQLite database into a file, as of this moment, also while a server serves it, and check the copy
    Backup {
        file: PathBuf,
        /// Replace a file that is there already
        #[arg(long)]
        force: bool,
    },
    /// Put a backup in the place of an SQLite database that no server serves; what was there is kept beside it
    Restore { file: PathBuf },
}

#[derive(Debug, Args)]
pub struct Serve {
    /// Where to listen
    #[arg(long, env = "FADER_ADDR", default_value = "127.0.0.1:3000")]
    pub addr: SocketAddr,
    #[arg(
        help = "How browsers reach the server, such as https://fader.example.org or https://tools.example.org/fader; https makes cookies secure"
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
    /// The key that signs the head of the audit log, as `fader audit keygen` makes one
    #[arg(long, value_name = "FILE", env = "FADER_AUDIT_KEY_FILE")]
    pub audit_key: Option<PathBuf>,
    /// Where signed heads of the audit log are appended, one a minute while there is something new
    #[arg(long, value_name = "FILE", env = "FADER_AUDIT_CHECKPOINTS_FILE", requires = "audit_key")]
    pub audit_checkpoints: Option<PathBuf>,
    /// Let webhooks lead to this machine and into the networks it is in
    #[arg(long, env = "FADER_WEBHOOKS_PRIVATE", value_parser = clap::builder::FalseyValueParser::new())]
    pub webhooks_private: bool,
    /// Of them, streams of one address; a quarter of all unless it says otherwise
    #[arg(long, value_name = "N", env = "FADER_STREAMS_PER_ADDRESS")]
    pub streams_per_address: Option<usize>,
    /// Connections that may be open at the same time, as far as the operating system allows so many files
    #[arg(long, value_name = "N", env = "FADER_CONNECTIONS_MAX", default_value_t = limits::CONNECTIONS_MAX)]
    pub connections_max: usize,
    /// Of them, connections of one address that is no trusted proxy; half of all unless it says otherwise
    #[arg(long, value_name = "N", env = "FADER_CONNECTIONS_PER_ADDRESS")]
    pub connections_per_address: Option<usize>,
    /// The token that whoever collects /metrics sends; without one only programs on this machine get them, and nobody where there is a public URL
    #[arg(long, value_name = "TOKEN", env = "FADER_METRICS_TOKEN", hide_env_values = true)]
    pub metrics_token: Option<MetricsToken>,
    /// A file with that token
    #[arg(long, value_name = "FILE", env = "FADER_METRICS_TOKEN_FILE", conflicts_with = "metrics_token")]
    pub metrics_token_file: Option<PathBuf>,
    #[arg(help = SNAPSHOT_FILE, long, value_name = "PATH", env = "FADER_SNAPSHOT_FILE")]
    pub snapshot_file: Option<PathBuf>,
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
    /// Of what users told, instead of exposures
    #[arg(long)]
    pub feedback: bool,
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
        /// Where it counts; an admin token without it counts in the whole workspace
        #[arg(long = "env", value_name = "ENVIRONMENT", required_if_eq_any([("kind", "server"), ("kind", "client")]))]
        environment: Option<EnvironmentKey>,
        #[arg(long)]
        name: String,
        /// Lets a server token store people
        #[arg(long)]
        writes_traits: bool,
        /// The member whose token it is: an admin token acts for them, and may never more than they
        #[arg(long, value_name = "EMAIL")]
        owner: Option<String>,
        /// For how many days it works, up to 730; "never", for server and client tokens, is without an end
        #[arg(long = "expires", value_name = "DAYS", value_parser = lifetime, default_value_t)]
        lifetime: Lifetime,
        #[arg(
            help = "An origin whose pages may use a client token, such as https://www.example.org, or * for any"
        )]
        #[arg(long = "origin", value_name = "ORIGIN")]
        origins: Vec<String>,
    },
    /// List the tokens: number, kind, where it counts, owner, last use, state and name
    List,
    /// Give a token another secret and print it; the old one works on for a while
    Rotate {
        /// Its number in the list
        id: TokenId,
        /// For how many hours the old secret works on; 0 ends it at once
        #[arg(long = "overlap", value_name = "HOURS", default_value_t = store::limits::TOKEN_OVERLAP_HOURS_DEFAULT)]
        overlap_hours: u32,
        /// For how many days the new secret works, up to 730, or never
        #[arg(long = "expires", value_name = "DAYS", value_parser = lifetime, default_value_t)]
        lifetime: Lifetime,
    },
    /// Refuse a token from now on
    Revoke {
        /// Its number in the list
        id: TokenId,
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
    /// Walk the chain of hashes and compare what is in force with it; names the first break and then exits with 1
    Verify {
        /// An entry that must be there, as this command printed it before: SEQ:HASH
        #[arg(long = "expect-head", value_name = "SEQ:HASH")]
        expected: Vec<AuditHead>,
        /// Signed heads that must all be there, as `serve --audit-checkpoints` writes them
        #[arg(long, value_name = "FILE", requires = "public_key")]
        checkpoints: Option<PathBuf>,
        /// Who must have signed them, as `fader audit keygen` prints it
        #[arg(long, value_name = "HEX", requires = "checkpoints")]
        public_key: Option<PublicKey>,
    },
    /// Make a key that signs the head of the audit log, in a new file for your eyes only; prints its public key
    Keygen { file: PathBuf },
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
    /// Where the snapshot file is, if there is a place for it.
    pub fn stand_in_file(&self, database_url: &str) -> Option<StandInFile> {
        match &self.snapshot_file {
            Some(path) if path.as_os_str() == "off" => None,
            Some(path) => Some(StandInFile::new(path)),
            None => StandInFile::default_for(database_url, config::state_folder().as_deref()),
        }
    }

    /// Reads the key that signs the audit log, and the token for metrics.
    pub fn config(&self) -> Result<Config, StartError> {
        let key = self.audit_key.as_deref().map(AuditKey::read).transpose()?;
        let signing = key.map(|key| Signing { key: Arc::new(key), file: self.audit_checkpoints.clone() });
        let metrics_token = match &self.metrics_token_file {
            Some(file) => Some(MetricsToken::read(file)?),
            None => self.metrics_token.clone(),
        };
        Ok(Config {
            public_url: self.public_url.clone(),
            trusted_proxies: self.trusted_proxies.clone(),
            evaluations_per_second: self.evaluations_per_second,
            wrong_tokens_per_minute: self.wrong_tokens_per_minute,
            streams_max: self.streams_max,
            signing,
            webhooks: if self.webhooks_private { Reach::Private } else { Reach::Public },
            streams_per_address_max: self.streams_per_address,
            connections_max: self.connections_max,
            connections_per_address_max: self.connections_per_address,
            client_exposures_per_day: self.client_exposures_per_day,
            metrics_token,
            ..Config::default()
        })
    }
}

fn lifetime(text: &str) -> Result<Lifetime, InvalidLifetime> {
    text.parse()
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
