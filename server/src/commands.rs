//! What the commands do. Results go to standard output, everything else to standard error.

use std::{
    fmt,
    io::{self, BufRead as _, Write as _},
    process::ExitCode,
    time::Duration,
};

use store::{Administrator, AuditVerdict, Clock, Denied, NewToken, Principal, Store, StoreError};
use tokio::net::TcpListener;

use crate::{
    Server, StartError, app,
    cli::{Audit, Cli, Command, Demo, LogFormat, Retention, Seed, Serve, Token, User},
    demo::{self, DemoError, Simulation},
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
    Audit { seq: u64, why: String },
    #[error(transparent)]
    Demo(#[from] DemoError),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the log filter cannot be read: {0}; try FADER_LOG=info")]
    LogFilter(String),
}

impl From<Denied> for CommandError {
    fn from(denied: Denied) -> Self {
        Self::Store(denied.into())
    }
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
    let clock = match cli.clock_ahead_s {
        0 => Clock::System,
        ahead_s => Clock::Ahead(i64::from(ahead_s) * 1000),
    };
    let clock = match cli.clock_wrong_s {
        0 => clock,
        by_s => clock.wrong_by(i64::from(by_s) * 1000),
    };
    let file = match &cli.command {
        Command::Serve(args) => args.stand_in_file(&cli.database_url),
        _ => None,
    };
    let store = match &file {
        Some(file) => Store::open_or_stand_in(&cli.database_url, clock, file).await,
        None => Store::open(&cli.database_url, clock).await,
    };
    let store = store.map_err(CommandError::Open)?;
    let done = match cli.command {
        Command::Serve(args) => run_server(&store, &args).await,
        // Opening the store has migrated it.
        Command::Migrate => print(format_args!("The database is up to date.")),
        Command::Seed(Seed::Demo) => seed_demo(&store).await,
        Command::User(User::Add { email, name, role }) => {
            let password = read_password()?;
            store.add_user(&administrator()?, &email, &name, role, &password).await?;
            print(format_args!("{name} can sign in as {email} ({role})."))
        }
        Command::Token(Token::Create { kind, role, environment, name, origins }) => {
            let kind = kind.with(role).ok_or(CommandError::TokenRole)?;
            let new = NewToken { name, kind, environment, origins };
            let token = store.create_token(&administrator()?, new).await?;
            print(format_args!("{token}"))
        }
        Command::Retention(Retention { environment, days }) => {
            store.set_retention(&administrator()?, &environment, days).await?;
            print(format_args!("Exposures in {environment} are kept for {days} days."))
        }
        // It has ended above, without a database.
        Command::Demo(_) => Ok(()),
        Command::Audit(Audit::Verify) => verify_audit(&store).await,
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

fn administrator() -> Result<Administrator, Denied> {
    Principal::command_line().administrator()
}

async fn run_server(store: &Store, args: &Serve) -> Result<(), CommandError> {
    let listening = TcpListener::bind(args.addr).await;
    let listener = listening.map_err(|error| CommandError::Listen { address: args.addr, error })?;
    let config = args.config();
    let local = format!("http://{}", listener.local_addr()?);
    let url = config.public_url.as_ref().map_or(local.clone(), |url| url.origin().to_owned());
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
    let demo = store.seed_demo(&administrator()?).await?;
    let what = if demo.created { "The demo is ready." } else { "The demo is there already." };
    print(format_args!("{what} Sign in with the password {:?} as:", demo.password))?;
    for account in demo.accounts {
        print(format_args!("  {:<24} {} ({})", account.email, account.name, account.role))?;
    }
    Ok(())
}

async fn verify_audit(store: &Store) -> Result<(), CommandError> {
    match store.verify_audit().await? {
        AuditVerdict::Intact { entries } => {
            print(format_args!("The audit log is intact: {entries} entries."))
        }
        AuditVerdict::Broken { seq, why } => Err(CommandError::Audit { seq, why: why.to_string() }),
    }
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
