//! Files of the corpus `tests/hostile`: a guest each, and in the comment at its start what it tries and how that ends.
//!
//! A line `;; key: value` there is for this program, every other comment for people:
//!
//! | key | value |
//! | --- | --- |
//! | `outcome` | how its task ends, as [`Actual`] has it: `trapped stack-exhausted`, `deadline`; or `refused` and a part of the reason |
//! | `value` | what the submitter's codec says to what it returned: `fine`, or a part of the error |
//! | `record` | what reading the exception that it raised says: `fine`, or a part of the error |
//! | `memory-mib`, `deadline-ms`, `fuel` | limits of its closure |
//! | `payload`, `arguments` | text that `define` and `call` are given |
//! | `engine` | the engine it claims to be of; `guest` if it says none |
//! | `manager` | which manager its task is of: `farm`, `template`, `team` |
//! | `hub` | `silent` if the hub answers nothing; `cancels` if it cancels the task, once that has printed something |
//! | `tasks` | how many tasks at the same time |
//! | `patience-s` | how many seconds its host compiles at most; there, it compiles in another process |
//!
//! A file is a module, which becomes a component as those of any language do; a whole component; or, as `.hex`, bytes.
//! In a text, `{world}` stands for a harmless `define` and `cabi_realloc`; `{return}` for a function `$return` that makes a
//! result of a pointer and a length; `{lifts}` for what a component exports of its core instance `$i`; and `{{100| text}}`
//! for a hundred times the text, with `{i}` and `{i+1}` for its number.

use std::path::Path;

use spm_protocol::Engine;

/// The harmless half of the world.
const WORLD: &str = r#"
  (func (export "define") (param i32 i32) (result i32) (i32.const 0))
  (global $next (mut i32) (i32.const 4096))
  (func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.get $next)
    (global.set $next (i32.and (i32.add (i32.add (global.get $next) (local.get 3)) (i32.const 7)) (i32.const -8))))
"#;

const RETURN: &str = r"
  (func $return (param i32 i32) (result i32)
    (i32.store (i32.const 0) (i32.const 0))
    (i32.store (i32.const 4) (local.get 0))
    (i32.store (i32.const 8) (local.get 1))
    (i32.const 0))
";

/// The world's exports of a component, by those of its core instance `$i`.
const LIFTS: &str = r#"
  (func (export "define") (param "payload" (list u8)) (result (result (error (list u8))))
    (canon lift (core func $i "define") (memory $i "memory") (realloc (func $i "cabi_realloc"))))
  (func (export "call") (param "arguments" (list u8)) (result (result (list u8) (error (list u8))))
    (canon lift (core func $i "call") (memory $i "memory") (realloc (func $i "cabi_realloc"))))
"#;

/// What the hub does for a guest that wants something of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HubManner {
    Answers,
    Silent,
    Cancels,
}

/// One guest, and what is to become of it.
#[derive(Debug, Clone)]
pub struct CorpusFile {
    pub name: String,
    pub component: Vec<u8>,
    pub outcome: String,
    pub value: Option<String>,
    pub record: Option<String>,
    pub memory_mib: u64,
    pub deadline_ms: Option<u64>,
    pub fuel: Option<u64>,
    pub payload: Option<Vec<u8>>,
    pub arguments: Vec<u8>,
    pub engine: Engine,
    pub manager: Option<String>,
    pub hub: HubManner,
    pub tasks: usize,
    pub patience_s: Option<u64>,
}

/// Every file of the corpus, by name. A file that is none is an error, so none can be left out.
pub fn corpus() -> Vec<CorpusFile> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/hostile");
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .expect("the corpus is there")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths.iter().map(|path| CorpusFile::read(path)).collect()
}

impl CorpusFile {
    fn read(path: &Path) -> Self {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).expect("a text");
        let component = match name.rsplit_once('.') {
            Some((_, "wat")) => component_of(&name, &text),
            Some((_, "hex")) => bytes_of(&text),
            _ => panic!("{name}: neither `.wat` nor `.hex`"),
        };
        let mut file = Self {
            name,
            component,
            outcome: String::new(),
            value: None,
            record: None,
            memory_mib: 64,
            deadline_ms: None,
            fuel: None,
            payload: None,
            arguments: b"arguments".to_vec(),
            engine: Engine::Guest,
            manager: None,
            hub: HubManner::Answers,
            tasks: 1,
            patience_s: None,
        };
        let header = text.lines().map_while(|line| line.strip_prefix(";; "));
        let said = header.clone().next().unwrap_or_default();
        assert!(said.ends_with('.') || said.len() > 80, "{}: says not what it tries", file.name);
        for (key, value) in header.filter_map(|line| line.split_once(": ")) {
            file.set(key, value);
        }
        assert!(!file.outcome.is_empty(), "{}: has no `outcome`", file.name);
        file
    }

    fn set(&mut self, key: &str, value: &str) {
        let number = || value.parse().unwrap_or_else(|_| panic!("{}: `{key}`", self.name));
        match key {
            "outcome" => value.clone_into(&mut self.outcome),
            "value" => self.value = Some(value.to_owned()),
            "record" => self.record = Some(value.to_owned()),
            "memory-mib" => self.memory_mib = number(),
            "deadline-ms" => self.deadline_ms = Some(number()),
            "fuel" => self.fuel = Some(number()),
            "payload" => self.payload = Some(value.as_bytes().to_vec()),
            "arguments" => self.arguments = value.as_bytes().to_vec(),
            "engine" if value == "python" => self.engine = Engine::Python,
            "manager" => self.manager = Some(value.to_owned()),
            "hub" if value == "silent" => self.hub = HubManner::Silent,
            "hub" if value == "cancels" => self.hub = HubManner::Cancels,
            "tasks" => self.tasks = number() as usize,
            "patience-s" => self.patience_s = Some(number()),
            // A sentence with a colon in it begins with a capital letter, or has a space before that.
            _ if key.contains(' ') || key.starts_with(char::is_uppercase) => {}
            _ => panic!("{}: `{key}: {value}` means nothing", self.name),
        }
    }
}

pub fn component_of(name: &str, text: &str) -> Vec<u8> {
    let text = text.replace("{world}", WORLD).replace("{return}", RETURN).replace("{lifts}", LIFTS);
    let text = repeated(&text);
    let binary = wat::parse_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    if wasmparser::Parser::is_component(&binary) {
        return binary;
    }
    spm_compiler::guest_component(&binary).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The text with each `{{count| text}}` written out.
fn repeated(text: &str) -> String {
    let Some((before, rest)) = text.split_once("{{") else { return text.to_owned() };
    let (count, rest) = rest.split_once('|').expect("a count");
    let (unit, after) = rest.split_once("}}").expect("an end");
    let count: usize = count.parse().expect("a number");
    let mut out = before.to_owned();
    for number in 0..count {
        if unit.contains('{') {
            let numbered = unit.replace("{i}", &number.to_string());
            out.push_str(&numbered.replace("{i+1}", &(number + 1).to_string()));
        } else {
            out.push_str(unit);
        }
    }
    out.push_str(&repeated(after));
    out
}

fn bytes_of(text: &str) -> Vec<u8> {
    let lines = text.lines().filter(|line| !line.starts_with(";;"));
    let digits: Vec<u8> = lines.flat_map(str::bytes).filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks(2).map(|pair| byte(pair).expect("two digits")).collect()
}
