// Closures in AssemblyScript: what `wit/closure.wit` asks of a guest. Values are CBOR, as SPM's value codec has it.
//
// A module exports `cabi_realloc`, `define` and `call` (see `life.ts`), and is compiled with `--use abort=assembly/spm/abort`.
// `raise` raises a Python exception, from anywhere; `throw`, and whatever AssemblyScript checks itself, is a RuntimeError.

// @ts-ignore: decorator
@external("spm:closure/fault@0.1.0", "raise")
declare function faultRaise(record: usize, length: usize): void;
// @ts-ignore: decorator
@external("spm:closure/log@0.1.0", "print")
declare function logPrint(text: usize, length: usize): void;
/** Which task of its run this is, from 0. */
// @ts-ignore: decorator
@external("spm:closure/task@0.1.0", "index")
export declare function taskIndex(): u64;
/** A seed for random numbers: the same for every attempt at a task. */
// @ts-ignore: decorator
@external("spm:closure/task@0.1.0", "seed")
export declare function taskSeed(): u64;

/** Python's exceptions, by the index that stands for them in a record. */
export enum Exception {
  ArithmeticError = 2,
  IndexError = 27,
  KeyError = 30,
  LookupError = 32,
  NotImplementedError = 37,
  OverflowError = 39,
  RuntimeError = 46,
  TypeError = 56,
  ValueError = 64,
  ZeroDivisionError = 66,
}

/** Writes a result: one value. A list or dict is followed by its items, a dict by keys and values in turn. */
export class Writer {
  bytes: Uint8Array = new Uint8Array(64);
  length: i32 = 0;

  private room(count: i32): usize {
    const wanted = this.length + count;
    if (wanted > this.bytes.length) {
      const larger = new Uint8Array(wanted * 2);
      memory.copy(larger.dataStart, this.bytes.dataStart, this.length);
      this.bytes = larger;
    }
    const place = this.bytes.dataStart + this.length;
    this.length = wanted;
    return place;
  }

  /** The head of an item: its major type, and a number in the shortest form. */
  private head(major: u8, number: u64): void {
    const first = (major << 5) as u8;
    if (number < 24) {
      store<u8>(this.room(1), first | (number as u8));
    } else if (number <= 0xff) {
      store<u8>(this.room(1), first | 24);
      store<u8>(this.room(1), number as u8);
    } else if (number <= 0xffff) {
      store<u8>(this.room(1), first | 25);
      store<u16>(this.room(2), bswap<u16>(number as u16));
    } else if (number <= 0xffffffff) {
      store<u8>(this.room(1), first | 26);
      store<u32>(this.room(4), bswap<u32>(number as u32));
    } else {
      store<u8>(this.room(1), first | 27);
      store<u64>(this.room(8), bswap<u64>(number));
    }
  }

  none(): void {
    store<u8>(this.room(1), 0xf6);
  }

  bool(value: bool): void {
    store<u8>(this.room(1), value ? 0xf5 : 0xf4);
  }

  int(value: i64): void {
    if (value >= 0) this.head(0, value as u64);
    else this.head(1, ~value as u64);
  }

  float(value: f64): void {
    store<u8>(this.room(1), 0xfb);
    store<u64>(this.room(8), bswap<u64>(reinterpret<u64>(value)));
  }

  str(text: string): void {
    const encoded = String.UTF8.encode(text);
    this.head(3, encoded.byteLength as u64);
    memory.copy(this.room(encoded.byteLength), changetype<usize>(encoded), encoded.byteLength);
  }

  list(items: i32): void {
    this.head(4, items as u64);
  }

  dict(items: i32): void {
    this.head(5, items as u64);
  }
}

/** Reads arguments, in order. Another type than the one that is asked for is a TypeError. */
export class Reader {
  private at: usize;
  private end: usize;
  private name: string = "arguments";

  constructor(bytes: usize, length: usize) {
    this.at = bytes;
    this.end = bytes + length;
    this.list();
  }

  /** Names the argument that is read next, for messages. */
  argument(name: string): Reader {
    this.name = name;
    return this;
  }

  private peek(): u8 {
    return this.at < this.end ? load<u8>(this.at) : 0xff;
  }

  private take(count: u64): usize {
    if (((this.end - this.at) as u64) < count) raise(Exception.ValueError, "the arguments are cut off");
    const taken = this.at;
    this.at += count as usize;
    return taken;
  }

  private head(major: u8, wanted: string): u64 {
    const first = this.peek();
    if (first >> 5 != major) this.unexpected(wanted);
    this.at += 1;
    const low = first & 31;
    if (low < 24) return low as u64;
    if (low == 24) return load<u8>(this.take(1)) as u64;
    if (low == 25) return bswap<u16>(load<u16>(this.take(2))) as u64;
    if (low == 26) return bswap<u32>(load<u32>(this.take(4))) as u64;
    if (low == 27) return bswap<u64>(load<u64>(this.take(8)));
    raise(Exception.ValueError, "the arguments are malformed");
    return 0;
  }

