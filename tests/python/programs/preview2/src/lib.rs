//! A command for WASI preview 2, which calls it by the bindings that others made. Its first argument says what it does.

use std::fmt::Debug;

use wasip2::cli::{environment, exit, stderr, stdin, stdout, terminal_stdin, terminal_stdout};
use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, ErrorCode, NewTimestamp, OpenFlags, PathFlags,
    filesystem_error_code,
};
use wasip2::io::poll::poll;
use wasip2::io::streams::{InputStream, OutputStream, StreamError};
use wasip2::random::{insecure, insecure_seed, random};
use wasip2::sockets::{
    instance_network::instance_network, ip_name_lookup, network, tcp, tcp_create_socket,
    udp_create_socket,
};

struct Program;

wasip2::cli::command::export!(Program);

impl wasip2::exports::cli::run::Guest for Program {
    fn run() -> Result<(), ()> {
        let arguments = environment::get_arguments();
        match arguments.get(1).map(String::as_str) {
            Some("told") => told(&arguments),
            Some("files") => files(),
            Some("fill") => fill(),
            Some("waits") => waits(),
            Some("chance") => chance(),
            Some("sockets") => sockets(),
            Some("exit") => exit::exit(Err(())),
            Some("fail") => return Err(()),
            Some("forge") => {
                // SAFETY: there is no such handle, which is what the host has to find.
                drop(unsafe { Descriptor::from_handle(1000) });
            }
            Some("socket") => {
                // SAFETY: as above.
                let socket = unsafe { tcp::TcpSocket::from_handle(1) };
                print(&format!("{}\n", socket.is_listening()));
            }
            _ => return Err(()),
        }
        Ok(())
    }
}

fn print(text: &str) {
    let out = stdout::get_stdout();
    for piece in text.as_bytes().chunks(4096) {
        out.blocking_write_and_flush(piece).unwrap();
    }
}

/// Ends the program if a value is not the right one, and says which.
#[track_caller]
fn same<T: Debug + PartialEq>(found: T, right: T) {
    if found != right {
        let line = std::panic::Location::caller().line();
        let text = format!("line {line}: {found:?} is not {right:?}\n");
        let _ = stderr::get_stderr().blocking_write_and_flush(text.as_bytes());
        exit::exit(Err(()));
    }
}

fn read_all(stream: &InputStream) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        match stream.blocking_read(1000) {
            Ok(bytes) => all.extend(bytes),
            Err(StreamError::Closed) => return all,
            Err(error) => panic!("{error}"),
        }
    }
}

fn told(arguments: &[String]) {
    for argument in arguments {
        print(&format!("argument {argument}\n"));
    }
    for (name, value) in environment::get_environment() {
        print(&format!("variable {name}={value}\n"));
    }
    print(&format!("in {:?}\n", environment::initial_cwd()));
    let terminal = terminal_stdout::get_terminal_stdout().is_some();
    print(&format!("terminals {} {terminal}\n", terminal_stdin::get_terminal_stdin().is_some()));
    let given = stdin::get_stdin();
    same(given.skip(2).unwrap(), 2);
    print(&String::from_utf8(read_all(&given)).unwrap().to_uppercase());
    let error = stderr::get_stderr();
    let room = error.check_write().unwrap();
    same(room >= 4096, true);
    error.write(b"no more").unwrap();
    error.write_zeroes(1).unwrap();
    error.flush().unwrap();
    error.subscribe().block();
}

const READ: DescriptorFlags = DescriptorFlags::READ;
const CREATE: OpenFlags = OpenFlags::CREATE;

fn open(folder: &Descriptor, path: &str, how: OpenFlags, flags: DescriptorFlags) -> Descriptor {
    folder.open_at(PathFlags::SYMLINK_FOLLOW, path, how, flags).unwrap()
}

fn content(folder: &Descriptor, path: &str) -> Vec<u8> {
    let stream = open(folder, path, OpenFlags::empty(), READ).read_via_stream(0).unwrap();
    read_all(&stream)
}

