//! What compiled code and the guest runtime agree on: how values are laid out in linear memory,
//! and which functions the runtime offers.
//!
//! # Values
//!
//! | Python | local or parameter | slot of a container (8 bytes, `i64`) |
//! | --- | --- | --- |
//! | `int` | `i64` | its value |
//! | `float` | `f64` | its bits |
//! | `bool` | `i32`, 0 or 1 | zero-extended |
//! | `None` | `i32`, 0 | 0 |
//! | all else | `i32`, address of an object | zero-extended |
//!
//! Objects are counted references. Only instances of the user's classes can refer to each other in a circle; what does lives
//! until its task ends. An instance is `{rc, descriptor of its class, slots...}`, see [`object`].
//! Offsets are in [`layout`]. A `str` or `bytes` is `{rc, bytes, code points, _, data...}`; a `list`
//! `{rc, len, cap, address of slots}`; a tuple `{rc, _, slots...}`; a `dict` or `set` `{rc, len, ...}`.
//! Static objects have the reference count [`layout::IMMORTAL`]. To take a reference in line:
//! `if (i32)rc >= 0 { rc += 1 }`.
//!
//! Operations that depend on a type take the address of its descriptor, see [`kind`]; a
//! parameter of kind [`Arg::Desc`] named `desc` describes the object that comes first.
//!
//! # Ownership
//!
//! Arguments are borrowed except [`Arg::Take`]; objects returned are the caller's. A function that fails has taken
//! over what it takes, and keeps nothing else.
//!
//! # Failure
//!
//! [`Returns`] says how a function reports that an exception is pending. The caller then calls
//! `frame(site)` and returns a failing status itself, up to the linker's `call` export, which encodes
//! the exception. A value that leaves what the compiler proved (an int of more than 64 bits) takes
//! the same path.

use wasm_encoder::ValType;

#[path = "../runtime/src/shared.rs"]
mod shared;

pub use shared::{
    case, cell, class, common, deopt, given, is, just, kind, layout, object, op, reduction, setop,
    strip,
};

/// Index of the mutable `i32` global that counts how many more calls may nest. The linker sets it to the
/// recursion limit at the start of every task.
pub const DEPTH_GLOBAL: u32 = 0;

/// What a parameter of a runtime function is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arg {
    /// Address of an object, borrowed: `i32`.
    Ptr,
    /// Address of a type descriptor: `i32`.
    Desc,
    /// A small number, an address or a truth value: `i32`.
    Num,
    /// An int: `i64`.
    Int,
    /// A float: `f64`.
    Float,
    /// A slot, borrowed: `i64`.
    Slot,
    /// A slot whose reference the function takes over: `i64`.
    Take,
}

impl Arg {
    /// Its Wasm type.
    pub const fn val_type(self) -> ValType {
        match self {
            Self::Ptr | Self::Desc | Self::Num => ValType::I32,
            Self::Int | Self::Slot | Self::Take => ValType::I64,
            Self::Float => ValType::F64,
        }
    }
}

/// What a runtime function returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returns {
    /// Nothing; cannot fail.
    Nothing,
    /// An `i32`; cannot fail.
    Num,
    /// An `i64` int; cannot fail.
    Int,
    /// An `f64`; cannot fail.
    Float,
    /// Address of an object, owned by the caller: `i32`; 0 if it failed.
    Ptr,
    /// 0, or 1; -1 if it failed: `i32`.
    Truth,
    /// 0; 1 if it failed: `i32`.
    Status,
    /// A status; the int is at [`cell::RET`].
    StatusInt,
    /// A status; the float is at [`cell::RET`].
    StatusFloat,
    /// A status; the slot is at [`cell::RET`], owned by the caller.
    StatusSlot,
    /// A status; the slot is at [`cell::RET`], still owned by the container.
    StatusLent,
    /// 1, always: it raised.
    Raises,
}

impl Returns {
    /// The one Wasm result, if any.
    pub const fn val_type(self) -> Option<ValType> {
        match self {
            Self::Nothing => None,
            Self::Int => Some(ValType::I64),
            Self::Float => Some(ValType::F64),
            _ => Some(ValType::I32),
        }
    }
}

/// A function of the runtime.
#[derive(Debug, Clone, Copy)]
pub struct RuntimeFunction {
    /// Its name.
    pub name: &'static str,
    /// Names and kinds of its parameters.
    pub params: &'static [(&'static str, Arg)],
    /// What it returns, and how it fails.
    pub returns: Returns,
    /// What it does.
    pub doc: &'static str,
}