  private unexpected(wanted: string): void {
    const kinds = ["an int", "an int", "bytes", "a str", "a list", "a dict", "another type", "a float"];
    const first = this.peek();
    const found = first == 0xf6 ? "None" : first == 0xf4 || first == 0xf5 ? "a bool" : kinds[first >> 5];
    raise(Exception.TypeError, `argument \`${this.name}\`: ${wanted} was expected, not ${found}`);
  }

  /** Takes None, if it is next. */
  none(): bool {
    const isNone = this.peek() == 0xf6;
    if (isNone) this.at += 1;
    return isNone;
  }

  bool(): bool {
    const first = this.peek();
    if (first != 0xf4 && first != 0xf5) this.unexpected("a bool");
    this.at += 1;
    return first == 0xf5;
  }

  int(): i64 {
    const first = this.peek();
    const isNegative = first >> 5 == 1;
    const isLong = first == 0xc2 || first == 0xc3;
    const number = isLong ? u64.MAX_VALUE : this.head(isNegative ? 1 : 0, "an int");
    if (number > (i64.MAX_VALUE as u64)) {
      raise(Exception.OverflowError, `argument \`${this.name}\`: an int beyond 64 bits`);
    }
    return isNegative ? ~(number as i64) : (number as i64);
  }

  float(): f64 {
    const first = this.peek();
    if (first >> 5 < 2) return this.int() as f64;
    if (first != 0xfb) this.unexpected("a float");
    return reinterpret<f64>(this.head(7, "a float"));
  }

  str(): string {
    const length = this.head(3, "a str");
    return String.UTF8.decodeUnsafe(this.take(length), length as usize);
  }

  /** How many items follow, of a list or a tuple. */
  list(): i32 {
    if (this.end - this.at > 3 && load<u8>(this.at) == 0xd9 && bswap<u16>(load<u16>(this.at + 1)) == 0xb100) this.at += 3;
    return this.count(4, "a list");
  }

  /** How many keys, each with its value, follow. */
  dict(): i32 {
    return this.count(5, "a dict");
  }

  private count(major: u8, wanted: string): i32 {
    // Each item has a byte at least, so they are no more than those that are left.
    const items = this.head(major, wanted);
    if (items > ((this.end - this.at) as u64)) raise(Exception.ValueError, "the arguments are cut off");
    return items as i32;
  }
}

/** Prints on the submitter's standard output. Line ends are yours to write. */
export function print(text: string): void {
  const encoded = String.UTF8.encode(text);
  logPrint(changetype<usize>(encoded), encoded.byteLength);
}

/** Ends the task with an exception. */
export function raise(exception: Exception, message: string): void {
  const record = new Writer();
  record.dict(2);
  writeRaised(record, exception, message);
  end(record);
}

function writeRaised(record: Writer, exception: Exception, message: string): void {
  record.int(0); // the class
  record.int(exception);
  record.int(1); // args
  record.list(1);
  record.str(message);
}

function end(record: Writer): void {
  faultRaise(record.bytes.dataStart, record.length);
  unreachable();
}

/** What `throw` becomes, and what AssemblyScript finds wrong itself: it knows the place, but not the class. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  const text = message === null ? "aborted" : message;
  const record = new Writer();
  record.dict(3);
  writeRaised(record, text == "Index out of range" ? Exception.IndexError : Exception.RuntimeError, text);
  record.int(8); // one frame: file, line, columns, function, and no source line
  record.list(1);
  record.list(7);
  record.str(file === null ? "" : file);
  record.int(line);
  record.int(column > 0 ? column - 1 : 0);
  record.int(line);
  record.int(column > 0 ? column - 1 : 0);
  record.str("throw");
  record.str("");
  end(record);
}

/** What `call` returns for a result, by the canonical ABI: a tag, 0 for ok, and a list of bytes. */
export function answer(result: Writer): usize {
  const returned = heap.alloc(12);
  store<u8>(returned, 0);
  store<usize>(returned + 4, result.bytes.dataStart);
  store<usize>(returned + 8, result.length);
  kept = result;
  return returned;
}

// What was returned must outlive the call.
let kept: Writer | null = null;

export function cabi_realloc(old: usize, oldSize: usize, align: usize, size: usize): usize {
  if (size == 0) return align;
  return old == 0 || oldSize == 0 ? heap.alloc(size) : heap.realloc(old, size);
}

export function define(payload: usize, length: usize): usize {
  // The payload says which classes the submitter knows: none are used here.
  const returned = heap.alloc(12);
  store<u8>(returned, 0);
  return returned;
}
