//! What the commands do. Results go to standard output, everything else to standard error.

pub mod cli;
mod demo;

use std::{
    fmt, fs,
    io::{self, BufRead as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use store::{
    AuditHead, AuditSecret, AuditVerdict, BrokenChain, Clock, Kept, LiveRow, NewToken, Opening, Principal,
    RecentAdministrator, Rotation, Store, StoreError, TokenRow, TokenScope, TokenState,
};
use tokio::net::TcpListener;

use self::{
    cli::{Audit, Cli, Command, Demo, LogFormat, Retention, Seed, Serve, Token, User},
    demo::{DemoError, Simulation},
};
use crate::{
    Config, Server, StartError,
    anchor::{AuditKey, CheckpointError, KeyError, read_checkpoints},
    app,
    edge::connections,
    limits::FILES_RESERVED,
    serve::serve,
};

/// A command that failed. `Display` says what to do.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("the database cannot be opened: {0}{hint}", hint = hint(.0))]
    Open(StoreError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("cannot listen on {address}: {error}; choose another with --addr or FADER_ADDR")]
    Listen { address: std::net::SocketAddr, error: io::Error },
    #[error(
        "no password came through standard input; for example: printf %s \"$PASSWORD\" | fader user add …"
    )]
    NoPassword,
    #[error("--role goes with --kind admin: a server or client token has no role")]
    TokenRole,
    #[error("the audit log is broken at entry {seq}: {why}")]
    Audit { seq: u64, why: BrokenChain },
    #[error("{row} in force is not what the audit log says it is")]
    Differs { row: LiveRow },
    #[error(transparent)]
    AuditKey(#[from] KeyError),
    #[error(transparent)]
    Checkpoints(#[from] CheckpointError),
    #[error("the secret of the audit log cannot be read from {}: {error}", .file.display())]
    AuditSecret { file: PathBuf, error: io::Error },
    #[error(transparent)]
    Demo(#[from] DemoError),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the log filter cannot be read: {0}; try FADER_LOG=info")]
    LogFilter(String),
}

/// The causes that a person who runs the binary can do something about.
fn hint(error: &StoreError) -> String {
    let mut source = std::error::Error::source(error);
    let mut text = String::new();
    while let Some(cause) = source {
        text = format!(" ({cause})");
        source = cause.source();
    }
    text
}

/// Runs a command; failures are told on standard error and in the exit code.
pub async fn run(cli: Cli) -> ExitCode {
    match execute(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("fader: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn execute(cli: Cli) -> Result<(), CommandError> {
    start_log(&cli)?;
    if let Command::Demo(args) = &cli.command {
        return run_demo(args).await;
    }
    if let Command::Audit(Audit::Keygen { file }) = &cli.command {
        let key = AuditKey::generate(file)?;
        return print(format_args!("{}", key.public()));
    }
    let clock = match cli.clock_ahead_s {
        0 => Clock::System,
        ahead_s => Clock::Ahead(i64::from(ahead_s) * 1000),
    };
    let audit_secret = cli.audit_secret_file.as_deref().map(read_audit_secret).transpose()?;
    let opening = Opening { audit_secret };
    let clock = match cli.clock_wrong_s {
        0 => clock,
        by_s => clock.wrong_by(i64::from(by_s) * 1000),
    };
    let file = match &cli.command {
        Command::Serve(args) => args.stand_in_file(&cli.database_url),
        _ => None,
    };
    let store = match &file {
        Some(file) => Store::open_or_stand_in(&cli.database_url, clock, opening, file).await,
        None => Store::open_with(&cli.database_url, clock, opening).await,
    };
    let store = store.map_err(CommandError::Open)?;
    let done = match cli.command {
        Command::Serve(args) => run_server(&store, &args).await,
        // Opening the store has migrated it.
        Command::Migrate => print(format_args!("The database is up to date.")),
        Command::Seed(Seed::Demo) => seed_demo(&store).await,
        Command::User(User::Add { email, name, role }) => {
            let password = read_password()?;
            store.add_user(&administrator(&store)?, &email, &name, role, &password).await?;
            print(format_args!("{name} can sign in as {email} ({role})."))
        }
        Command::Token(command) => run_token(&store, command).await,
        Command::Retention(Retention { environment, days, feedback }) => {
            let kept = if feedback { Kept::Feedback } else { Kept::Exposures };
            store.set_retention(&administrator(&store)?, kept, &environment, days).await?;
            let (what, are) = if feedback { ("Feedback", "is") } else { ("Exposures", "are") };
            print(format_args!("{what} in {environment} {are} kept for {days} days."))
        }
        // They have ended above, without a database.
        Command::Demo(_) | Command::Audit(Audit::Keygen { .. }) => Ok(()),
        Command::Audit(Audit::Verify { mut expected, checkpoints, public_key }) => {
            if let (Some(file), Some(key)) = (checkpoints, public_key) {
                expected.extend(read_checkpoints(&file, &key)?);
            }
            verify_audit(&store, &expected).await
        }
    };
    store.close().await;
    done
}

fn start_log(cli: &Cli) -> Result<(), CommandError> {
    let serves = matches!(cli.command, Command::Serve(_) | Command::Demo(_));
    // The other commands answer on standard output; that the store opened is no news there.
    let filter = if serves || cli.log != "info" { &cli.log } else { "warn" };
    let filter = tracing_subscriber::EnvFilter::builder()
        .parse(filter)
        .map_err(|error| CommandError::LogFilter(error.to_string()))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match cli.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}

fn administrator(store: &Store) -> Result<RecentAdministrator, StoreError> {
    Ok(Principal::command_line().recent_administrator(store.clock().now_ms())?)
}

async fn run_server(store: &Store, args: &Serve) -> Result<(), CommandError> {
    let listening = TcpListener::bind(args.addr).await;
    let listener = listening.map_err(|error| CommandError::Listen { address: args.addr, error })?;
    let config =
        with_files(Config { listens_on: listener.local_addr()?, ..args.config().map_err(StartError::from)? });
    let local = format!("http://{}", config.listens_on);
    let url = config.origin();
    if config.links_lead_nowhere() {
        tracing::warn!(
            "links in invitations begin with {url}: say with --public-url how browsers reach this server"
        );
    }
    let server = Server::start(store.clone(), config).await?;
    let stop = stop_signal()?;
    print(format_args!("Fader listens on {local}"))?;
    if !store.is_away()
        && let Some(code) = store.issue_setup_code().await?
    {
        print(format_args!("Nobody can sign in yet. Open {url}/setup and use this code once: {code}"))?;
    }
    serve(listener, &server, app(&server), stop).await;
    Ok(())
}

/// As many connections as there are files for, said in the log.
fn with_files(config: Config) -> Config {
    let files = connections::files::raise(config.connections_max + FILES_RESERVED);
    let config = config.within(files);
    let (connections, streams) = (config.connections_max, config.streams_max);
    let per_address = config.connections_per_address_max();
    tracing::info!(files, connections, per_address, streams, "so much may be open at once");
    config
}

/// Resolves at SIGTERM or SIGINT.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
    })
}

async fn run_demo(args: &Demo) -> Result<(), CommandError> {
    let now_ms = Clock::System.now_ms();
    let today = jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default();
    let simulation = Simulation {
        booking_url: args.booking_url.clone(),
        partner_key: args.partner_key.clone(),
        per_second: args.per_second,
        day: Duration::from_secs(u64::from(args.day_minutes.get()) * 60),
        today: today.to_zoned(jiff::tz::TimeZone::UTC).date(),
    };
    print(format_args!("Simulated customers go to {}", simulation.booking_url))?;
    Ok(demo::run(simulation, stop_signal()?).await?)
}

async fn seed_demo(store: &Store) -> Result<(), CommandError> {
    let demo = store.seed_demo(&administrator(store)?).await?;
    let what = if demo.created { "The demo is ready." } else { "The demo is there already." };
    print(format_args!("{what} Sign in with the password {:?} as:", demo.password))?;
    for account in demo.accounts {
        print(format_args!("  {:<24} {} ({})", account.email, account.name, account.role))?;
    }
    Ok(())
}

async fn run_token(store: &Store, command: Token) -> Result<(), CommandError> {
    let administrator = administrator(store)?;
    match command {
        Token::Create { kind, role, environment, name, writes_traits, owner, lifetime, origins } => {
            let kind = kind.with(role).ok_or(CommandError::TokenRole)?;
            let scope = environment.map_or(TokenScope::Workspace, TokenScope::Environment);
            let new = NewToken { name, kind, scope, origins, writes_traits, lifetime, owner };
            let token = store.create_token(&administrator, new).await?;
            print(format_args!("{token}"))
        }
        Token::List => list_tokens(store, &administrator).await,
        Token::Rotate { id, overlap_hours, lifetime } => {
            let rotation = Rotation { overlap_hours, lifetime };
            let token = store.rotate_token(&administrator, id, rotation).await?;
            print(format_args!("{token}"))
        }
        Token::Revoke { id } => {
            store.revoke_token(&administrator, id).await?;
            print(format_args!("Token {id} is refused from now on."))
        }
    }
}

async fn list_tokens(store: &Store, administrator: &RecentAdministrator) -> Result<(), CommandError> {
    let now_ms = store.clock().now_ms();
    for token in store.list_tokens(administrator).await? {
        let state = match token.state(now_ms) {
            TokenState::Active => {
                let until = |at_ms| format!("works until {}", engine::instant_phrase(at_ms));
                token.expires_ms.map_or_else(|| "works without an end".to_owned(), until)
            }
            TokenState::ExpiresSoon { at_ms } => format!("expires soon: {}", engine::instant_phrase(at_ms)),
            TokenState::Expired { at_ms } => format!("expired {}", engine::instant_phrase(at_ms)),
            TokenState::OwnerDisabled => "refused: its owner is disabled".to_owned(),
            TokenState::Revoked { at_ms } => format!("revoked {}", engine::instant_phrase(at_ms)),
        };
        let kind = token
            .kind
            .role()
            .map_or_else(|| token.kind.as_str().to_owned(), |role| format!("admin ({role})"));
        let traits = if token.writes_traits { ", stores people" } else { "" };
        let owner = token.owner.as_ref().map_or("nobody", |owner| owner.email.as_str());
        let used = token.last_used_ms.map_or_else(|| "never".to_owned(), engine::instant_phrase);
        let TokenRow { id, name, hint, scope, .. } = &token;
        print(format_args!(
            "{id:>4}  …{hint}  {kind} for {scope}{traits}; owner {owner}; last used {used}; {state}; {name}"
        ))?;
    }
    Ok(())
}

async fn verify_audit(store: &Store, anchors: &[AuditHead]) -> Result<(), CommandError> {
    let report = store.audit_report(anchors).await?;
    match report.verdict {
        AuditVerdict::Intact { entries } => {
            print(format_args!("The audit log is intact: {entries} entries."))?;
            print(format_args!("Head: {}", report.head))?;
            if !anchors.is_empty() {
                print(format_args!("Noted heads that are there: {}.", anchors.len()))?;
            }
            match report.keyed_from {
                Some(1) => Ok(()),
                Some(from) => {
                    print(format_args!("Entries before {from} are not keyed: an older release wrote them."))
                }
                None if entries > 0 => print(format_args!(
                    "No entry is keyed: an older release wrote them, and the next change begins to key them."
                )),
                None => Ok(()),
            }
        }
        AuditVerdict::Broken { seq, why } => Err(CommandError::Audit { seq, why }),
        AuditVerdict::Differs { row } => Err(CommandError::Differs { row }),
    }
}

fn read_audit_secret(file: &Path) -> Result<AuditSecret, CommandError> {
    let text = fs::read_to_string(file);
    let text = text.map_err(|error| CommandError::AuditSecret { file: file.to_owned(), error })?;
    AuditSecret::parse(&text).map_err(|invalid| CommandError::Store(invalid.into()))
}

/// The first line; its end belongs to the terminal or to `echo`, not to the password.
fn read_password() -> Result<String, CommandError> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let password = line.strip_suffix('\n').unwrap_or(&line);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() { Err(CommandError::NoPassword) } else { Ok(password.to_owned()) }
}

fn print(line: fmt::Arguments<'_>) -> Result<(), CommandError> {
    Ok(writeln!(io::stdout(), "{line}")?)
}

/// To standard error, where nobody may be listening.
fn say(line: fmt::Arguments<'_>) {
    drop(writeln!(io::stderr(), "{line}"));
}
