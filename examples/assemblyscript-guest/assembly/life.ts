// A closure in AssemblyScript: `examples/assemblyscript_guest.py` builds and runs it.

import { answer, Exception, raise, Reader, Writer } from "./spm";
export { cabi_realloc, define } from "./spm";

const ALIVE = 0x23; // "#"

export function call(bytes: usize, length: usize): usize {
  const reader = new Reader(bytes, length);
  const count = reader.argument("rows").list();
  if (count == 0) raise(Exception.ValueError, "a world has one row at least");
  let world = new Array<string>(count);
  for (let row = 0; row < count; row++) {
    world[row] = reader.str();
    if (world[row].length != world[0].length) {
      raise(Exception.ValueError, `row ${row} has ${world[row].length} cells, and row 0 has ${world[0].length}`);
    }
  }
  const generations = reader.argument("generations").int();
  for (let generation: i64 = 0; generation < generations; generation++) world = next(world);
  const result = new Writer();
  result.list(count);
  for (let row = 0; row < count; row++) result.str(world[row]);
  return answer(result);
}

/** The next generation, in a world whose edges meet. */
function next(world: string[]): string[] {
  const height = world.length;
  const width = world[0].length;
  const made = new Array<string>(height);
  for (let row = 0; row < height; row++) {
    const cells = new Array<i32>(width);
    for (let column = 0; column < width; column++) {
      let neighbours = 0;
      for (let down = -1; down <= 1; down++) {
        for (let right = -1; right <= 1; right++) {
          const line = world[(row + down + height) % height];
          const isOther = down != 0 || right != 0;
          if (isOther && line.charCodeAt((column + right + width) % width) == ALIVE) neighbours++;
        }
      }
      const isAlive = world[row].charCodeAt(column) == ALIVE;
      cells[column] = neighbours == 3 || (isAlive && neighbours == 2) ? ALIVE : 0x2e;
    }
    made[row] = String.fromCharCodes(cells);
  }
  return made;
}
