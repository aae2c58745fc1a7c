//! The program `spm-host`, as users and pools start it.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// A running `spm-host`; it is killed if a test fails.
struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    address: String,
    stdout: BufReader<std::process::ChildStdout>,
}

impl Running {
    fn start(state_dir: &Path, arguments: &[&str]) -> Self {
        let mut child = command("run", state_dir)
            .args(["--slots", "1", "--memory-mib", "256", "--exit-with-stdin"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address =
            line.strip_prefix("ready ").unwrap_or_else(|| panic!("{line:?}")).trim().to_owned();
        Self { child, stdin, address, stdout }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end; returns whether it was a success, and its log.
    fn end(mut self) -> (bool, String) {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "", "standard output is for the one line");
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().success(), log)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(name: &str, state_dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spm-host"));
    command.arg(name).arg("--state-dir").arg(state_dir);
    command
}

fn output(name: &str, state_dir: &Path) -> Output {
    command(name, state_dir).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn it_says_where_it_listens_and_stops_on_a_signal() {
    let dir = tempfile::tempdir().unwrap();
    for signal in [Signal::TERM, Signal::INT] {
        let host = Running::start(dir.path(), &[]);
        assert!(host.address.starts_with("/ip4/127.0.0.1/tcp/"), "{}", host.address);
        host.signal(signal);
        let (is_success, log) = host.end();
        assert!(is_success, "{log}");
        assert!(log.contains("nobody may run anything here"), "{log}");
    }
    let names: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(!names.contains(&"status.sock".to_owned()), "{names:?}");
}

#[test]
fn it_ends_with_whoever_started_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut host = Running::start(dir.path(), &[]);
    host.stdin = None;
    assert!(host.end().0);
}

#[test]
fn its_id_is_the_peer_in_its_address_and_stays() {
    let dir = tempfile::tempdir().unwrap();
    let id = text(&output("id", dir.path()).stdout).trim().to_owned();
    let host = Running::start(dir.path(), &["--allow", &id]);
    assert!(host.address.ends_with(&format!("/p2p/{id}")), "{}", host.address);
    host.signal(Signal::TERM);
    let (_, log) = host.end();
    assert!(!log.contains("nobody may run anything here"), "{log}");
}

#[test]
fn status_tells_how_it_is_or_that_it_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let absent = output("status", dir.path());
    assert!(!absent.status.success());
    assert!(text(&absent.stderr).contains("no spm-host is running"), "{absent:?}");
    let host = Running::start(dir.path(), &["--name", "mine"]);
    let status = output("status", dir.path());
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["name"], "mine");
    assert_eq!(status["slots"], 1);
    assert_eq!(status["listen"][0], host.address.as_str());
    // Killed, it leaves its socket behind, and that must not look like a host.
    host.signal(Signal::KILL);
    assert!(!host.end().0);
    assert!(text(&output("status", dir.path()).stderr).contains("no spm-host is running"));
    let again = Running::start(dir.path(), &[]);
    assert!(output("status", dir.path()).status.success());
    again.signal(Signal::TERM);
    assert!(again.end().0);
}

#[test]
fn a_state_folder_is_one_hosts() {
    let dir = tempfile::tempdir().unwrap();
    let host = Running::start(dir.path(), &[]);
    let second = output("run", dir.path());
    assert!(!second.status.success());
    assert!(text(&second.stderr).contains("another spm-host runs"), "{second:?}");
    host.signal(Signal::TERM);
    assert!(host.end().0);
}

#[test]
fn wrong_arguments_are_explained() {
    let dir = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        (&["--slots", "0"][..], "a host has from 1 to"),
        (&["--label", "nonsense"], "label `nonsense` is not of the form `key=value`"),
        (&["--allow", "me"], "--allow"),
        (&["--listen", "/ip4/300.0.0.1"], "--listen"),
    ] {
        let output = command("run", dir.path()).args(arguments).output().unwrap();
        assert!(!output.status.success());
        assert!(text(&output.stderr).contains(expected), "{output:?}");
    }
}

#[test]
fn logs_are_json_when_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let host = Running::start(dir.path(), &["--json-logs"]);
    host.signal(Signal::TERM);
    let (_, log) = host.end();
    for line in log.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(entry["level"].is_string(), "{line}");
    }
    assert!(log.contains("\"stopping\""), "{log}");
}

#[test]
fn help_fits_a_terminal_of_80_columns() {
    for arguments in [&["--help"][..], &["run", "--help"], &["id", "--help"], &["status", "--help"]]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_spm-host")).args(arguments).output().unwrap();
        let help = text(&output.stdout);
        assert!(help.contains("Usage: spm-host"), "{help}");
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}

/// A component without any function of its own but those of the world.
fn runtime() -> Vec<u8> {
    wat::parse_str(
        r#"(component
          (core module $m
            (memory (export "memory") 1)
            (data (i32.const 16) "set up")
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
            (func (export "call") (param i32 i32) (result i32) (i32.const 0)))
          (core instance $i (instantiate $m))
          (func (export "define") (param "payload" (list u8)) (result (result (error (list u8))))
            (canon lift (core func $i "call") (memory $i "memory") (realloc (func $i "realloc"))))
          (func (export "call") (param "arguments" (list u8)) (result (result (list u8) (error (list u8))))
            (canon lift (core func $i "call") (memory $i "memory") (realloc (func $i "realloc")))))"#,
    )
    .unwrap()
}

/// The status of a host once it has looked at all its runtimes.
fn runtimes(state_dir: &Path) -> serde_json::Value {
    loop {
        let status = output("status", state_dir);
        let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
        let runtimes = status["runtimes"].as_object().unwrap();
        if runtimes.len() == 2 && runtimes.values().all(|runtime| runtime["state"] != "compiling") {
            return status["runtimes"].clone();
        }
        std::thread::yield_now();
    }
}

#[test]
fn runtimes_are_compiled_once_for_all_hosts_that_share_a_cache() {
    let dir = tempfile::tempdir().unwrap();
    let folder = |name: &str| {
        let folder = dir.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        folder
    };
    let (engines, cache) = (folder("engines"), folder("cache"));
    std::fs::write(engines.join("python.wasm"), runtime()).unwrap();
    std::fs::write(engines.join("broken.wasm"), b"no component").unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let arguments = ["--engines", &text(&engines), "--cache-dir", &text(&cache)];
    let states = [folder("first"), folder("second")];
    let hosts = states.each_ref().map(|state| Running::start(state, &arguments));
    let mut compiled = 0;
    for (host, state) in hosts.into_iter().zip(&states) {
        let runtimes = runtimes(state);
        assert_eq!(runtimes["python"]["state"], "ready", "{runtimes}");
        assert!(runtimes["python"]["id"].as_str().unwrap().starts_with('b'), "{runtimes}");
        assert_eq!(runtimes["broken"]["state"], "failed", "{runtimes}");
        host.signal(Signal::TERM);
        let (is_success, log) = host.end();
        assert!(is_success && log.contains("runtime ready"), "{log}");
        compiled += log.matches("compiled a runtime").count();
    }
    assert_eq!(compiled, 1);
}

#[test]
fn a_grant_that_is_none_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let refused = command("run", dir.path()).args(["--grant", "network"]).output().unwrap();
    assert!(!refused.status.success());
    assert!(text(&refused.stderr).contains("`network` is no capability"), "{refused:?}");
}
