// Returns its arguments, which are of fixed types; the last says what else is to happen.
import { answer, Exception, print, raise, Reader, taskIndex, Writer } from "./spm";
export { cabi_realloc, define } from "./spm";

export function call(bytes: usize, length: usize): usize {
  const from = new Reader(bytes, length);
  const to = new Writer();
  to.list(6);
  to.bool(from.argument("a").bool());
  to.int(from.argument("b").int());
  to.float(from.argument("c").float());
  to.str(from.argument("d").str());
  const items = from.argument("e").list();
  to.list(items);
  for (let item = 0; item < items; item++) {
    if (from.none()) to.none();
    else to.int(from.int());
  }
  const keys = from.argument("f").dict();
  to.dict(keys);
  for (let key = 0; key < keys; key++) {
    to.str(from.str());
    to.float(from.float());
  }
  const what = from.argument("what").str();
  if (what == "raise") raise(Exception.KeyError, "ü€𝄞");
  if (what == "throw") throw new Error("thrown");
  if (what == "index") to.int([1, 2, 3][items + 3]);
  if (what == "divide") to.int(1 / (items as i64));
  if (what == "print") print(`task ${taskIndex()}\n`);
  if (what == "memory") {
    const all = new Array<Uint8Array>();
    for (;;) all.push(new Uint8Array(1 << 20));
  }
  if (what == "garbage") {
    let last = 0;
    for (let round = 0; round < 100_000; round++) last = new Uint8Array(10_000).length;
    if (last != 10_000) unreachable();
  }
  return answer(to);
}
