"""hashlib, hmac, zlib, gzip, uuid, secrets, zipfile and tarfile in memory."""

import gzip
import hashlib
import hmac
import io
import secrets
import tarfile
import uuid
import zipfile
import zlib

from corpus import case


@case((b"",), (b"abc" * 100,))
def digests(data):
    names = (
        "md5",
        "sha1",
        "sha224",
        "sha256",
        "sha384",
        "sha512",
        "sha3_256",
        "blake2b",
        "blake2s",
    )
    return {name: hashlib.new(name, data).hexdigest() for name in names}


@case((b"ab", b"cd"))
def digests_in_steps(a, b):
    digest = hashlib.sha256(a)
    half = digest.copy()
    digest.update(b)
    return (
        digest.digest() == hashlib.sha256(a + b).digest(),
        half.hexdigest(),
        digest.name,
        digest.digest_size,
        digest.block_size,
        hashlib.shake_128(a).hexdigest(5),
        hashlib.blake2b(a, digest_size=8, key=b"k").hexdigest(),
    )


@case(("no-such-digest",))
def a_digest_that_is_not_there(name):
    try:
        hashlib.new(name)
    except ValueError as error:
        return "unsupported hash type" in str(error)


@case((b"key", b"message"), (b"", b""))
def keyed_digests(key, message):
    digest = hmac.new(key, message, "sha256").hexdigest()
    return digest, hmac.compare_digest(digest, digest), hmac.digest(key, message, "md5")


@case((b"hello " * 50,), (b"",))
def compression_is_undone(data):
    return [
        unpack(pack(data)) == data
        for pack, unpack in ((zlib.compress, zlib.decompress), (gzip.compress, gzip.decompress))
    ], len(zlib.compress(data)) <= len(data) + 20


@case((b"abcabcabc" * 20,))
def streams_of_zlib(data):
    packer = zlib.compressobj(level=9, wbits=-15)
    packed = (
        packer.compress(data[:50])
        + packer.flush(zlib.Z_SYNC_FLUSH)
        + packer.compress(data[50:])
        + packer.flush()
    )
    unpacker = zlib.decompressobj(wbits=-15)
    out = unpacker.decompress(packed, 10)
    rest = unpacker.decompress(unpacker.unconsumed_tail) + unpacker.flush()
    return out, out + rest == data, unpacker.eof


@case((b"not compressed",))
def what_was_not_compressed(data):
    seen = []
    for unpack in (zlib.decompress, gzip.decompress):
        try:
            unpack(data)
        except (zlib.error, OSError, ValueError) as error:
            seen.append(type(error).__name__)
    return seen


@case()
def gzip_files_in_memory():
    target = io.BytesIO()
    with gzip.open(target, "wt", encoding="utf-8") as file:
        file.write("line \u00e9\n" * 3)
    target.seek(0)
    with gzip.open(target, "rt", encoding="utf-8") as file:
        return file.readline(), file.read()


@case()
def zip_files_in_memory():
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("a.txt", (2024, 2, 29, 1, 2, 4)), "text" * 10)
        archive.writestr(zipfile.ZipInfo("d/b.bin", (2024, 1, 1, 0, 0, 0)), b"\x00\xff")
    with zipfile.ZipFile(target) as archive:
        infos = [(i.filename, i.file_size, i.date_time, i.CRC) for i in archive.infolist()]
        return (
            infos,
            archive.read("a.txt"),
            archive.testzip(),
            zipfile.is_zipfile(target),
            [p.name for p in zipfile.Path(archive).iterdir()],
        )


@case(("missing.txt",))
def zip_files_miss(name):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("x", b"")
    return zipfile.ZipFile(target).read(name)


@case((b"plain",))
def what_is_no_zip_file(data):
    try:
        zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile as error:
        return str(error)


@case()
def tar_files_in_memory():
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for name, data in (("one", b"1" * 600), ("sub/two", b"2")):
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.mode = len(data), 1700000000, 0o640
            archive.addfile(info, io.BytesIO(data))
    target.seek(0)
    with tarfile.open(fileobj=target) as archive:
        return (
            archive.getnames(),
            [(m.size, m.mtime, m.mode, m.isfile()) for m in archive],
            archive.extractfile("sub/two").read(),
        )


@case()
def identifiers_by_name():
    one = uuid.uuid5(uuid.NAMESPACE_DNS, "python.org")
    return (
        one,
        uuid.uuid3(uuid.NAMESPACE_URL, "x"),
        one.version,
        one.hex,
        one.urn,
        one.fields,
        uuid.UUID(bytes=one.bytes) == one,
        uuid.UUID(int=5),
    )


@case(("{12345678-1234-5678-1234-567812345678}",), ("urn:uuid:nope",))
def identifiers_from_text(text):
    return uuid.UUID(text), uuid.UUID(text) < uuid.UUID(int=2**128 - 1)


@case((uuid.UUID(int=7),))
def identifiers_as_arguments(value):
    return value, value.int + 1, str(value), {value: 1}


@case()
def random_identifiers_and_secrets():
    token = secrets.token_hex(8)
    return (
        uuid.uuid4().version,
        len(token),
        int(token, 16) >= 0,
        len(secrets.token_bytes(5)),
        secrets.randbelow(1),
        secrets.choice("a"),
        len(secrets.token_urlsafe(4)) > 4,
        secrets.compare_digest("a", "a"),
    )


def merkle(leaves):
    layer = [hashlib.sha256(leaf).digest() for leaf in leaves]
    if not layer:
        raise ValueError("a tree without leaves")
    while len(layer) > 1:
        if len(layer) % 2:
            layer.append(layer[-1])
        layer = [hashlib.sha256(a + b).digest() for a, b in zip(layer[::2], layer[1::2])]
    return layer[0]


@case(([b"a", b"b", b"c"],), ([],))
def a_merkle_root(leaves):
    return merkle(leaves).hex()


@case(("Hi", 3), ("", 1))
def proof_of_work(text, zeros):
    nonce = 0
    while not hashlib.md5(f"{text}{nonce}".encode()).hexdigest().startswith("0" * (zeros - 1)):
        nonce += 1
    return nonce
