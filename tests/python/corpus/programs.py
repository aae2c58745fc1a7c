"""Programs of a page: what people write first when anything goes."""

import heapq
import itertools
import random
import re
from abc import ABC, abstractmethod
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

from corpus import case


class CalcError(Exception):
    def __init__(self, message, position):
        super().__init__(message, position)
        self.position = position


class Parser:
    """Precedence climbing over + - * / ^ and parentheses."""

    power = {"+": 1, "-": 1, "*": 2, "/": 2, "^": 3}
    pattern = re.compile(r"\s*(?:(\d+)|(.))")

    def __init__(self, text):
        self.text = text
        self.tokens = deque(
            (m.start(m.lastindex), m[1] or m[2]) for m in self.pattern.finditer(text.rstrip())
        )

    def parse(self):
        value = self.expression(0)
        if self.tokens:
            raise CalcError("what follows the end", self.tokens[0][0])
        return value

    def expression(self, least):
        left = self.atom()
        while self.tokens and self.power.get(self.tokens[0][1], -1) >= least:
            _, sign = self.tokens.popleft()
            right = self.expression(self.power[sign] + (sign != "^"))
            match sign:
                case "+":
                    left += right
                case "-":
                    left -= right
                case "*":
                    left *= right
                case "/":
                    left = Fraction(left) / right
                case "^":
                    left **= right
        return left

    def atom(self):
        if not self.tokens:
            raise CalcError("ends too early", len(self.text))
        position, token = self.tokens.popleft()
        if token.isdigit():
            return int(token)
        if token == "-":
            return -self.atom()
        if token != "(":
            raise CalcError(f"unexpected {token!r}", position)
        value = self.expression(0)
        if not self.tokens or self.tokens.popleft()[1] != ")":
            raise CalcError("a parenthesis is open", position)
        return value


@case(
    ("1 + 2 * 3",),
    ("2 ^ 3 ^ 2 - -4",),
    ("(1 + 2) * (3 / 4)",),
    ("2 * (3",),
    ("1 1",),
    ("+",),
    ("",),
    ("1 / 0",),
)
def a_calculator(text):
    return Parser(text).parse()


class Insufficient(Exception):
    def __init__(self, account, wanted):
        super().__init__(f"{account.owner} has {account.balance}, not {wanted}")
        self.account = account
        self.wanted = wanted


class Account:
    def __init__(self, owner, balance=0):
        self.owner = owner
        self.balance = balance
        self.history = []

    def move(self, amount, to):
        if amount > self.balance:
            raise Insufficient(self, amount)
        self.balance -= amount
        to.balance += amount
        self.history.append((to.owner, amount))


@case(([("a", "b", 30), ("b", "a", 5)],), ([("a", "b", 60), ("a", "b", 60)],), ([("a", "x", 1)],))
def a_bank(transfers):
    accounts = {name: Account(name, 100) for name in "ab"}
    for source, target, amount in transfers:
        accounts[source].move(amount, accounts[target])
    return list(accounts.values())


class Recently:
    """A least-recently-used cache."""

    def __init__(self, size):
        self.size = size
        self.items = {}

    def get(self, key, make):
        if key in self.items:
            self.items[key] = self.items.pop(key)
        else:
            self.items[key] = make(key)
            if len(self.items) > self.size:
                del self.items[next(iter(self.items))]
        return self.items[key]


@case(([1, 2, 3, 1, 4, 1, 2], 2), ([], 1))
def a_cache(keys, size):
    made = []
    cache = Recently(size)
    found = [cache.get(key, lambda k: made.append(k) or k * k) for key in keys]
    return found, made, cache


class Shape(ABC):
    @abstractmethod
    def area(self): ...

    def __lt__(self, other):
        return self.area() < other.area()

    def __repr__(self):
        return f"{type(self).__name__}({self.area():g})"


@dataclass(repr=False, eq=False)
class Box(Shape):
    w: float
    h: float

    def area(self):
        return self.w * self.h


@dataclass(repr=False, eq=False)
class Triangle(Box):
    def area(self):
        return super().area() / 2


@case(([2, 3, 4],), ([1],))
def shapes(sides):
    made = [kind(side, side + 1) for side in sides for kind in (Box, Triangle)]
    return sorted(made), str(min(made)), max(made)


@case((["#####", "#A..#", "#.#.#", "#..B#", "#####"],), (["A#B"],), (["..."],))
def a_maze(rows):
    places = {(x, y): c for y, row in enumerate(rows) for x, c in enumerate(row)}
    start = next(place for place, c in places.items() if c == "A")
    queue, seen = deque([(start, "")]), {start}
    while queue:
        (x, y), path = queue.popleft()
        if places[x, y] == "B":
            return path
        for step, place in {
            "R": (x + 1, y),
            "L": (x - 1, y),
            "D": (x, y + 1),
            "U": (x, y - 1),
        }.items():
            if places.get(place, "#") != "#" and place not in seen:
                seen.add(place)
                queue.append((place, path + step))
    raise LookupError("no way", len(seen))