fn names(folder: &Descriptor) -> Vec<(DescriptorType, String)> {
    let entries = folder.read_directory().unwrap();
    let mut names = Vec::new();
    while let Some(entry) = entries.read_directory_entry().unwrap() {
        names.push((entry.type_, entry.name));
    }
    names
}

fn files() {
    let roots = get_directories();
    same(roots.len(), 1);
    let (root, name) = roots.into_iter().next().unwrap();
    same(name.as_str(), "/");
    same(root.get_type(), Ok(DescriptorType::Directory));
    let none = PathFlags::empty();
    let file = DescriptorType::RegularFile;
    same(names(&root), vec![(DescriptorType::Directory, "given".to_owned())]);
    let given = open(&root, "given", OpenFlags::DIRECTORY, READ);
    same(names(&given), vec![(file, "input.txt".to_owned())]);
    same(content(&root, "given/input.txt"), b"given\n".to_vec());

    // Two streams of one file, and what is at an offset.
    let both = READ | DescriptorFlags::WRITE;
    let made = open(&given, "made.txt", CREATE | OpenFlags::EXCLUSIVE, both);
    same(made.get_flags(), Ok(both));
    let out = made.write_via_stream(2).unwrap();
    out.blocking_write_and_flush(b"23456").unwrap();
    out.blocking_write_zeroes_and_flush(1).unwrap();
    made.append_via_stream().unwrap().blocking_write_and_flush(b"89").unwrap();
    same(made.write(b"01", 0), Ok(2));
    same(made.read(4, 6), Ok((b"6\x0089".to_vec(), true)));
    same(made.read(3, 6), Ok((b"6\x008".to_vec(), false)));
    same(made.set_size(9), Ok(()));
    same(made.read(100, 9), Ok((Vec::new(), true)));
    let copy = open(&root, "copy", CREATE, both);
    let to = copy.write_via_stream(0).unwrap();
    let from = made.read_via_stream(1).unwrap();
    same(to.splice(&from, 3).unwrap(), 3);
    same(to.blocking_splice(&from, 100).unwrap(), 5);
    same(content(&root, "copy"), b"123456\x008".to_vec());

    // What is known of it.
    let seconds = |seconds| wall_clock::Datetime { seconds, nanoseconds: 7 };
    made.set_times(NewTimestamp::Timestamp(seconds(5)), NewTimestamp::Timestamp(seconds(6)))
        .unwrap();
    root.set_times_at(none, "given/made.txt", NewTimestamp::NoChange, NewTimestamp::Now).unwrap();
    let stat = made.stat().unwrap();
    same((stat.type_, stat.size, stat.link_count), (file, 9, 1));
    let accessed = stat.data_access_timestamp.map(|it| (it.seconds, it.nanoseconds));
    same(accessed, Some((5, 7)));
    same(stat.data_modification_timestamp.is_some_and(|it| it.seconds > 6), true);
    same(root.stat_at(none, "given").unwrap().type_, DescriptorType::Directory);
    let hash = made.metadata_hash().unwrap();
    let other = root.metadata_hash_at(none, "given/made.txt").unwrap();
    same((hash.lower, hash.upper), (other.lower, other.upper));
    same(hash.lower == copy.metadata_hash().unwrap().lower, false);
    same(made.is_same_object(&open(&given, "made.txt", OpenFlags::empty(), READ)), true);
    same(made.is_same_object(&copy), false);
    same(made.sync(), Ok(()));
    same(made.sync_data(), Ok(()));

    // Folders, names, and what cannot be.
    same(root.create_directory_at("a"), Ok(()));
    same(root.create_directory_at("a/b"), Ok(()));
    same(root.create_directory_at("a"), Err(ErrorCode::Exist));
    same(root.remove_directory_at("a"), Err(ErrorCode::NotEmpty));
    same(root.rename_at("given/made.txt", &root, "a/b/result.txt"), Ok(()));
    same(root.link_at(none, "copy", &given, "linked"), Ok(()));
    same(root.unlink_file_at("copy"), Ok(()));
    same(root.unlink_file_at("copy"), Err(ErrorCode::NoEntry));
    same(root.unlink_file_at("a"), Err(ErrorCode::IsDirectory));
    same(root.symlink_at("a", "link"), Err(ErrorCode::Unsupported));
    same(root.readlink_at("a"), Err(ErrorCode::Invalid));
    same(root.create_directory_at(&"x".repeat(300)), Err(ErrorCode::NameTooLong));
    let missing = root.open_at(none, "a/c/d", OpenFlags::empty(), READ);
    same(missing.err(), Some(ErrorCode::NoEntry));
    let again = given.open_at(none, "input.txt", CREATE | OpenFlags::EXCLUSIVE, both);
    same(again.err(), Some(ErrorCode::Exist));
    let below = root.open_at(none, "given/input.txt/x", OpenFlags::empty(), READ);
    same(below.err(), Some(ErrorCode::NotDirectory));
    let reader = open(&given, "input.txt", OpenFlags::empty(), READ);
    same(reader.write(b"x", 0), Err(ErrorCode::BadDescriptor));
    same(reader.write_via_stream(0).err(), Some(ErrorCode::BadDescriptor));
    same(root.read(1, 0), Err(ErrorCode::IsDirectory));

    // What is open has its content, with or without a name.
    let stream = reader.read_via_stream(2).unwrap();
    drop(reader);
    same(given.unlink_file_at("input.txt"), Ok(()));
    same(read_all(&stream), b"ven\n".to_vec());
    same(content(&root, "a/b/result.txt"), b"0123456\x008".to_vec());
    print("all is right\n");
}

