//! `spm-fuse code COMPONENT CODE` writes the code of the module that a component's libraries become, and
//! `spm-fuse component COMPONENT CODE OUTPUT` the component that has such code.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let paths: Vec<_> = arguments.iter().map(Path::new).collect();
    let run = || -> Result<bool, Box<dyn Error>> {
        match paths.split_first() {
            Some((what, [component, code])) if what.as_os_str() == "code" => {
                std::fs::write(code, spm_fuse::code(&std::fs::read(component)?)?)?;
            }
            Some((what, [component, code, output])) if what.as_os_str() == "component" => {
                let fused = spm_fuse::fuse(&std::fs::read(component)?, &std::fs::read(code)?)?;
                std::fs::write(output, fused)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    };
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("usage: spm-fuse code COMPONENT CODE");
            eprintln!("       spm-fuse component COMPONENT CODE OUTPUT");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}
