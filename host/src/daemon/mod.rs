//! The commands of `spm-host`.

mod machine;
mod run;
mod status;

use std::path::PathBuf;

use clap::Args;
use spm_netmesh::{Identity, IdentityError};

pub(crate) use run::{RunArgs, run};
pub(crate) use status::status;

/// Where a host keeps its key and its compiled components.
#[derive(Debug, Args)]
#[command(next_line_help = true)]
pub(crate) struct StateArgs {
    /// Folder for the host's key and its compiled components
    /// [default: `$XDG_STATE_HOME/spm` or `~/.local/state/spm`]
    /// [env: `SPM_STATE_DIR`]
    #[arg(long, value_name = "DIR", env = "SPM_STATE_DIR", hide_env = true, verbatim_doc_comment)]
    state_dir: Option<PathBuf>,
}

impl StateArgs {
    fn folder(&self) -> Result<PathBuf, DaemonError> {
        let named = |name: &str| {
            std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
        };
        self.state_dir
            .clone()
            .or_else(|| Some(named("XDG_STATE_HOME")?.join("spm")))
            .or_else(|| Some(named("HOME")?.join(".local/state/spm")))
            .ok_or(DaemonError::NoStateDir)
    }
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DaemonError {
    #[error("no place for the host's key: set --state-dir")]
    NoStateDir,
    #[error("another spm-host runs with the state folder `{}`", path.display())]
    Running { path: PathBuf },
    #[error("no spm-host is running with the state folder `{}`", path.display())]
    NotRunning { path: PathBuf },
    #[error("cannot use the state folder `{}`", path.display())]
    StateDir { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error("cannot start the mesh")]
    Mesh(#[from] spm_netmesh::StartError),
    #[error("cannot start the host")]
    Host(#[from] spm_host::HostError),
    #[error("cannot start")]
    Start(#[source] std::io::Error),
    #[error("label `{text}` is not of the form `key=value`")]
    Label { text: String },
    #[error("`--grant fs:ro:{folder}`: this version cannot grant folders")]
    Folder { folder: String },
    #[error("the host does not answer")]
    Status(#[source] std::io::Error),
}

impl DaemonError {
    /// The error and its causes in one line.
    pub(crate) fn text(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        text
    }
}

/// Prints the host's peer id.
pub(crate) fn id(args: &StateArgs) -> Result<(), DaemonError> {
    println!("{}", Identity::load_or_create(&args.folder()?)?.owner_id());
    Ok(())
}