/// The runtime function of this name.
pub fn runtime_function(name: &str) -> Option<&'static RuntimeFunction> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

macro_rules! functions {
    ($($(#[doc = $doc:literal])+ fn $name:ident($($param:ident: $arg:ident),*) -> $returns:ident;)+) => {
        /// Every function of the runtime that compiled code may call.
        pub const FUNCTIONS: &[RuntimeFunction] = &[$(RuntimeFunction {
            name: stringify!($name),
            params: &[$((stringify!($param), Arg::$arg)),*],
            returns: Returns::$returns,
            doc: concat!($($doc),+),
        }),+];
    };
}

functions! {
    // Objects of any type.

    /// Takes a reference; 0 is let pass.
    fn incref(object: Ptr) -> Nothing;
    /// Gives a reference back, and frees the object with the last one; 0 is let pass.
    fn release(object: Ptr, desc: Desc) -> Nothing;
    /// `release` for str and bytes: smaller code.
    fn release_str(object: Ptr) -> Nothing;
    /// Compares by an operator of `op`, also values of two types (numbers by value, others unequal).
    fn compare(left: Slot, left_desc: Desc, right: Slot, right_desc: Desc, op: Num) -> Truth;
    /// `repr(x)`.
    fn value_repr(value: Slot, desc: Desc) -> Ptr;
    /// `str(x)`.
    fn value_str(value: Slot, desc: Desc) -> Ptr;
    /// `hash(x)`.
    fn value_hash(value: Slot, desc: Desc) -> StatusInt;
    /// What the hash of an object is, if its class says nothing.
    fn object_address(value: Ptr) -> Int;
    /// `format(x, spec)`.
    fn value_format(value: Slot, desc: Desc, spec: Ptr) -> Ptr;

    // Raising.

    /// Raises `class(message)`.
    fn raise_str(class: Num, message: Ptr) -> Raises;
    /// Raises `class()`.
    fn raise_none(class: Num) -> Raises;
    /// Raises `class(value)`.
    fn raise_value(class: Num, value: Slot, desc: Desc) -> Raises;
    /// Raises `class(*args)`; `desc` is that of the tuple.
    fn raise_args(class: Num, args: Ptr, desc: Desc) -> Raises;
    /// Raises one of the exceptions in `common`.
    fn raise_common(which: Num) -> Raises;
    /// Leaves native code for a reason in `deopt`.
    fn raise_deopt(reason: Num) -> Raises;
    /// Adds a frame to the traceback, innermost first.
    fn frame(site: Num) -> Nothing;

    // Exceptions that are caught, or made and not raised: objects of their own.
    /// Catches what is pending; 0 if no handler may see it.
    fn exception_take() -> Num;
    /// What was just set pending, as an exception that is not raised.
    fn exception_made() -> Ptr;
    /// Gives a reference back.
    fn exception_release(object: Num) -> Nothing;
    /// Raises what was caught again, with its traceback.
    fn exception_again(object: Ptr) -> Raises;
    /// Raises what is being handled again.
    fn exception_reraise() -> Raises;
    /// `raise object`
    fn exception_raise(object: Ptr) -> Raises;
    /// Sets the cause, which may be 0, and hides the context.
    fn exception_from(object: Ptr, cause: Ptr) -> Nothing;
    /// Notes what is being handled; gives what was before.
    fn exception_handle(object: Num) -> Num;
    /// Whether the class is in a set of classes.
    fn exception_is(object: Ptr, classes: Ptr) -> Num;
    /// `len(object.args)`
    fn exception_length(object: Ptr) -> Int;
    /// `object.args[index]`, of a guessed type.
    fn exception_argument(object: Ptr, index: Int, desc: Desc) -> StatusSlot;
    /// `str(object)`
    fn exception_str(object: Ptr, quoting: Ptr) -> Ptr;
    /// `repr(object)`
    fn exception_repr(object: Ptr, names: Ptr) -> Ptr;
    /// `type(object).__name__`
    fn exception_name(object: Ptr, names: Ptr) -> Ptr;

    // int.

    /// `a // b`.
    fn int_floordiv(a: Int, b: Int) -> StatusInt;
    /// `a % b`.
    fn int_mod(a: Int, b: Int) -> StatusInt;
    /// `a * b`; overflow leaves native code.
    fn int_mul(a: Int, b: Int) -> StatusInt;
    /// `a ** b`; leaves native code if `b` is negative, where Python's result is a float.
    fn int_pow(a: Int, b: Int) -> StatusInt;
    /// `a ** b` as a float for negative `b`.
    fn int_pow_float(a: Int, b: Int) -> StatusFloat;
    /// `pow(a, b, m)`.
    fn int_pow_mod(a: Int, b: Int, m: Int) -> StatusInt;
    /// `a / b`, correctly rounded.
    fn int_truediv(a: Int, b: Int) -> StatusFloat;
    /// `a << b`.
    fn int_shl(a: Int, b: Int) -> StatusInt;
    /// `a >> b`.
    fn int_shr(a: Int, b: Int) -> StatusInt;
    /// `a.bit_length()`.
    fn int_bit_length(a: Int) -> Int;
    /// `a.bit_count()`.
    fn int_bit_count(a: Int) -> Int;
    /// `round(a, digits)`.
    fn int_round(a: Int, digits: Int) -> StatusInt;
    /// Exact comparison of an int with a float by an operator of `op`.
    fn int_compare_float(a: Int, b: Float, op: Num) -> Num;
    /// `str(a)` and `repr(a)`.
    fn int_str(a: Int) -> Ptr;
    /// `bin`, `oct` or `hex` of `a`: base 2, 8 or 16.
    fn int_base_str(a: Int, base: Num) -> Ptr;
    /// `int(text, base)`.
    fn int_parse(text: Ptr, base: Int) -> StatusInt;
    /// `int(x)` and `math.trunc(x)`.
    fn int_from_float(x: Float) -> StatusInt;

    // float.

    /// `a // b`.
    fn float_floordiv(a: Float, b: Float) -> StatusFloat;
    /// `a % b`.
    fn float_mod(a: Float, b: Float) -> StatusFloat;
    /// `a ** b`; a complex result leaves native code.
    fn float_pow(a: Float, b: Float) -> StatusFloat;
    /// `round(x)`.
    fn float_round(x: Float) -> StatusInt;
    /// `round(x, digits)`.
    fn float_round_digits(x: Float, digits: Int) -> StatusFloat;
    /// `math.floor(x)`.
    fn float_floor(x: Float) -> StatusInt;
    /// `math.ceil(x)`.
    fn float_ceil(x: Float) -> StatusInt;
    /// `x.is_integer()`.
    fn float_is_integer(x: Float) -> Num;
    /// `float(text)`.
    fn float_parse(text: Ptr) -> StatusFloat;
    /// `repr(x)` and `str(x)`.
    fn float_repr(x: Float) -> Ptr;

    // bool.

    /// `str(x)` and `repr(x)`.
    fn bool_str(x: Num) -> Ptr;

    // math. Functions of floats; the ones on ints come after.

    /// `math.sin(x)`.
    fn math_sin(x: Float) -> StatusFloat;
    /// `math.cos(x)`.
    fn math_cos(x: Float) -> StatusFloat;
    /// `math.tan(x)`.
    fn math_tan(x: Float) -> StatusFloat;
    /// `math.asin(x)`.
    fn math_asin(x: Float) -> StatusFloat;
    /// `math.acos(x)`.
    fn math_acos(x: Float) -> StatusFloat;
    /// `math.atan(x)`.
    fn math_atan(x: Float) -> Float;
    /// `math.atan2(y, x)`.
    fn math_atan2(y: Float, x: Float) -> Float;
    /// `math.sinh(x)`.
    fn math_sinh(x: Float) -> StatusFloat;
    /// `math.cosh(x)`.
    fn math_cosh(x: Float) -> StatusFloat;
    /// `math.tanh(x)`.
    fn math_tanh(x: Float) -> Float;
    /// `math.asinh(x)`.
    fn math_asinh(x: Float) -> Float;
    /// `math.acosh(x)`.
    fn math_acosh(x: Float) -> StatusFloat;
    /// `math.atanh(x)`.
    fn math_atanh(x: Float) -> StatusFloat;
    /// `math.exp(x)`.
    fn math_exp(x: Float) -> StatusFloat;
    /// `math.exp2(x)`.
    fn math_exp2(x: Float) -> StatusFloat;
    /// `math.expm1(x)`.
    fn math_expm1(x: Float) -> StatusFloat;
    /// `math.log(x)`.
    fn math_log(x: Float) -> StatusFloat;
    /// `math.log(x, base)`.
    fn math_log_base(x: Float, base: Float) -> StatusFloat;
    /// `math.log2(x)`.
    fn math_log2(x: Float) -> StatusFloat;
    /// `math.log10(x)`.
    fn math_log10(x: Float) -> StatusFloat;
    /// `math.log1p(x)`.
    fn math_log1p(x: Float) -> StatusFloat;
    /// `math.pow(x, y)`.
    fn math_pow(x: Float, y: Float) -> StatusFloat;
    /// `math.sqrt(x)`.
    fn math_sqrt(x: Float) -> StatusFloat;
    /// `math.cbrt(x)`.
    fn math_cbrt(x: Float) -> Float;
    /// `math.hypot(x, y)`.
    fn math_hypot(x: Float, y: Float) -> StatusFloat;
    /// `math.hypot(*coordinates)`, of a list of floats.
    fn math_hypot_list(coordinates: Ptr) -> StatusFloat;
    /// `math.dist(p, q)`, of lists of floats.
    fn math_dist(p: Ptr, q: Ptr) -> StatusFloat;
    /// `math.fmod(x, y)`.
    fn math_fmod(x: Float, y: Float) -> StatusFloat;
    /// `math.remainder(x, y)`.
    fn math_remainder(x: Float, y: Float) -> StatusFloat;
    /// `math.frexp(x)`: a tuple of a float and an int.
    fn math_frexp(x: Float) -> Ptr;
    /// `math.ldexp(x, exponent)`.
    fn math_ldexp(x: Float, exponent: Int) -> StatusFloat;
    /// `math.modf(x)`: a tuple of two floats.
    fn math_modf(x: Float) -> Ptr;
    /// `math.isclose(a, b, rel_tol=, abs_tol=)`.
    fn math_isclose(a: Float, b: Float, rel_tol: Float, abs_tol: Float) -> Truth;
    /// `math.degrees(x)`.
    fn math_degrees(x: Float) -> Float;
    /// `math.radians(x)`.
    fn math_radians(x: Float) -> Float;
    /// `math.gamma(x)`.
    fn math_gamma(x: Float) -> StatusFloat;
    /// `math.lgamma(x)`.
    fn math_lgamma(x: Float) -> StatusFloat;
    /// `math.erf(x)`.
    fn math_erf(x: Float) -> Float;
    /// `math.erfc(x)`.
    fn math_erfc(x: Float) -> Float;
    /// `math.copysign`.
    fn math_copysign(x: Float, y: Float) -> Float;
    /// `math.nextafter(x, y)`.
    fn math_nextafter(x: Float, y: Float) -> Float;
    /// `math.ulp(x)`.
    fn math_ulp(x: Float) -> Float;
    /// `math.fsum(xs)` of a list of floats.
    fn math_fsum(xs: Ptr) -> StatusFloat;
    /// `math.gcd(a, b)`.
    fn math_gcd(a: Int, b: Int) -> StatusInt;
    /// `math.lcm(a, b)`.
    fn math_lcm(a: Int, b: Int) -> StatusInt;
    /// `math.factorial(n)`.
    fn math_factorial(n: Int) -> StatusInt;
    /// `math.comb(n, k)`.
    fn math_comb(n: Int, k: Int) -> StatusInt;
    /// `math.perm(n, k)`.
    fn math_perm(n: Int, k: Int) -> StatusInt;
    /// `math.isqrt(n)`.
    fn math_isqrt(n: Int) -> StatusInt;
    /// `math.prod(xs)` of a list of ints, from `start`.
    fn math_prod_int(xs: Ptr, start: Int) -> StatusInt;
    /// `math.prod(xs)` of a list of floats, from `start`.
    fn math_prod_float(xs: Ptr, start: Float) -> Float;

    // str. Bounds are ints of which `given` says which count.

    /// `a + b`.
    fn str_concat(a: Ptr, b: Ptr) -> Ptr;
    /// `a += b`: takes the reference to `a` over, and changes it where there is no other.
    fn str_append(a: Ptr, b: Ptr) -> Ptr;
    /// `s * count`.
    fn str_repeat(s: Ptr, count: Int) -> Ptr;
    /// `a == b`.
    fn str_eq(a: Ptr, b: Ptr) -> Num;
    /// Whether `s` is the character of ASCII with this code.
    fn str_is_letter(s: Ptr, code: Num) -> Num;
    /// Whether `s[index]` is that character.
    fn str_letter_at(s: Ptr, index: Int, code: Num) -> Truth;
    /// -1, 0 or 1 as `a` sorts before, with or after `b`. Also of bytes.
    fn str_compare(a: Ptr, b: Ptr) -> Num;
    /// `s[index]`.
    fn str_index(s: Ptr, index: Int) -> Ptr;
    /// `s[start:stop:step]`.
    fn str_slice(s: Ptr, start: Int, stop: Int, step: Int, given: Num) -> Ptr;
    /// The character that begins at a byte offset below the length in bytes; its own length in
    /// bytes leads to the next. For iteration.
    fn str_char_at(s: Ptr, byte_offset: Num) -> Ptr;
    /// `part in s`.
    fn str_contains(s: Ptr, part: Ptr) -> Num;
    /// `s.find(part, start, stop)`, or `rfind` if `reverse`; -1 if absent.
    fn str_find(s: Ptr, part: Ptr, start: Int, stop: Int, given: Num, reverse: Num) -> Int;
    /// `s.index(part, start, stop)`, or `rindex` if `reverse`.
    fn str_index_of(s: Ptr, part: Ptr, start: Int, stop: Int, given: Num, reverse: Num) -> StatusInt;
    /// `s.count(part, start, stop)`.
    fn str_count(s: Ptr, part: Ptr, start: Int, stop: Int, given: Num) -> Int;
    /// `s.startswith(prefix)`. Also of bytes.
    fn str_startswith(s: Ptr, prefix: Ptr) -> Num;
    /// `s.endswith(suffix)`. Also of bytes.
    fn str_endswith(s: Ptr, suffix: Ptr) -> Num;
    /// `s.removeprefix(prefix)`.
    fn str_removeprefix(s: Ptr, prefix: Ptr) -> Ptr;
    /// `s.removesuffix(suffix)`.
    fn str_removesuffix(s: Ptr, suffix: Ptr) -> Ptr;
    /// `separator.join(list of str)`.
    fn str_join(separator: Ptr, parts: Ptr) -> Ptr;
    /// `s.split(separator, maxsplit)`: a list of str; separator 0 for whitespace.
    fn str_split(s: Ptr, separator: Ptr, maxsplit: Int) -> Ptr;
    /// `s.rsplit(separator, maxsplit)`.
    fn str_rsplit(s: Ptr, separator: Ptr, maxsplit: Int) -> Ptr;
    /// `s.splitlines(keepends)`.
    fn str_splitlines(s: Ptr, keepends: Num) -> Ptr;
    /// `s.partition(separator)`, or `rpartition` if `reverse`: a tuple of three str.
    fn str_partition(s: Ptr, separator: Ptr, reverse: Num) -> Ptr;
    /// `s.strip(chars)` by a mode of `strip`; chars 0 for whitespace.
    fn str_strip(s: Ptr, chars: Ptr, mode: Num) -> Ptr;
    /// `s.replace(old, new, count)`; count -1 for all.
    fn str_replace(s: Ptr, old: Ptr, new: Ptr, count: Int) -> Ptr;
    /// `s.lower()` and its kin, by a mode of `case`.
    fn str_case(s: Ptr, mode: Num) -> Ptr;
    /// `s.isalpha()` and its kin, by a test of `is`.
    fn str_is(s: Ptr, test: Num) -> Num;
    /// `s.zfill(width)`.
    fn str_zfill(s: Ptr, width: Int) -> Ptr;
    /// `s.ljust(width, fill)` and its kin, by a mode of `just`; fill 0 for a space.
    fn str_just(s: Ptr, width: Int, fill: Ptr, mode: Num) -> Ptr;
    /// `ord(s)`.
    fn str_ord(s: Ptr) -> StatusInt;
    /// `chr(code)`; a surrogate leaves native code.
    fn str_chr(code: Int) -> Ptr;
    /// `repr(s)`.
    fn str_repr(s: Ptr) -> Ptr;
    /// `list(s)`.
    fn str_to_list(s: Ptr) -> Ptr;
    /// `s.encode()`.
    fn str_encode(s: Ptr) -> Ptr;

    // Formatting with a spec.

    /// `format(x, spec)`.
    fn format_int(x: Int, spec: Ptr) -> Ptr;
    /// `format(x, spec)`.
    fn format_float(x: Float, spec: Ptr) -> Ptr;
    /// `format(x, spec)`.
    fn format_str(x: Ptr, spec: Ptr) -> Ptr;

    // bytes.

    /// `b[index]`.
    fn bytes_index(b: Ptr, index: Int) -> StatusInt;
    /// `b[start:stop:step]`.
    fn bytes_slice(b: Ptr, start: Int, stop: Int, step: Int, given: Num) -> Ptr;
    /// `a + b`.
    fn bytes_concat(a: Ptr, b: Ptr) -> Ptr;
    /// `b * count`.
    fn bytes_repeat(b: Ptr, count: Int) -> Ptr;
    /// `part in b`.
    fn bytes_contains(b: Ptr, part: Ptr) -> Num;
    /// `byte in b`.
    fn bytes_contains_int(b: Ptr, byte: Int) -> Truth;
    /// `b.find(part)`, or `rfind` if `reverse`.
    fn bytes_find(b: Ptr, part: Ptr, reverse: Num) -> Int;
    /// `repr(b)`.
    fn bytes_repr(b: Ptr) -> Ptr;
    /// `b.hex()`.
    fn bytes_hex(b: Ptr) -> Ptr;
    /// `bytes(list of int)`.
    fn bytes_from_list(list: Ptr) -> Ptr;
    /// `bytes(count)`.
    fn bytes_zeros(count: Int) -> Ptr;
    /// `list(b)`.
    fn bytes_to_list(b: Ptr) -> Ptr;
    /// `b.decode()`; bytes that are not UTF-8 leave native code.
    fn bytes_decode(b: Ptr) -> Ptr;

    // list. `desc` is the list's.

    /// An empty list with room for `capacity` elements.
    fn list_new(capacity: Num) -> Ptr;
    /// A list of `len` zero slots.
    fn list_zeros(len: Num) -> Ptr;
    /// Makes room for one more element at least.
    fn list_grow(list: Ptr) -> Status;
    /// `list.append(value)`.
    fn list_append(list: Ptr, value: Take) -> Status;
    /// `list.extend(other)`, of the same type.
    fn list_extend(list: Ptr, desc: Desc, other: Ptr) -> Status;
    /// `list.insert(index, value)`.
    fn list_insert(list: Ptr, index: Int, value: Take) -> Status;
    /// `list.pop(index)`.
    fn list_pop(list: Ptr, index: Int) -> StatusSlot;
    /// `list[index]`.
    fn list_get(list: Ptr, index: Int) -> StatusLent;
    /// `list[index] = value`.
    fn list_set(list: Ptr, desc: Desc, index: Int, value: Take) -> Status;
    /// `del list[index]`.
    fn list_del(list: Ptr, desc: Desc, index: Int) -> Status;
    /// `list[start:stop:step]`.
    fn list_slice(list: Ptr, desc: Desc, start: Int, stop: Int, step: Int, given: Num) -> Ptr;
    /// `list[start:stop:step] = other`, of the same type.
    fn list_set_slice(list: Ptr, desc: Desc, start: Int, stop: Int, step: Int, given: Num, other: Ptr) -> Status;
    /// `del list[start:stop:step]`.
    fn list_del_slice(list: Ptr, desc: Desc, start: Int, stop: Int, step: Int, given: Num) -> Status;
    /// `a + b`.
    fn list_concat(a: Ptr, desc: Desc, b: Ptr) -> Ptr;
    /// `list * count`.
    fn list_repeat(list: Ptr, desc: Desc, count: Int) -> Ptr;
    /// `list *= count`.
    fn list_repeat_in_place(list: Ptr, desc: Desc, count: Int) -> Status;
    /// `value in list`.
    fn list_contains(list: Ptr, desc: Desc, value: Slot, value_desc: Desc) -> Truth;
    /// `list.index(value, start, stop)`.
    fn list_index(list: Ptr, desc: Desc, value: Slot, value_desc: Desc, start: Int, stop: Int, given: Num) -> StatusInt;
    /// `list.count(value)`.
    fn list_count(list: Ptr, desc: Desc, value: Slot, value_desc: Desc) -> StatusInt;
    /// `list.remove(value)`.
    fn list_remove(list: Ptr, desc: Desc, value: Slot, value_desc: Desc) -> Status;
    /// `list.reverse()`.
    fn list_reverse(list: Ptr) -> Nothing;
    /// `list.sort(reverse=)`.
    fn list_sort(list: Ptr, desc: Desc, reverse: Num) -> Status;
    /// `list.sort(key=, reverse=)`; `keys` holds each element's key, and is sorted too.
    fn list_sort_by(list: Ptr, keys: Ptr, keys_desc: Desc, reverse: Num) -> Status;
    /// `list.copy()`, `list(list)`, `sorted`'s and `tuple`'s first step.
    fn list_copy(list: Ptr, desc: Desc) -> Ptr;
    /// `list.clear()`.
    fn list_clear(list: Ptr, desc: Desc) -> Nothing;
    /// `sum(list of int, start)`.
    fn list_sum_int(list: Ptr, start: Int) -> StatusInt;
    /// `sum(list of float, start)`; compensated as CPython 3.12 and later do, if `compensated`.
    fn list_sum_float(list: Ptr, start: Float, compensated: Num) -> Float;
    /// Index of the least (`op::LT`) or greatest (`op::GT`) element of a list that is not empty, the first of equals.
    fn list_extreme(list: Ptr, desc: Desc, op: Num) -> StatusInt;

    // tuple.

    /// A tuple of `count` zero slots.
    fn tuple_new(count: Num) -> Ptr;

    // dict and set. `desc` is the container's. Iterating: start with cursor 0.

    /// `{}`.
    fn dict_new() -> Ptr;
    /// `d[key] = value`.
    fn dict_set(d: Ptr, desc: Desc, key: Take, value: Take) -> Status;
    /// `d[key]`.
    fn dict_get(d: Ptr, desc: Desc, key: Slot) -> StatusLent;
    /// Address of the value's slot, or 0. For `in`, `get` and `pop` with defaults. Cannot fail.
    fn dict_find(d: Ptr, desc: Desc, key: Slot) -> Num;
    /// `del d[key]`.
    fn dict_del(d: Ptr, desc: Desc, key: Slot) -> Status;
    /// `d.pop(key)`.
    fn dict_pop(d: Ptr, desc: Desc, key: Slot) -> StatusSlot;
    /// `d.setdefault(key, value)`.
    fn dict_setdefault(d: Ptr, desc: Desc, key: Take, value: Take) -> StatusLent;
    /// `d.popitem()`: a tuple.
    fn dict_popitem(d: Ptr, desc: Desc) -> Ptr;
    /// `d.update(other)`, of the same type.
    fn dict_update(d: Ptr, desc: Desc, other: Ptr) -> Status;
    /// `list(d)`, and `list` of a set.
    fn table_keys(d: Ptr, desc: Desc) -> Ptr;
    /// `list(d.values())`.
    fn dict_values(d: Ptr, desc: Desc) -> Ptr;
    /// `list(d.items())`.
    fn dict_items(d: Ptr, desc: Desc) -> Ptr;
    /// `d.copy()`.
    fn table_copy(d: Ptr, desc: Desc) -> Ptr;
    /// `d.clear()`.
    fn table_clear(d: Ptr, desc: Desc) -> Nothing;
    /// The cursor of the next entry after `cursor`, 0 at the end. Also of sets. Compare the
    /// length with that at the start first: it raises if it changed.
    fn table_next(d: Ptr, cursor: Num) -> Num;
    /// The cursor of the entry before `cursor` (0: the last), 0 at the end. For `reversed(d)`.
    fn table_previous(d: Ptr, cursor: Num) -> Num;
    /// Address of the entry at a cursor: key, and value after it, see `layout`.
    fn table_entry(d: Ptr, cursor: Num) -> Num;
    /// `set()`.
    fn set_new() -> Ptr;
    /// `s.add(value)`.
    fn set_add(s: Ptr, desc: Desc, value: Take) -> Status;
    /// `value in s`. Cannot fail.
    fn set_contains(s: Ptr, desc: Desc, value: Slot) -> Num;
    /// `s.discard(value)`; 1 if it was there.
    fn set_discard(s: Ptr, desc: Desc, value: Slot) -> Num;
    /// `s.remove(value)`.
    fn set_remove(s: Ptr, desc: Desc, value: Slot) -> Status;
    /// `s.pop()`.
    fn set_pop(s: Ptr, desc: Desc) -> StatusSlot;
    /// `a | b` and its kin, by an operator of `setop`; both of the same type.
    fn set_op(a: Ptr, desc: Desc, b: Ptr, op: Num) -> Ptr;
    /// `a |= b` and its kin.
    fn set_update(a: Ptr, desc: Desc, b: Ptr, op: Num) -> Status;
    /// `a.union(items)` and its kin, of a list of the same elements; with `setop::OF_DICT` in `op`, of
    /// a dict's keys.
    fn set_op_items(a: Ptr, desc: Desc, items: Ptr, op: Num) -> Ptr;
    /// `a.update(items)` and its kin, as `set_op_items`.
    fn set_update_items(a: Ptr, desc: Desc, items: Ptr, op: Num) -> Status;
    /// `s.copy()`.
    fn set_copy(s: Ptr, desc: Desc) -> Ptr;
    /// `s.clear()`.
    fn set_clear(s: Ptr, desc: Desc) -> Nothing;
    /// `a.isdisjoint(b)`.
    fn set_isdisjoint(a: Ptr, desc: Desc, b: Ptr) -> Num;
    /// `set(list)`; `desc` is the set's.
    fn set_from_list(list: Ptr, desc: Desc) -> Ptr;

    /// Whether `zip(*rows)` has an item at `index`; `rows` is a list of lists.
    fn list_has_column(rows: Ptr, index: Int) -> Num;
    /// The item of `zip(*rows)` at `index`, which is there: a tuple of any length.
    fn list_column(rows: Ptr, desc: Desc, index: Int) -> Ptr;

    // Output and the task.

    /// Adds text to what the next `print_flush` prints.
    fn print_text(text: Ptr) -> Status;
    /// Prints what was added.
    fn print_flush() -> Nothing;
    /// `spm.task.index`.
    fn task_index() -> Int;
    /// `spm.task.attempt`.
    fn task_attempt() -> Int;
    /// `spm.task.seed`; one beyond 63 bits leaves native code.
    fn task_seed() -> StatusInt;
    /// `time.sleep(seconds)`.
    fn sleep_int(seconds: Int) -> Status;
    /// `time.sleep(seconds)`.
    fn sleep_float(seconds: Float) -> Status;
    /// `asyncio.sleep(seconds)`.
    fn sleep_async(seconds: Float) -> Status;

    // random.

    /// `random.seed(number)`.
    fn random_seed(number: Int) -> Status;
    /// `random.random()`.
    fn random_random() -> StatusFloat;
    /// `random.getrandbits(count)`.
    fn random_bits(count: Int) -> StatusInt;
    /// `random.gauss(mu, sigma)`.
    fn random_gauss(mu: Float, sigma: Float) -> StatusFloat;

    // Managers. Values travel as CBOR; one that is not of the type that was compiled for leaves native code.

    /// `spm.task.spawn(*arguments, priority=)`; `desc` is that of the tuple.
    fn task_spawn(arguments: Ptr, desc: Desc, priority: Float) -> Status;
    /// `spm.task.bound`.
    fn task_bound() -> Float;
    /// `spm.task.improve(value)`.
    fn task_improve(value: Float) -> Nothing;
    /// `spm.hub.ask(question)`; `answer` is the type of what comes back.
    fn hub_ask(question: Slot, desc: Desc, answer: Desc) -> StatusSlot;
    /// `spm.hub.ask(question)`, its answer ignored.
    fn hub_tell(question: Slot, desc: Desc) -> Status;
    /// `spm.team.rank`.
    fn team_rank() -> Int;
    /// `spm.team.size`.
    fn team_size() -> Int;
    /// `spm.team.send(value, dest, tag)`.
    fn team_send(value: Slot, desc: Desc, dest: Int, tag: Int) -> Status;
    /// `spm.team.recv(source, tag)`; `desc` is the type of what comes.
    fn team_recv(source: Int, tag: Int, desc: Desc) -> StatusSlot;
    /// `spm.team.recv(source, tag)`, the message ignored.
    fn team_skip(source: Int, tag: Int) -> Status;
    /// `spm.team.bcast(value, root)`; `result` is the value's type, or the member of its union that is expected.
    fn team_bcast(value: Slot, desc: Desc, result: Desc, root: Int) -> StatusSlot;
    /// `spm.team.scatter(values, root)`: of a list, or of a union with one.
    fn team_scatter(values: Slot, desc: Desc, item: Desc, root: Int) -> StatusSlot;
    /// `spm.team.gather(value, root)`; `result` is the union of `None` and the list.
    fn team_gather(value: Slot, desc: Desc, result: Desc, root: Int) -> StatusSlot;
    /// `spm.team.allgather(value)`.
    fn team_allgather(value: Slot, desc: Desc, list: Desc) -> Ptr;
    /// `spm.team.reduce(value, op, root)` of numbers, by an operation of `reduction`; `result` is the union with `None`.
    fn team_reduce(value: Slot, desc: Desc, result: Desc, operation: Num, root: Int) -> StatusSlot;
    /// `team_reduce` of strs and lists.
    fn team_reduce_objects(value: Slot, desc: Desc, result: Desc, operation: Num, root: Int) -> StatusSlot;
    /// `spm.team.allreduce(value, op)` of numbers.
    fn team_allreduce(value: Slot, desc: Desc, operation: Num) -> StatusSlot;
    /// `team_allreduce` of strs and lists.
    fn team_allreduce_objects(value: Slot, desc: Desc, operation: Num) -> StatusSlot;
    /// `spm.team.barrier()`.
    fn team_barrier() -> Status;
}
