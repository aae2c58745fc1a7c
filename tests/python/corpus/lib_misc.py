"""urllib.parse, email, mimetypes, ipaddress, argparse, getopt, optparse, cmd, what os and sys say."""

import argparse
import cmd
import email
import email.message
import email.policy
import email.utils
import errno
import gc
import getopt
import http
import io
import ipaddress
import mimetypes
import optparse
import os
import stat
import string
import sys
import threading
import urllib.parse
from contextlib import redirect_stderr, redirect_stdout

from corpus import case


@case(
    ("https://user:pw@example.org:8080/a/b;p?q=1&r=%C3%A9#frag",),
    ("mailto:x@y",),
    ("//host/path",),
    ("",),
)
def urls(text):
    parts = urllib.parse.urlsplit(text)
    return (
        tuple(parts),
        parts.hostname,
        parts.port,
        parts.username,
        urllib.parse.parse_qs(parts.query),
        urllib.parse.urlunsplit(parts),
        urllib.parse.urldefrag(text).fragment,
    )


@case(
    ("a b/\u00e9?&=",),
)
def quoting(text):
    return (
        urllib.parse.quote(text),
        urllib.parse.quote_plus(text, safe="/"),
        urllib.parse.unquote("%C3%A9+%zz"),
        urllib.parse.urlencode({"k": [1, "x y"], "z": ""}, doseq=True),
        urllib.parse.parse_qsl("a=1&b=&c", keep_blank_values=True),
        urllib.parse.quote_from_bytes(b"\xff/"),
    )


@case(("http://h/a/b/c", "../d"), ("http://h/a", "?q"), ("x/y", "/z"))
def joined_urls(base, other):
    return urllib.parse.urljoin(base, other)


@case(("http://[bad",), ("http://h:port/",))
def urls_that_are_wrong(text):
    try:
        return urllib.parse.urlsplit(text).port
    except ValueError as error:
        return type(error).__name__


@case(("192.168.1.10",), ("::1",), ("300.1.1.1",))
def addresses(text):
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        return str(error)
    return (
        str(address + 1),
        int(address),
        address.version,
        address.is_private,
        address.is_loopback,
        address.packed,
        address.exploded,
        address.reverse_pointer,
    )


@case(("10.0.0.0/29",), ("2001:db8::/126",))
def networks(text):
    network = ipaddress.ip_network(text)
    return (
        network.num_addresses,
        [str(h) for h in network.hosts()][:3],
        str(network.netmask),
        [str(s) for s in network.subnets(1)],
        str(network.supernet()),
        ipaddress.ip_address(str(network[1])) in network,
    )


@case(("10.0.0.1/29",))
def a_network_with_host_bits(text):
    return ipaddress.ip_network(text)


MAIL = """From: Ann <ann@example.org>
To: bob@example.org, "C, D" <cd@example.org>
Subject: =?utf-8?q?Caf=C3=A9?=
Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: base64

SGkgQm9iIQ==
"""


@case()
def mail_is_parsed():
    message = email.message_from_string(MAIL)
    modern = email.message_from_string(MAIL, policy=email.policy.default)
    return (
        message["to"],
        email.utils.getaddresses([message["to"]]),
        message.get_payload(decode=True),
        message.get_content_type(),
        message.get_content_charset(),
        str(modern["From"]),
    )


@case()
def mail_is_made():
    message = email.message.EmailMessage()
    message["Subject"] = "Gr\u00fc\u00dfe"
    message["From"] = "a@example.org"
    message.set_content("Text\nof two lines\n")
    message.add_attachment(b"\x00\x01", maintype="application", subtype="x", filename="f.bin")
    message.set_boundary("BOUND")
    return (
        [part.get_content_type() for part in message.walk()],
        message.get_body().get_content(),
        next(message.iter_attachments()).get_filename(),
        "=?utf-8?" in message.as_string(),
    )


@case(("a.txt",), ("b.tar.gz",), ("c.unknownkind",), ("http://h/d.html",))
def kinds_of_files(name):
    return mimetypes.MimeTypes().guess_type(name), mimetypes.MimeTypes().guess_extension(
        "text/html"
    )


def parser_of():
    parser = argparse.ArgumentParser(prog="tool", add_help=False, exit_on_error=False)
    parser.add_argument("files", nargs="*")
    parser.add_argument("-n", "--number", type=int, default=3)
    parser.add_argument("-v", action="count", default=0)
    parser.add_argument("--flag", action=argparse.BooleanOptionalAction)
    parser.add_argument("--mode", choices=["fast", "slow"])
    return parser