/// Writes until there is no room, and says why it stopped.
fn fill() {
    let (root, _) = get_directories().into_iter().next().unwrap();
    let file = open(&root, "large", CREATE, READ | DescriptorFlags::WRITE);
    let out: OutputStream = file.write_via_stream(0).unwrap();
    same(file.set_size(239 << 20), Ok(()));
    let over = out.blocking_write_zeroes_and_flush(300 << 20);
    let Err(StreamError::LastOperationFailed(error)) = over else { panic!("there was room") };
    same(filesystem_error_code(&error), Some(ErrorCode::InsufficientSpace));
    print(&format!("{}\n", error.to_debug_string()));
    same(root.unlink_file_at("large"), Ok(()));
}

fn waits() {
    let begun = monotonic_clock::now();
    same(monotonic_clock::resolution(), 1);
    monotonic_clock::subscribe_duration(60_000_000).block();
    let soon = monotonic_clock::subscribe_duration(40_000_000);
    let late = monotonic_clock::subscribe_instant(monotonic_clock::now() + 60_000_000_000);
    let ready = stdout::get_stdout().subscribe();
    same((soon.ready(), late.ready(), ready.ready()), (false, false, true));
    same(poll(&[&late, &ready, &soon]), vec![1]);
    same(poll(&[&late, &soon]), vec![1]);
    same(soon.ready(), true);
    print(&format!("{}\n", monotonic_clock::now() - begun >= 100_000_000));
}

fn chance() {
    let bytes = random::get_random_bytes(20);
    same(bytes.len(), 20);
    same(insecure::get_insecure_random_bytes(3).len(), 3);
    let (one, other) = insecure_seed::insecure_seed();
    let seconds = wall_clock::now().seconds;
    let drawn = [random::get_random_u64(), insecure::get_insecure_random_u64(), one, other];
    print(&format!("{seconds} {drawn:?} {bytes:?}\n"));
}

fn sockets() {
    let denied = Some(network::ErrorCode::AccessDenied);
    let family = network::IpAddressFamily::Ipv4;
    same(tcp_create_socket::create_tcp_socket(family).err(), denied);
    same(udp_create_socket::create_udp_socket(family).err(), denied);
    let found = ip_name_lookup::resolve_addresses(&instance_network(), "localhost");
    same(found.err(), denied);
    print("none\n");
}
