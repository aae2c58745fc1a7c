"""Programs made at random of `try`, loops and what leaves them: always the same ones."""

import linecache
import random

CASES = []

PROGRAMS = 60
CAUGHT = ["ValueError", "KeyError", "LookupError", "ArithmeticError", "(ValueError, IndexError)", "Exception", None]
RAISED = ["ValueError(a)", "KeyError('k')", "IndexError", "ZeroDivisionError(a, 'z')", "RuntimeError(str(a))"]
CALLS = [(0, [1, 2, 3]), (1, [5]), (2, []), (7, [0, 4])]


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.lines = []
        self.names = 0
        self.budget = 30

    def line(self, depth, text):
        self.lines.append("    " * depth + text)

    def block(self, depth, is_loop, is_handler):
        for _ in range(self.random.randint(1, 3)):
            self.statement(depth, is_loop, is_handler)

    def statement(self, depth, is_loop, is_handler):
        self.budget -= 1
        choose, number = self.random.choice, self.random.randint(1, 9)
        simple = ["log", "log", "add", "get", "divide", "raise", "leave", "text"]
        kind = choose(simple if depth > 5 or self.budget < 0 else [*simple, "if", "for", "try", "try", "try"])
        if kind == "log":
            self.line(depth, f"log.append(a + {number})")
        elif kind == "add":
            self.line(depth, f"a += {number}")
        elif kind == "get":
            self.line(depth, f"log.append(xs[a % {number}])")
        elif kind == "divide":
            self.line(depth, f"a = {number * 7} // (a % {number})")
        elif kind == "text":
            self.line(depth, f"log.append(len([str(a), [str({number} // (a % 4))][0]]))")
        elif kind == "raise":
            self.line(depth, f"if a % {number} == {self.random.randint(0, 2)}:")
            raised = choose(RAISED)
            if is_handler and self.random.random() < 0.5:
                raised = choose(["", raised + " from None", raised + " from " + is_handler])
            self.line(depth + 1, f"raise {raised}".rstrip())
        elif kind == "leave":
            ways = ["return log", "return [a]"] + ["break", "continue"] * (2 if is_loop else 0)
            self.line(depth, f"if a % {number} == {self.random.randint(0, 2)}:")
            self.line(depth + 1, choose(ways))
        elif kind == "if":
            self.line(depth, f"if a % {number} < 2:")
            self.block(depth + 1, is_loop, is_handler)
            self.line(depth, "else:")
            self.block(depth + 1, is_loop, is_handler)
        elif kind == "for":
            self.names += 1
            self.line(depth, f"for i{self.names} in range({self.random.randint(1, 3)}):")
            self.line(depth + 1, f"a += i{self.names}")
            self.block(depth + 1, True, is_handler)
        else:
            self.attempt(depth, is_loop, is_handler)

    def attempt(self, depth, is_loop, is_handler):
        self.line(depth, "try:")
        self.block(depth + 1, is_loop, is_handler)
        handlers = self.random.randint(0, 2)
        for at in range(handlers):
            caught = self.random.choice(CAUGHT if at == handlers - 1 else CAUGHT[:-1])
            if caught is None:
                self.line(depth, "except:")
                self.block(depth + 1, is_loop, is_handler or "None")
                continue
            self.names += 1
            name = f"e{self.names}"
            self.line(depth, f"except {caught} as {name}:")
            self.line(depth + 1, f"log.append(len(str({name})) + len({name}.args))")
            self.block(depth + 1, is_loop, name)
        if handlers and self.random.random() < 0.4:
            self.line(depth, "else:")
            self.block(depth + 1, is_loop, is_handler)
        if not handlers or self.random.random() < 0.5:
            self.line(depth, "finally:")
            self.block(depth + 1, is_loop, is_handler)


def make(seed):
    maker = Maker(seed)
    maker.line(0, f"def program_{seed}(a, xs):")
    maker.line(1, "log = [a]")
    while maker.budget > 0:
        maker.attempt(1, False, None)
        maker.block(1, False, None)
    maker.line(1, "return log")
    text = "\n".join(maker.lines) + "\n"
    file = f"program_{seed}.py"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    exec(compile(text, file, "exec"), globals())
    return globals()[f"program_{seed}"]


for seed in range(PROGRAMS):
    CASES.append((make(seed), ["int", "list[int]"], CALLS, False))