@case((5, 8), (4, 0))
def the_game_of_life(size, steps):
    alive = {(1, 0), (2, 1), (0, 2), (1, 2), (2, 2)}
    for _ in range(steps):
        counts = Counter(
            ((x + dx) % size, (y + dy) % size)
            for x, y in alive
            for dx, dy in itertools.product((-1, 0, 1), repeat=2)
            if dx or dy
        )
        alive = {cell for cell, n in counts.items() if n == 3 or (n == 2 and cell in alive)}
    return alive, ["".join(".#"[(x, y) in alive] for x in range(size)) for y in range(size)]


class Event(NamedTuple):
    time: int
    order: int
    action: str


@dataclass
class Simulation:
    seed: int
    now: int = 0
    log: list = field(default_factory=list)
    queue: list = field(default_factory=list)

    @cached_property
    def random(self):
        return random.Random(self.seed)

    def schedule(self, delay, action):
        heapq.heappush(self.queue, Event(self.now + delay, len(self.queue), action))

    def run(self, until):
        while self.queue and self.queue[0].time <= until:
            self.now, _, action = heapq.heappop(self.queue)
            self.log.append((self.now, action))
            getattr(self, action)()

    def arrive(self):
        self.schedule(self.random.randint(1, 5), "arrive")
        self.schedule(self.random.randint(2, 4), "leave")

    def leave(self): ...


@case((1, 12), (2, 0))
def an_event_simulation(seed, until):
    simulation = Simulation(seed)
    simulation.schedule(0, "arrive")
    simulation.run(until)
    return simulation.log, simulation.now, sorted(simulation.queue)


class State(Enum):
    IDLE = "idle"
    RUNNING = "running"
    DONE = "done"


class Machine:
    table = {
        (State.IDLE, "start"): State.RUNNING,
        (State.RUNNING, "stop"): State.DONE,
        (State.RUNNING, "pause"): State.IDLE,
    }

    def __init__(self):
        self.state = State.IDLE

    def __call__(self, event):
        try:
            self.state = self.table[self.state, event]
        except KeyError:
            raise RuntimeError(f"{event} while {self.state.value}", self.state) from None
        return self.state


@case((["start", "pause", "start", "stop"],), (["start", "start"],))
def a_state_machine(events):
    machine = Machine()
    return [machine(event) for event in events], machine


@case(("the cat sat on the mat the end", 12, 3), ("a", 3, 1))
def markov_text(text, length, seed):
    following = defaultdict(list)
    words = text.split()
    for a, b in itertools.pairwise(words):
        following[a].append(b)
    rng, word, out = random.Random(seed), words[0], []
    while len(out) < length and word:
        out.append(word)
        word = rng.choice(following[word]) if following[word] else None
    return " ".join(out)


@case((4, 1), (1, 0))
def hanoi(n, seed):
    pegs = [list(range(n, 0, -1)), [], []]

    def move(count, source, target, spare):
        if count:
            yield from move(count - 1, source, spare, target)
            pegs[target].append(pegs[source].pop())
            yield source, target
            yield from move(count - 1, spare, target, source)

    return list(move(n, 0, 2, 1)), pegs


@case(("++[>+++<-]>+.", b""), (",[.,]", b"hi"), ("[", b""))
def an_interpreter(program, given):
    jumps, stack = {}, []
    for i, c in enumerate(program):
        if c == "[":
            stack.append(i)
        elif c == "]":
            jumps[i] = stack.pop()
            jumps[jumps[i]] = i
    if stack:
        raise SyntaxError("unbalanced [", ("program", 1, stack[0] + 1, program))
    cells, at, i, out, source = defaultdict(int), 0, 0, bytearray(), iter(given)
    while i < len(program):
        match program[i]:
            case ">":
                at += 1
            case "<":
                at -= 1
            case "+":
                cells[at] += 1
            case "-":
                cells[at] -= 1
            case ".":
                out.append(cells[at])
            case ",":
                cells[at] = next(source, 0)
            case "[" if not cells[at]:
                i = jumps[i]
            case "]" if cells[at]:
                i = jumps[i]
        i += 1
    return bytes(out), dict(cells)


@case(("53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79",))
def sudoku(text):
    grid = [int(c) if c.isdigit() else 0 for c in text]
    peers = [
        {
            j
            for j in range(81)
            if j != i
            and (
                j // 9 == i // 9
                or j % 9 == i % 9
                or (j // 27 == i // 27 and j % 9 // 3 == i % 9 // 3)
            )
        }
        for i in range(81)
    ]

    def solve():
        best = None
        for i in range(81):
            if not grid[i]:
                options = set(range(1, 10)) - {grid[j] for j in peers[i]}
                if best is None or len(options) < len(best[1]):
                    best = i, options
        if best is None:
            return True
        i, options = best
        for grid[i] in sorted(options):
            if solve():
                return True
        grid[i] = 0
        return False

    return solve() and "".join(map(str, grid))
