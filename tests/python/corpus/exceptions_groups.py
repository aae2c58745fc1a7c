"""ExceptionGroup and except*."""

import asyncio

from corpus import case


class Problem(Exception):
    def __init__(self, where, what=None):
        super().__init__(where)
        self.what = what


class Problems(ExceptionGroup):
    def derive(self, excs):
        return Problems(self.message, excs)


@case()
def a_plain_group():
    raise ExceptionGroup("several", [ValueError(1), KeyError("k"), Problem("here", what=[1])])


@case()
def a_nested_group():
    inner = ExceptionGroup("inner", [TypeError("t"), OSError(9002, "gone", "file")])
    raise ExceptionGroup("outer", [inner, ValueError("v")])


@case()
def members_that_were_raised():
    errors = []
    for value in ("1", "x", None):
        try:
            errors.append(ValueError(int(value)))
        except (ValueError, TypeError) as error:
            errors.append(error)
    raise ExceptionGroup("raised", errors)


@case()
def a_group_of_a_user_class():
    raise Problems("mine", [Problem("a"), Problem("b", what="c")])


@case()
def a_group_with_notes_and_cause():
    group = ExceptionGroup("noted", [ValueError("v")])
    group.add_note("on the group")
    group.exceptions[0].add_note("on the member")
    raise group from KeyError("cause")


@case((0,), (1,), (2,), (3,))
def except_star(which):
    groups = [
        ExceptionGroup("a", [ValueError(1), KeyError("k")]),
        ExceptionGroup("b", [ExceptionGroup("c", [ValueError(2)]), ValueError(3)]),
        ExceptionGroup("d", [Problem("p")]),
        ValueError("alone"),
    ]
    log = []
    try:
        raise groups[which]
    except* ValueError as found:
        log.append(("values", found.message, len(found.exceptions)))
    except* (KeyError, Problem) as found:
        log.append(("others", [type(error).__name__ for error in found.exceptions]))
    else:
        log.append("else")
    finally:
        log.append("finally")
    return log


@case()
def except_star_leaves_the_rest():
    log = []
    try:
        raise ExceptionGroup("mixed", [ValueError(1), TypeError("left over")])
    except* ValueError as found:
        log.append(found.exceptions[0].args)


@case()
def except_star_raises_another():
    try:
        raise ExceptionGroup("mixed", [ValueError(1)])
    except* ValueError as found:
        raise Problem("from the handler") from found.exceptions[0]


@case()
def split_and_subgroup():
    group = Problems("top", [ValueError(1), Problems("low", [KeyError("k"), ValueError(2)])])
    match, rest = group.split(ValueError)
    only = group.subgroup(lambda error: isinstance(error, KeyError))
    return (
        type(match).__name__,
        [type(error).__name__ for error in match.exceptions],
        [type(error).__name__ for error in rest.exceptions],
        len(only.exceptions),
        group.subgroup(OSError),
        str(group),
    )


@case((0,), (1,))
def what_is_no_group(which):
    if which:
        return ExceptionGroup("empty", [])
    return ExceptionGroup("wrong", [1])


@case()
def base_exceptions_make_a_base_group():
    group = BaseExceptionGroup("base", [KeyboardInterrupt()])
    return type(group).__name__, type(BaseExceptionGroup("x", [ValueError()])).__name__


async def fail(error):
    await asyncio.sleep(0)
    raise error


@case()
async def a_task_group_collects():
    async with asyncio.TaskGroup() as group:
        group.create_task(fail(ValueError("one")))
        group.create_task(fail(Problem("two", what=2)))


@case()
async def a_task_group_caught():
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail(KeyError("k")))
            await asyncio.sleep(0)
    except* KeyError as found:
        keys = [error.args[0] for error in found.exceptions]
    return keys


@case()
def a_deep_group():
    group = ExceptionGroup("leaf", [ValueError(0)])
    for level in range(8):
        group = ExceptionGroup(f"level {level}", [group, KeyError(level)])
    raise group


def check(rows):
    errors = []
    for number, row in enumerate(rows):
        try:
            if not 0 <= row["age"] < 150:
                raise Problem(number, what=row["age"])
        except (KeyError, Problem) as error:
            error.add_note(f"row {number}")
            errors.append(error)
    if errors:
        raise ExceptionGroup(f"{len(errors)} bad rows", errors)
    return len(rows)


@case(([{"age": 3}],), ([{"age": 3}, {}, {"age": 200}],))
def collected_over_rows(rows):
    return check(rows)
