"""A class hierarchy and exceptions of one's own: robots explore an island, and some get into trouble.

What a task raises arrives as the class that was raised, with its attributes and its cause. With
`--plain` everything runs in plain Python, for the debugger.
"""

import sys
from dataclasses import dataclass

import spm

ISLAND = ["..~.", ".#~.", ".#..", "...."]
STEPS = {"N": (0, -1), "S": (0, 1), "W": (-1, 0), "E": (1, 0)}


@dataclass
class Robot:
    """Goes where it may, as long as its battery lasts."""

    x: int = 0
    y: int = 0
    battery: int = 10
    cost = 1
    passes = "."

    def step(self, direction: str) -> None:
        """Take one step, or raise why not."""
        dx, dy = STEPS[direction]
        try:
            tile = ISLAND[self.y + dy][self.x + dx]
        except IndexError as error:
            raise Lost(self, f"no island {direction} of here") from error
        if tile not in self.passes:
            raise Stuck(self, f"{tile!r} is in the way")
        self.x, self.y, self.battery = self.x + dx, self.y + dy, self.battery - self.cost
        if self.battery < 0:
            raise Exhausted(self, "the battery is empty")


class Swimmer(Robot):
    """Crosses water."""

    passes = ".~"


class Digger(Robot):
    """Digs through rock, slowly."""

    cost = 3
    passes = ".#"


class MissionError(Exception):
    """What happened to a robot, and the robot."""

    def __init__(self, robot: Robot, why: str) -> None:
        """Keep the robot for whoever wants to look at it."""
        super().__init__(f"{type(robot).__name__} at {robot.x},{robot.y}: {why}")
        self.robot = robot


class Lost(MissionError):
    """It left the map."""


class Stuck(MissionError):
    """Something is in its way."""


class Exhausted(MissionError):
    """Its battery is empty."""


FLEET = {"robot": Robot, "swimmer": Swimmer, "digger": Digger}


@spm.wasm_closure
def explore(kind: str, steps: str) -> tuple[int, int]:
    robot = FLEET[kind]()
    for direction in steps:
        robot.step(direction)
    return robot.x, robot.y


def main() -> None:
    missions = [("robot", "SSSEEE"), ("robot", "EES"), ("swimmer", "EEESS"), ("swimmer", "SSSS")]
    missions += [("digger", "ESES"), ("digger", "SSSEEE"), ("boat", "E")]
    with spm.serial(sandbox=False) if "--plain" in sys.argv else spm.pool() as pool:
        futures = [pool.submit(explore, *mission) for mission in missions]
        for (kind, steps), future in zip(missions, futures, strict=True):
            try:
                print(f"{kind} {steps}: arrived at {future.result()}")
            except Exhausted as error:
                print(f"{kind} {steps}: {error}, {-error.robot.battery} short")
            except MissionError as error:
                print(f"{kind} {steps}: {type(error).__name__}, {error}; {error.__cause__!r}")
            except KeyError as error:
                print(f"{kind} {steps}: no such robot: {error}")


if __name__ == "__main__":
    main()
