//! `spm-host`: lends this machine to the submitters it is told to allow.

mod daemon;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use daemon::{RunArgs, StateArgs};

/// Lends this machine to the submitters it is told to allow,
/// and runs their closures in sandboxes
#[derive(Debug, Parser)]
#[command(name = "spm-host", version, verbatim_doc_comment)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a host until it is told to stop (SIGTERM, SIGINT).
    Run(Box<RunArgs>),
    /// Prints this host's peer id, which others allow or trust.
    Id(StateArgs),
    /// Prints how the host that runs here is doing, as JSON.
    Status(StateArgs),
    /// Compiles a component; started by `run`.
    #[command(hide = true)]
    CompileChild,
}

fn main() -> ExitCode {
    let result = match Args::parse().command {
        Command::CompileChild => return spm_host::compile_child::run_child(),
        Command::Run(args) => daemon::run(*args),
        Command::Id(args) => daemon::id(&args),
        Command::Status(args) => daemon::status(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("spm-host: {}", error.text());
            ExitCode::FAILURE
        }
    }
}
