"""The pure-Python programs of the package `pyperformance`, as functions that take their size.

Each program is loaded from the installed package. A function here calls what the program times, and
returns something of what was computed where there is anything.
"""

from __future__ import annotations

import asyncio
import decimal
import importlib.util
import inspect
import io
import json
import logging
import math
import pickle
import re
import sys
import types
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyperf_clock

PROGRAMS_IN = "data-files/benchmarks"


def folder() -> Path:
    """Where the installed package keeps its programs. They are not modules of it."""
    spec = importlib.util.find_spec("pyperformance")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("`pyperformance` is not installed: pip install pyperformance")
    return Path(spec.origin).parent / PROGRAMS_IN


def load(name: str) -> types.ModuleType:
    """The module of a program, under a name of its own."""
    path = folder() / f"bm_{name}" / "run_benchmark.py"
    known = f"pyperformance_{name}"
    spec = importlib.util.spec_from_file_location(known, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[known] = module
    spec.loader.exec_module(module)
    module.pyperf = pyperf_clock  # type: ignore[attr-defined]
    return module


bm_argparse = load("argparse")
bm_async_generators = load("async_generators")
bm_barnes_hut = load("barnes_hut")
bm_bpe_tokeniser = load("bpe_tokeniser")
bm_chaos = load("chaos")
bm_comprehensions = load("comprehensions")
bm_coroutines = load("coroutines")
bm_decimal_pi = load("decimal_pi")
bm_deepcopy = load("deepcopy")
bm_deltablue = load("deltablue")
bm_fannkuch = load("fannkuch")
bm_float = load("float")
bm_generators = load("generators")
bm_go = load("go")
bm_hexiom = load("hexiom")
bm_json_dumps = load("json_dumps")
bm_json_loads = load("json_loads")
bm_logging = load("logging")
bm_mdp = load("mdp")
bm_meteor_contest = load("meteor_contest")
bm_nbody = load("nbody")
bm_nqueens = load("nqueens")
bm_pickle = load("pickle")
bm_pidigits = load("pidigits")
bm_pyflate = load("pyflate")
bm_raytrace = load("raytrace")
bm_regex_compile = load("regex_compile")
bm_regex_effbot = load("regex_effbot")
bm_regex_v8 = load("regex_v8")
bm_richards = load("richards")
bm_richards_super = load("richards_super")
bm_scimark = load("scimark")
bm_spectral_norm = load("spectral_norm")
bm_typing_runtime_protocols = load("typing_runtime_protocols")
bm_unpack_sequence = load("unpack_sequence")
bm_xml_etree = load("xml_etree")

# A whole game takes too long to be run ten times.
bm_go.GAMES = 20  # type: ignore[attr-defined]


def the_game_of_chaos() -> Any:
    """The object that the program makes in its `main`, for a runner that only takes it."""
    found = []
    runner = types.SimpleNamespace(
        metadata={}, bench_func=lambda name, method, *args: found.append(method.__self__)
    )
    arguments = types.SimpleNamespace(
        thickness=0.25, width=0, height=0, iterations=0, rng_seed=0, filename=None
    )
    bm_chaos.main(runner, arguments)
    return found[0]


GAME = the_game_of_chaos()


def argument_parsing(times):
    for _ in range(times):
        parser = bm_argparse.bm_many_optionals()
        bm_argparse.bm_subparsers()
    return type(parser).__name__


async def async_generators(n):
    return sum([item async for item in bm_async_generators.tree(range(n))])


def barnes_hut(particles, iterations):
    galaxy = bm_barnes_hut.create_deterministic_galaxy(particles, 500, 400)
    for _ in range(iterations):
        bm_barnes_hut.advance_system(galaxy, 0.5, bm_barnes_hut.TIME_STEP, 1000, 800)
    return bm_barnes_hut.calculate_system_energy(galaxy)


def bpe_tokeniser(text, vocabulary):
    encoding = bm_bpe_tokeniser.SimpleBytePairEncoding.train(text, vocabulary, r" ?\w+|\W")
    return encoding.encode(text)


def chaos(size, iterations):
    GAME.create_image_chaos(size, size, iterations, None, bm_chaos.DEFAULT_RNG_SEED)
    return GAME.transform_point(bm_chaos.GVector(1.5, 3.0, 0.0)).x


def comprehensions(times):
    widgets = bm_comprehensions.make_some_widgets()
    for _ in range(times):
        tray = bm_comprehensions.WidgetTray(1, widgets)
    return [widget.widget_id for widget in tray.sorted_widgets]


async def coroutines(n):
    return await bm_coroutines.fibonacci(n)


def decimal_pi(times):
    with decimal.localcontext() as context:
        context.prec = 19
        for _ in range(times):
            digits = bm_decimal_pi.pi_decimal()
    return digits


def deepcopy(times):
    bm_deepcopy.benchmark(times)
    bm_deepcopy.benchmark_reduce(times)
    bm_deepcopy.benchmark_memo(times)


def float_points(n):
    point = bm_float.benchmark(n)
    return point.x, point.y, point.z


def generators(n):
    return sum(bm_generators.tree(range(n)))


def hexiom(level):
    out = io.StringIO()
    board = bm_hexiom.LEVELS[level][0].strip()
    bm_hexiom.solve_file(board, bm_hexiom.Done.FIRST_STRATEGY, bm_hexiom.DESCENDING, out)
    return out.getvalue()


def json_dumps(times):
    bm_json_dumps.bench_json_dumps([(bm_json_dumps.NESTED_DATA, range(times))])
    return json.dumps(bm_json_dumps.NESTED_DATA)


def json_loads(times):
    text = json.dumps(bm_json_loads.DICT)
    bm_json_loads.bench_json_loads([text] * times)
    return json.loads(text)


def log_records(times):
    out = io.StringIO()
    logger = logging.Logger("benchmark", logging.WARNING)
    logger.addHandler(logging.StreamHandler(out))
    bm_logging.bench_silent(times, logger, out)
    bm_logging.bench_simple_output(times, logger, out)
    bm_logging.bench_formatted_output(times, logger, out)
    return out.getvalue()


def mdp(tolerance):
    return bm_mdp.Battle().evaluate(tolerance)


def meteor_contest(solutions):
    board, cells, pieces = bm_meteor_contest.get_puzzle(
        bm_meteor_contest.WIDTH, bm_meteor_contest.HEIGHT
    )
    found = []
    bm_meteor_contest.solve(
        solutions,
        0,
        frozenset(range(len(board))),
        [-1] * len(board),
        list(range(len(pieces))),
        found,
        bm_meteor_contest.get_footprints(board, cells, pieces),
        bm_meteor_contest.get_senh(board, cells),
    )
    return found


def nbody(iterations):
    bm_nbody.offset_momentum(bm_nbody.BODIES["sun"])
    before = bm_nbody.report_energy()
    bm_nbody.advance(0.01, iterations)
    return before, bm_nbody.report_energy()


def nqueens(n):
    return list(bm_nqueens.n_queens(n))


def pickle_pure_python(times):
    module = types.SimpleNamespace(dumps=pickle._dumps, loads=pickle._loads)
    options = types.SimpleNamespace(protocol=4)
    bm_pickle.bench_pickle_dict(times, module, options)
    bm_pickle.bench_unpickle_list(times, module, options)
    return pickle._loads(pickle._dumps(bm_pickle.LIST))


def pyflate(data):
    field = bm_pyflate.RBitfield(io.BytesIO(data))
    if field.readbits(16) != 0x425A:
        raise ValueError("no bzip2 data")
    return bm_pyflate.bzip2_main(field)


def raytrace(width, height):
    canvas = bm_raytrace.Canvas(width, height)
    scene = bm_raytrace.Scene()
    scene.addLight(bm_raytrace.Point(20, 40, 10))
    scene.lookAt(bm_raytrace.Point(0, 2, 0))
    for i in range(4):
        ball = bm_raytrace.Sphere(bm_raytrace.Point(i - 2, 3 - i / 2, -8 + i), 1)
        scene.addObject(ball, bm_raytrace.SimpleSurface(baseColour=(i / 4, 1 - i / 4, 0.5)))
    floor = bm_raytrace.Halfspace(bm_raytrace.Point(0, 0, 0), bm_raytrace.Vector.UP)
    scene.addObject(floor, bm_raytrace.CheckerboardSurface())
    scene.render(canvas)
    return bytes(canvas.bytes)


def regex_compile(patterns):
    bm_regex_compile.bench_regex_compile(1, patterns)


def regex_effbot(lengths):
    data = bm_regex_effbot.init_benchmarks(lengths)
    return [bool(re.search(pattern, text)) for pattern, text in data]


def regex_v8(times):
    bm_regex_v8.bench_regex_v8(times)


def richards(times):
    return bm_richards.Richards().run(times)


def richards_super(times):
    return bm_richards_super.Richards().run(times)


def scimark_fft(n):
    vector = bm_scimark.Random(7).RandomVector(2 * n)
    bm_scimark.FFT_transform(2 * n, vector)
    bm_scimark.FFT_inverse(2 * n, vector)
    return list(vector)


def scimark_lu(n):
    matrix = bm_scimark.Random(7).RandomMatrix(bm_scimark.ArrayList(n, n))
    bm_scimark.LU_factor(matrix, [0] * n)
    return [matrix[i][i] for i in range(n)]


def scimark_monte_carlo(n):
    return bm_scimark.MonteCarlo(n)


def spectral_norm(n):
    u = [1] * n
    for _ in range(10):
        v = bm_spectral_norm.eval_AtA_times_u(u)
        u = bm_spectral_norm.eval_AtA_times_u(v)
    return sum(a * b for a, b in zip(u, v, strict=True)) / sum(b * b for b in v)


def typing_runtime_protocols(times):
    bm_typing_runtime_protocols.bench_protocols(times)


def unpack_sequence(times):
    bm_unpack_sequence.bench_all(times)


def xml_etree():
    root = bm_xml_etree.build_xml_tree(ET)
    bm_xml_etree.process(ET, root)
    return len(ET.tostring(root))


@dataclass(frozen=True)
class Program:
    """A program with arguments for a test, and for a measurement of a tenth of a second or so."""

    name: str
    function: Callable[..., Any]
    small: tuple[Any, ...]
    full: tuple[Any, ...]


def _patterns() -> list[tuple[Any, int]]:
    """Patterns of the program that compiles patterns, which takes them from two others."""
    effbot = bm_regex_effbot.gen_regex_table()
    return [(pattern.pattern, int(pattern.flags) & ~re.UNICODE) for pattern in effbot]


def _squeezed(lines: int) -> bytes:
    import bz2

    return bz2.compress("".join(f"line {n} of {n * n % 17}\n" for n in range(lines)).encode())


_TEXT = " ".join(f"word{n % 37} and {n % 11} others," for n in range(60))

PROGRAMS = [
    Program("argparse", argument_parsing, (1,), (2,)),
    Program("async_generators", async_generators, (200,), (20_000,)),
    Program("barnes_hut", barnes_hut, (20, 2), (100, 5)),
    Program("bpe_tokeniser", bpe_tokeniser, (_TEXT[:200], 260), (_TEXT, 280)),
    Program("chaos", chaos, (16, 50), (128, 5_000)),
    Program("comprehensions", comprehensions, (2,), (3_000,)),
    Program("coroutines", coroutines, (10,), (25,)),
    Program("decimal_pi", decimal_pi, (2,), (3_000,)),
    Program("deepcopy", deepcopy, (1,), (100,)),
    Program("deltablue", bm_deltablue.delta_blue, (5,), (5_000,)),
    Program("fannkuch", bm_fannkuch.fannkuch, (5,), (8,)),
    Program("float", float_points, (100,), (40_000,)),
    Program("generators", generators, (200,), (60_000,)),
    Program("go", bm_go.versus_cpu, (), ()),
    Program("hexiom", hexiom, (2,), (25,)),
    Program("json_dumps", json_dumps, (2,), (8_000,)),
    Program("json_loads", json_loads, (1,), (500,)),
    Program("logging", log_records, (2,), (500,)),
    Program("mdp", mdp, (100.0,), (0.5,)),
    Program("meteor_contest", meteor_contest, (2,), (60,)),
    Program("nbody", nbody, (50,), (15_000,)),
    Program("nqueens", nqueens, (5,), (8,)),
    Program("pickle_pure_python", pickle_pure_python, (1,), (30,)),
    Program("pidigits", bm_pidigits.calc_ndigits, (50,), (1_500,)),
    Program("pyflate", pyflate, (_squeezed(20),), (_squeezed(2_000),)),
    Program("raytrace", raytrace, (8, 6), (60, 40)),
    Program("regex_compile", regex_compile, (_patterns()[:4],), (_patterns() * 20,)),
    Program("regex_effbot", regex_effbot, ((0, 5),), ((0, 5, 50, 250, 1000, 5000),)),
    Program("regex_v8", regex_v8, (1,), (3,)),
    Program("richards", richards, (1,), (1,)),
    Program("richards_super", richards_super, (1,), (1,)),
    Program("scimark_fft", scimark_fft, (16,), (4_096,)),
    Program("scimark_lu", scimark_lu, (5,), (70,)),
    Program("scimark_monte_carlo", scimark_monte_carlo, (200,), (100_000,)),
    Program("spectral_norm", spectral_norm, (10,), (60,)),
    Program("typing_runtime_protocols", typing_runtime_protocols, (1,), (300,)),
    Program("unpack_sequence", unpack_sequence, (2,), (5_000,)),
    Program("xml_etree", xml_etree, (), ()),
]


def plain(program: Program, arguments: tuple[Any, ...]) -> Any:
    """What the program computes in this Python."""
    result = program.function(*arguments)
    return asyncio.run(result) if inspect.iscoroutine(result) else result


def same(one: Any, other: Any) -> bool:
    """Equal, or numbers that two libraries of mathematics may tell apart in the last places."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(one, list | tuple) and type(one) is type(other) and len(one) == len(other):
        return all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)


def closure_of(program: Program, **options: Any) -> Any:
    """The program as a closure of the `python` engine."""
    import spm

    return spm.wasm_closure(engine="python", **options)(program.function)
