//! The command line: reads options, sets up logs and the runtime, starts the server, listens for signals.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use metrics_exporter_prometheus::PrometheusHandle;
use triproom::command::key::{self, KeyCommand};
use triproom::command::load::{self, LoadCommand};
use triproom::command::migrate::{self, MigrateCommand};
use triproom::command::room::{self, RoomCommand};
use triproom::command::token::{self, TokenCommand};
use triproom::config::Config;
use triproom::load::scenario_file;
use triproom::server::{ServeError, Server, listen};
use triproom::telemetry;

/// The C library's allocator keeps what a peak took for as long as the process lives: of a gigabyte that was needed once,
/// a gigabyte stays.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The stack of every thread: the CRDT library recurses over nested types.
const STACK: usize = 32 << 20;

/// Real-time collaboration server for trip rooms
#[derive(Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    config: Config,
}

#[derive(Subcommand)]
enum Command {
    /// Serve rooms (what happens without a command, too)
    Serve(Box<Config>),
    /// Make, list and revoke agents' API keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// List, show, export, import, fold, delete and copy rooms in a store
    #[command(subcommand)]
    Room(Box<RoomCommand>),
    /// Bring the tables of a store up to date; `serve` does so by itself unless told not to
    Migrate(MigrateCommand),
    /// Put a server under load and measure it
    #[command(subcommand)]
    Load(Box<LoadCommand>),
    /// Sign a token for development, or a room ticket
    Token(Box<TokenCommand>),
}

fn main() -> ExitCode {
    let line = match scenario_file::expand(std::env::args_os()) {
        Ok(line) => line,
        Err(error) => return failed(&error),
    };
    let arguments = match Arguments::try_parse_from(&line.words) {
        Ok(arguments) => arguments,
        Err(answer) => {
            if let Some(place) = line.place(&answer) {
                let _ = writeln!(io::stderr(), "triproom: {place}:");
            }
            let _ = answer.print();
            // Never clap's own 2: of a load run it says that something was lost.
            return ExitCode::from(u8::from(answer.use_stderr()));
        }
    };
    let done = match arguments.command {
        None => on_large_stack(|| serve(arguments.config)),
        Some(Command::Serve(config)) => on_large_stack(|| serve(*config)),
        Some(Command::Key(command)) => {
            run(key::run(command, &mut io::stdout(), &mut io::stderr())).map_err(|error| error.to_string())
        }
        Some(Command::Room(command)) => on_large_stack(|| {
            let (input, out, notes) = (&mut io::stdin(), &mut io::stdout(), &mut io::stderr());
            run(room::run(*command, input, out, notes)).map_err(|error| error.to_string())
        }),
        Some(Command::Migrate(command)) => {
            run(migrate::run(command, &mut io::stdout(), &mut io::stderr())).map_err(|error| error.to_string())
        }
        Some(Command::Load(command)) => match load::run(*command, &mut io::stdout(), &mut io::stderr()) {
            Ok(code) => return ExitCode::from(code),
            Err(error) => Err(error.to_string()),
        },
        Some(Command::Token(command)) => {
            run(token::run(*command, &mut io::stdout())).map_err(|error| error.to_string())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn failed(error: &dyn std::fmt::Display) -> ExitCode {
    let _ = writeln!(io::stderr(), "triproom: {error}");
    ExitCode::FAILURE
}

/// The main thread's stack is not ours to choose.
fn on_large_stack(serve: impl FnOnce() -> Result<(), String> + Send + 'static) -> Result<(), String> {
    let served = std::thread::Builder::new().name("main".to_owned()).stack_size(STACK).spawn(serve);
    let served = served.map_err(|error| error.to_string())?;
    served.join().unwrap_or_else(|_| Err("it panicked".to_owned()))
}

/// Runs a command that is done soon.
fn run<T, E: From<io::Error>>(command: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().thread_stack_size(STACK).build()?.block_on(command)
}

fn serve(config: Config) -> Result<(), String> {
    telemetry::install_logs(config.log_format, &config.log).map_err(|error| format!("--log: {error}"))?;
    let metrics = telemetry::install_metrics().map_err(|error| error.to_string())?;
    let config = within_open_files(config);
    let mut builder = match threads(config.threads) {
        1 => tokio::runtime::Builder::new_current_thread(),
        several => {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(several);
            builder
        }
    };
    let runtime = builder.enable_all().thread_stack_size(STACK).build().map_err(|error| error.to_string())?;
    let served = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            tokio::spawn(keep_up(metrics.clone()));
            // Before anybody knows that there is something to stop: until then a signal ends the process on the spot.
            let stop = stop_signal().expect("SIGTERM and Ctrl-C can be listened for");
            let server =
                Server::open(listen(SocketAddr::new(config.host, config.port))?, config, Some(metrics)).await?;
            announce(server.address()?);
            server.run(stop).await
        })
    }));
    // Whatever still runs is of no use any more; a disk that hangs, or heavy work, must not keep the process.
    runtime.shutdown_background();
    match served {
        Ok(ended) => ended.map_err(|error: ServeError| error.to_string()),
        Err(_) => Err("the server panicked".to_owned()),
    }
}

/// How many threads serve: as many as were asked for, or one for each core that the process may use.
fn threads(wanted: usize) -> usize {
    if wanted > 0 { wanted } else { std::thread::available_parallelism().map_or(1, std::num::NonZero::get) }
}

/// What histograms record is kept apart until it is read or summed up; nobody may ever read it.
async fn keep_up(metrics: PrometheusHandle) {
    let mut interval = tokio::time::interval(Duration::from_secs(5));
    loop {
        interval.tick().await;
        metrics.run_upkeep();
    }
}

/// Each socket is an open file, and the usual soft limit of 1,024 would be the first limit to bite: raises it as far
/// as the system allows, and lets no more connections in than fit below it.
fn within_open_files(mut config: Config) -> Config {
    if let Ok(files) = rlimit::increase_nofile_limit(u64::MAX) {
        let files = usize::try_from(files).unwrap_or(usize::MAX);
        // Plain HTTP, the store and the listener need some, too.
        let most = files.saturating_sub(config.http.max_http_connections.saturating_add(100)).max(files / 2);
        if most < config.max_connections {
            tracing::debug!(files, "the limit on open files is below --max-connections");
            config.max_connections = most;
        }
    }
    config
}

/// The one line on standard output: scripts wait for it, people click on it.
fn announce(address: SocketAddr) {
    let mut out = std::io::stdout().lock();
    // Whoever started the server without a standard output does not want to read this.
    let _ = writeln!(out, "triproom is ready: http://{address}");
    let _ = out.flush();
}

/// Done at the first SIGTERM or Ctrl-C from now on.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
