"""bytes, bytearray, memoryview, struct, array, codecs of binary data."""

import array
import base64
import binascii
import quopri
import struct
import zlib

from corpus import case


@case((b"Hello, World",), (b"",), (b"\x00\xff\x80",))
def bytes_methods(data):
    return (
        data.upper(),
        data[::-1],
        data[:3],
        list(data[:4]),
        data.split(b","),
        data.replace(b"o", b"00"),
        data.hex(),
        data.hex(":", 2),
        data.find(b"W"),
        data.startswith(b"He"),
        data + b"!" * 2,
        data.rjust(15, b"."),
        data.translate(None, b"lo"),
        72 in data,
        repr(data),
        data.isascii(),
    )


@case(("48 65 6c",), ("4",), ("zz",))
def bytes_from_hex(text):
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        return type(error).__name__


@case((b"abc",))
def bytes_and_str_do_not_mix(data):
    return data + "text"


@case((b"%d|%5.1f|%s|%a|%x" % (3, 2.5, b"raw", "\u00e9", 255), [1, 2, 3]))
def bytes_are_made_of_many_things(formatted, numbers):
    return (
        formatted,
        bytes(numbers),
        bytes(3),
        bytes("\u00e9", "utf-8"),
        b"".join([b"a", bytearray(b"b")]),
        b"a" < b"b",
    )


@case((b"abc",), (bytearray(b"xyz"),))
def bytearray_changes(data):
    buffer = bytearray(data)
    buffer.append(33)
    buffer += b"--"
    buffer[0] = 65
    buffer[1:2] = b"<>"
    del buffer[-1]
    buffer.extend(range(48, 51))
    buffer.insert(0, 42)
    popped = buffer.pop()
    buffer.reverse()
    return buffer, popped, bytes(buffer), buffer.find(b">"), buffer == bytes(buffer)


@case((256,), (-1,))
def bytearray_out_of_range(value):
    buffer = bytearray(2)
    buffer[0] = value


@case()
def a_resize_while_exported():
    buffer = bytearray(b"abc")
    with memoryview(buffer):
        buffer.append(1)


@case(
    (b"abcdefgh",),
)
def memory_views(data):
    buffer = bytearray(data)
    view = memoryview(buffer)
    part = view[2:6]
    part[0] = 90
    part[1:3] = b"yx"
    numbers = memoryview(bytes(8)).cast("H")
    return (
        bytes(view),
        part.tobytes(),
        len(part),
        view.readonly,
        part.tolist(),
        numbers.tolist(),
        view[::2].tobytes(),
        view == buffer,
    )


@case((b"abc",))
def a_read_only_view(data):
    memoryview(data)[0] = 1


@case()
def a_released_view():
    view = memoryview(b"x")
    view.release()
    return view[0]


@case((1, -2, 3.5), (65535, 0, -0.25))
def structs(a, b, c):
    packed = struct.pack("<HbxfI", a, b, c, 7)
    big = struct.pack(">qd3s?", a, c, b"abcd", True)
    return (
        packed,
        struct.unpack("<HbxfI", packed),
        big,
        struct.unpack(">qd3s?", big),
        struct.calcsize("<3hq"),
    )


@case()
def struct_objects_and_iteration():
    pair = struct.Struct("!HB")
    data = b"".join(pair.pack(i, i * 2) for i in range(4))
    buffer = bytearray(5)
    pair.pack_into(buffer, 1, 513, 3)
    return list(pair.iter_unpack(data)), pair.unpack_from(data, 3), buffer, pair.size


@case(("B", 256), ("<h", 40000), ("<f", "x"))
def struct_refuses(layout, value):
    try:
        return struct.pack(layout, value)
    except struct.error as error:
        return type(error).__name__, isinstance(error, Exception)


@case()
def arrays():
    numbers = array.array("d", [1.5, -2])
    numbers.extend([3.25])
    numbers.append(4)
    shorts = array.array("h", range(-2, 3))
    shorts.byteswap()
    swapped = shorts.tolist()
    shorts.byteswap()
    other = array.array("B", b"bytes")
    return (
        numbers,
        shorts,
        swapped,
        other[1:3],
        other.tobytes(),
        numbers.index(3.25),
        sum(shorts),
        other.itemsize,
    )


@case(([1, 300],), ([1.5],))
def arrays_refuse(values):
    return array.array("B", values)


@case((array.array("i", [1, 2, 3]),))
def arrays_as_arguments(values):
    values[1] *= 10
    return values, values[::-1], values.count(20), array.array(values.typecode, values[:1])


@case((b"any carnal pleas\xff\x00",), (b"",), (b"a",))
def base_encodings(data):
    return (
        base64.b64encode(data),
        base64.urlsafe_b64encode(data),
        base64.b32encode(data),
        base64.b16encode(data),
        base64.b85encode(data),
        base64.a85encode(data),
        base64.b64decode(base64.b64encode(data)) == data,
        base64.b85decode(base64.b85encode(data)) == data,
    )


@case((b"abc=a",), (b"a",))
def base64_refuses(data):
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error as error:
        return isinstance(error, ValueError)


@case((b"123456789",), (b"",))
def checksums(data):
    return (
        zlib.crc32(data),
        zlib.adler32(data),
        binascii.crc32(data),
        binascii.crc_hqx(data, 0),
        binascii.hexlify(data, "-"),
    )


@case(("caf\u00e9 = t\u20ac",))
def quoted_printable(text):
    data = quopri.encodestring(text.encode())
    return (
        data,
        quopri.decodestring(data).decode(),
        binascii.b2a_uu(b"uu"),
        binascii.a2b_uu(binascii.b2a_uu(b"uu")),
    )


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out + bytes([n]))


def read_varints(data):
    value = shift = 0
    for byte in data:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            yield value
            value = shift = 0
    if shift:
        raise EOFError(f"{shift // 7} bytes of a number without an end")


@case(([0, 127, 128, 300, 2**40],), ([],))
def variable_length_integers(numbers):
    data = b"".join(map(varint, numbers))
    return data, list(read_varints(data))


@case((b"\x01\x80",))
def a_truncated_integer(data):
    return list(read_varints(data))


def run_lengths(data):
    out, start = [], 0
    for i in range(1, len(data) + 1):
        if i == len(data) or data[i] != data[start]:
            out.append((data[start : start + 1], i - start))
            start = i
    return out


@case((b"aaabccd",), (b"",))
def run_length_encoding(data):
    runs = run_lengths(data)
    return runs, b"".join(char * count for char, count in runs) == data