@case((["a", "b", "-n", "7", "-vv", "--no-flag"],), ([],), (["--mode=slow"],))
def command_lines(argv):
    return vars(parser_of().parse_args(argv))


@case((["-n", "x"],), (["--mode", "none"],))
def command_lines_that_are_wrong(argv):
    try:
        return vars(parser_of().parse_args(argv))
    except argparse.ArgumentError as error:
        return error.argument_name


@case((["--unknown"],))
def a_parser_that_exits(argv):
    out = io.StringIO()
    try:
        with redirect_stderr(out):
            argparse.ArgumentParser(prog="tool").parse_args(argv)
    except SystemExit as stop:
        return stop.code, "unrecognized arguments: --unknown" in out.getvalue()


@case((["add", "1", "2"],), (["neg", "5"],))
def subcommands(argv):
    parser = argparse.ArgumentParser(prog="calc")
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add")
    add.add_argument("numbers", nargs="+", type=int)
    add.set_defaults(run=lambda options: sum(options.numbers))
    neg = commands.add_parser("neg")
    neg.add_argument("number", type=int)
    neg.set_defaults(run=lambda options: -options.number)
    options = parser.parse_args(argv)
    return options.command, options.run(options)


@case((["-a", "-b", "x", "--long=y", "rest"],), (["-z"],))
def getopt_options(argv):
    try:
        return getopt.getopt(argv, "ab:", ["long="])
    except getopt.GetoptError as error:
        return error.msg, error.opt


@case((["-q", "--size", "3", "left"],))
def optparse_options(argv):
    parser = optparse.OptionParser()
    parser.add_option("-q", action="store_true", default=False)
    parser.add_option("--size", type="int")
    options, rest = parser.parse_args(argv)
    return vars(options), rest


class Shell(cmd.Cmd):
    prompt = "> "
    use_rawinput = False

    def do_add(self, line):
        """Add numbers."""
        print(sum(map(int, line.split())), file=self.stdout)

    def do_quit(self, line):
        return True

    def default(self, line):
        print("what?", line, file=self.stdout)


@case(("add 1 2\nnope\n\nquit\nadd 9\n",))
def a_command_interpreter(text):
    out = io.StringIO()
    Shell(stdin=io.StringIO(text), stdout=out).cmdloop("hello")
    return out.getvalue()


@case((404,), (200,), (999,))
def http_statuses(code):
    return http.HTTPStatus(code).phrase, http.HTTPStatus(code).name, http.HTTPStatus(code) == code


@case((0o100644,), (0o040755,))
def file_modes(mode):
    return stat.filemode(mode), stat.S_ISDIR(mode), stat.S_IMODE(mode), stat.S_ISREG(mode)


@case(("ENOENT",), ("EACCES",))
def errors_of_the_system_by_name(name):
    return (
        name in errno.errorcode.values(),
        isinstance(OSError(getattr(errno, name), "x"), (FileNotFoundError, PermissionError)),
        os.strerror(getattr(errno, name)),
    )


@case()
def output_is_redirected():
    out = io.StringIO()
    with redirect_stdout(out):
        print("inside")
        sys.stdout.write("raw\n")
    return out.getvalue()


@case((["a", "b"],))
def names_of_python_itself(argv):
    return (
        sys.maxunicode,
        sys.implementation.name,
        sys.version_info >= (3, 11),
        sys.getrecursionlimit() > 100,
        isinstance(sys.path, list),
        os.sep,
        os.linesep,
        os.curdir,
        string.hexdigits,
    )


@case((3,))
def locks_in_one_thread(n):
    lock, nested, own = threading.Lock(), threading.RLock(), threading.local()
    event = threading.Event()
    own.count = 0
    for _ in range(n):
        with lock, nested, nested:
            own.count += 1
    event.set()
    return own.count, lock.locked(), event.is_set(), threading.current_thread().name


@case()
def garbage_is_collected():
    class Node:
        def __init__(self):
            self.me = self

        def __del__(self):
            log.append("gone")

    log = []
    gc.collect()
    node = Node()
    del node
    gc.collect()
    return log


@case(("SPM_NO_SUCH_VARIABLE",))
def the_environment_is_empty_of(name):
    return os.environ.get(name, "unset"), os.getenv(name), name in os.environ


@case(("SPM_NO_SUCH_VARIABLE",))
def a_missing_variable(name):
    try:
        return os.environ[name]
    except KeyError as error:
        return error.args
