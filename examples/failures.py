"""What goes wrong in a task is an ordinary exception here, with the task's own lines."""

import threading
import traceback

import spm


@spm.wasm_closure
def element(items: list[int], index: int) -> int:
    return items[index]


@spm.wasm_closure
def average(items: list[float]) -> float:
    assert len(items) > 0, "nothing to average"
    return sum(items) / len(items)


LOCK = threading.Lock()


@spm.wasm_closure
def guarded(x: int) -> int:
    with LOCK:
        return x


@spm.wasm_closure(deadline_s=0.2)
def endless(n: int) -> int:
    while n >= 0:
        n = (n + 1) % 1000
    return n


@spm.wasm_closure(fuel=10_000)
def hungry(n: int) -> int:
    total = 0
    for i in range(n):
        total += i
    return total


def main() -> None:
    with spm.laptop(1) as pool:
        try:
            pool.submit(element, [1, 2, 3], 7).result()
        except IndexError as error:
            print("IndexError:", error, "on line", error.task.frames[-1].line)

        try:
            pool.submit(average, []).result()
        except AssertionError:
            traceback.print_exc()

        try:
            pool.submit(endless, 0).result()
        except TimeoutError as error:
            print(type(error).__name__ + ":", error)

        try:
            pool.submit(hungry, 1_000_000).result()
        except spm.FuelExhausted as error:
            print("FuelExhausted:", error)

        try:
            pool.submit(guarded, 1)
        except spm.CompileError as error:
            print("CompileError:", error)


if __name__ == "__main__":
    main()
