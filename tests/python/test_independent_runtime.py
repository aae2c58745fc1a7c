"""A compiled closure is a component like any other: a runtime that is not ours loads and calls it."""

import cbor2
import pytest
import wasmtime
import wasmtime.component as component

import spm


class Instance:
    """One instance of a component in PyPI's `wasmtime`, which knows nothing of SPM."""

    def __init__(self, binary: bytes) -> None:
        engine = wasmtime.Engine()
        self.store = wasmtime.Store(engine)
        self.instance = component.Linker(engine).instantiate(
            self.store, component.Component(engine, binary)
        )

    def call(self, *arguments: object) -> tuple[str, object]:
        """`ok` and the value, or `err` and the exception's record."""
        function = self.instance.get_func(self.store, "call")
        assert function is not None
        result = function(self.store, cbor2.dumps(list(arguments)))
        function.post_return(self.store)
        return result.tag, cbor2.loads(bytes(result.payload))


@spm.wasm_closure
def quotient(a: int, b: int) -> int:
    return a // b


@spm.wasm_closure
def evens(numbers: list[int]) -> list[int]:
    return [n for n in numbers if n % 2 == 0]


def test_values_go_in_and_come_out() -> None:
    instance = Instance(quotient.component())
    assert instance.call(-7, 2) == ("ok", -4)
    assert instance.call(7, 2) == ("ok", 3)


def test_lists_go_in_and_come_out() -> None:
    assert Instance(evens.component()).call([1, 2, 3, -4]) == ("ok", [2, -4])


def test_an_exception_is_the_record_that_the_protocol_describes() -> None:
    tag, record = Instance(quotient.component()).call(1, 0)
    assert tag == "err"
    assert isinstance(record, dict)
    assert record[1] == ["integer division or modulo by zero"]
    assert record[8], "no frames"


def test_an_int_that_leaves_64_bits_does_not_wrap() -> None:
    tag, record = Instance(quotient.component()).call(-(2**63), -1)
    assert tag == "err"
    assert isinstance(record, dict)
    assert record[9] == 1


def test_an_argument_of_another_type_is_refused() -> None:
    tag, record = Instance(quotient.component()).call("7", 2)
    assert tag == "err"
    assert isinstance(record, dict)
    assert record[9] == 2


@pytest.mark.parametrize("closure", [quotient, evens])
def test_components_are_small_and_always_the_same(closure: spm.Closure) -> None:
    first = closure.component()
    assert len(first) < 16 * 1024
    plain = closure.__wrapped__
    assert spm.wasm_closure(plain).component() == first


def test_components_carry_their_lines() -> None:
    assert b"spm:lines" in quotient.component()
    assert b"return a // b" in quotient.component()
