//! What the commands do. Results go to standard output, everything else to standard error.

mod audit;
mod backup;
pub mod cli;
mod demo;
mod error;
mod token;
mod told;

use std::{
    io::{self, BufRead as _},
    process::ExitCode,
    time::Duration,
};

use store::{Clock, Kept, Opening, Store};
use tokio::net::TcpListener;

use self::{
    cli::{Audit, Cli, Command, Demo, LogFormat, Retention, Seed, Serve, User},
    demo::Simulation,
    error::CommandError,
    told::{administrator, print, say},
};
use crate::{
    Config, Server,
    anchor::{AuditKey, read_checkpoints},
    app,
    edge::connections,
    limits::FILES_RESERVED,
    serve::serve,
};

/// Runs a command; failures are told on standard error and in the exit code.
pub async fn run(cli: Cli) -> ExitCode {
    match Box::pin(execute(cli)).await {
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
    let audit_secret = cli.audit_secret_file.as_deref().map(audit::read_secret).transpose()?;
    match &cli.command {
        Command::Backup { file, force } => {
            return backup::back_up(&cli.database_url, audit_secret, file, *force).await;
        }
        Command::Restore { file } => {
            return backup::restore(&cli.database_url, audit_secret, file).await;
        }
        _ => {}
    }
    let clock = match cli.clock_ahead_s {
        0 => Clock::System,
        ahead_s => Clock::Ahead(i64::from(ahead_s) * 1000),
    };
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
        Command::Token(command) => token::run(&store, command).await,
        Command::Retention(Retention { environment, days, feedback }) => {
            let kept = if feedback { Kept::Feedback } else { Kept::Exposures };
            store.set_retention(&administrator(&store)?, kept, &environment, days).await?;
            let (what, are) = if feedback { ("Feedback", "is") } else { ("Exposures", "are") };
            print(format_args!("{what} in {environment} {are} kept for {}.", engine::counted(days, "day")))
        }
        // They have ended above, without opening the database.
        Command::Demo(_)
        | Command::Audit(Audit::Keygen { .. })
        | Command::Backup { .. }
        | Command::Restore { .. } => Ok(()),
        Command::Audit(Audit::Verify { mut expected, checkpoints, public_key }) => {
            if let (Some(file), Some(key)) = (checkpoints, public_key) {
                expected.extend(read_checkpoints(&file, &key)?);
            }
            audit::verify(&store, &expected).await
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

async fn run_server(store: &Store, args: &Serve) -> Result<(), CommandError> {
    let listening = TcpListener::bind(args.addr).await;
    let listener = listening.map_err(|error| CommandError::Listen { address: args.addr, error })?;
    let config = with_files(Config { listens_on: listener.local_addr()?, ..args.config()? });
    let local = format!("http://{}", config.listens_on);
    let url = config.site().absolute("");
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

/// The first line; its end belongs to the terminal or to `echo`, not to the password.
fn read_password() -> Result<String, CommandError> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let password = line.strip_suffix('\n').unwrap_or(&line);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() { Err(CommandError::NoPassword) } else { Ok(password.to_owned()) }
}
