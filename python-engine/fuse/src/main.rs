//! `spm-fuse INPUT OUTPUT`: fuses a component's modules.

use std::error::Error;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [input, output] = arguments.as_slice() else {
        eprintln!("usage: spm-fuse INPUT OUTPUT");
        return ExitCode::FAILURE;
    };
    let run = || -> Result<(), Box<dyn Error>> {
        let component = std::fs::read(input)?;
        std::fs::write(output, spm_fuse::fuse(&component)?)?;
        Ok(())
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", input.display());
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}
