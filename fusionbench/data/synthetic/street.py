"""The layout of a street generated from a seed, in metres, before rendering."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from fusionbench.data.synthetic.camera import Camera
from fusionbench.data.synthetic.texture import generator

Colour = tuple[float, float, float]

WALLS: tuple[Colour, ...] = (
    (0.42, 0.22, 0.15),  # brick
    (0.34, 0.17, 0.12),  # dark brick
    (0.50, 0.44, 0.34),  # sandstone
    (0.46, 0.45, 0.43),  # concrete
    (0.60, 0.57, 0.50),  # pale plaster
    (0.30, 0.31, 0.33),  # slate
    (0.52, 0.38, 0.26),  # ochre plaster
)
"""Linear reflectance of walls."""


@dataclass(frozen=True)
class Facade:
    """How a wall looks.

    Attributes:
        wall: linear RGB reflectance.
        brick: courses of brick, not plaster.
        bay: metres from window to window.
        floor: metres from storey to storey.
        window: width and height of a window as a share of bay and floor; zero for a blank wall.
        ground: height of the shop floor in metres; zero for none.
        lit: share of windows with light at night.
        warmth: how much warmer than the air the wall is, in degrees.
        seed: of what differs from window to window.
    """

    wall: Colour
    brick: bool
    bay: float
    floor: float
    window: tuple[float, float]
    ground: float
    lit: float
    warmth: float
    seed: int


@dataclass(frozen=True)
class Building:
    """A box: its street face is the plane x = `x` from `near` to `far`, its near face the plane z = `near`."""

    x: float
    side: int
    near: float
    far: float
    height: float
    facade: Facade


@dataclass(frozen=True)
class Plant:
    """A tree, bush or hedge standing at (x, z): a trunk of the given height carrying a crown."""

    x: float
    z: float
    trunk: float
    crown: tuple[float, float]
    kind: int
    seed: int


@dataclass(frozen=True)
class Lamp:
    """A street lamp: the luminaire hangs at (x + reach, height, z)."""

    x: float
    z: float
    height: float
    reach: float


@dataclass(frozen=True)
class Vehicle:
    """A vehicle standing at (x, z); heading 0 shows its rear, pi its front."""

    x: float
    z: float
    heading: float
    kind: str
    paint: Colour
    running: bool
    seed: int


@dataclass(frozen=True)
class Person:
    """A person standing at (x, z); yaw 0 shows the back, pi the front, pi/2 the side."""

    x: float
    z: float
    yaw: float
    height: float
    seed: int


@dataclass(frozen=True)
class Weather:
    """Light and temperature of the hour.

    Attributes:
        night: no sun, and lamps are lit.
        sun: direction to the sun (x, y, z), of length 1.
        sunshine: 0 for an overcast sky to 1 for a clear one.
        cloud: share of the sky that is clouded.
        air: temperature in degrees Celsius.
        warm: 0 for noon, 1 for the golden hour.
        wet: how much the carriageway mirrors, from 0.
    """

    night: bool
    sun: tuple[float, float, float]
    sunshine: float
    cloud: float
    air: float
    warm: float
    wet: float


@dataclass(frozen=True)
class Street:
    """A scene in world coordinates; the lists are what stands in it.

    Attributes:
        road: half the width of the carriageway.
        pavement: width of the pavement beside it.
        view: (camera x, camera height, focal length as a share of the width, column of the vanishing point as a share
            of the width, row of the horizon as a share of the height).
        dashes: whether the middle of the road is marked by dashes (or a closed line).
        parked: whether parking bays are marked.
        verge: for left and right, whether the ground beyond the pavement is grass (or paved).
    """

    seed: int
    weather: Weather
    road: float
    pavement: float
    view: tuple[float, float, float, float, float]
    dashes: bool
    parked: bool
    verge: tuple[bool, bool]
    buildings: list[Building] = field(default_factory=list)
    plants: list[Plant] = field(default_factory=list)
    lamps: list[Lamp] = field(default_factory=list)
    vehicles: list[Vehicle] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)

    def camera(self, height: int, width: int) -> Camera:
        """The camera of this scene for an image of the given size."""
        x, y, focal, centre, horizon = self.view
        return Camera(height, width, focal * max(width, 1.25 * height), centre * width, horizon * height, x, y)


def street(seed: int, night: bool) -> Street:
    """Draw a scene; each part has its own random stream, so that parts do not disturb each other."""
    rng = generator("street", seed)
    road, pavement = rng.uniform(3.3, 5.2), rng.uniform(2.0, 3.4)
    elevated = rng.random() < 0.3
    eye = rng.uniform(2.6, 3.8) if elevated else rng.uniform(1.45, 2.0)
    horizon = rng.uniform(0.30, 0.38) if elevated else rng.uniform(0.43, 0.52)
    view = (road * rng.uniform(-0.55, 0.55), eye, rng.uniform(0.92, 1.2), rng.uniform(0.38, 0.62), horizon)
    sides = [("town", "park", "campus")[int(3 * rng.random())] for _ in range(2)]
    made = Street(
        seed=seed,
        weather=_weather(seed, night),
        road=road,
        pavement=pavement,
        view=view,
        dashes=bool(rng.random() < 0.6),
        parked=bool(rng.random() < 0.6),
        verge=(sides[0] != "town", sides[1] != "town"),
    )
    for side, kind in zip((-1, 1), sides, strict=True):
        _line_side(made, side, kind)
    _add_lamps(made)
    _add_vehicles(made)
    _add_people(made)
    return made


def _weather(seed: int, night: bool) -> Weather:
    rng = generator("weather", seed)
    warm, azimuth = rng.random(), rng.uniform(0.25, 0.85) * np.pi * (1 if rng.random() < 0.5 else -1)
    elevation = np.deg2rad(58 - 36 * warm + 6 * rng.random())
    sunshine = 0.0 if rng.random() < 0.25 else rng.uniform(0.75, 1.0)
    flat = np.cos(elevation)
    sun = (float(flat * np.sin(azimuth)), float(np.sin(elevation)), float(flat * np.cos(azimuth)))
    cloud = rng.uniform(0.85, 1.0) if sunshine == 0 else rng.uniform(0.15, 0.6)
    air = rng.uniform(4, 13) if night else rng.uniform(9, 18)
    wet = rng.uniform(0.4, 1.0) if night and rng.random() < 0.45 else 0.0
    return Weather(night, sun, 0.0 if night else float(sunshine), float(cloud), float(air), float(warm), wet)


def _facade(rng: np.random.Generator) -> Facade:
    wall = WALLS[int(rng.integers(len(WALLS)))]
    tint = rng.uniform(0.8, 1.15)
    slim = rng.random() < 0.5
    return Facade(
        wall=(wall[0] * tint, wall[1] * tint, wall[2] * tint),
        brick=bool(wall[0] > 1.6 * wall[1]),
        bay=rng.uniform(2.2, 3.0) if slim else rng.uniform(3.2, 4.6),
        floor=rng.uniform(2.9, 3.6),
        window=(rng.uniform(0.38, 0.5) if slim else rng.uniform(0.55, 0.8), rng.uniform(0.42, 0.58)),
        ground=rng.uniform(3.4, 4.2) if rng.random() < 0.6 else 0.0,
        lit=rng.uniform(0.12, 0.4),
        warmth=rng.uniform(0.5, 4.0),
        seed=int(rng.integers(2**31)),
    )


def _line_side(made: Street, side: int, kind: str) -> None:
    """Line one side of the street: houses at the pavement, houses behind trees, or a park."""
    rng = generator("side", made.seed, side + 1)
    edge = made.road + made.pavement
    if kind != "park":
        setback = 0.0 if kind == "town" else rng.uniform(5.0, 9.0)
        z, line = rng.uniform(-6.0, 2.0), edge + setback
        while z < 130:
            length = rng.uniform(11, 26)
            storeys = int(rng.integers(2, 6))
            facade = _facade(rng)
            height = facade.ground + (storeys - bool(facade.ground)) * facade.floor + rng.uniform(0.5, 1.2)
            made.buildings.append(Building(side * line, side, z, z + length, height, facade))
            z += length
            if rng.random() < 0.45:
                z, line = z + rng.uniform(3, 9), edge + setback + rng.uniform(0, 0.6)
    row = edge - made.pavement + 0.7 if kind == "town" else edge + rng.uniform(0.8, 1.6)
    if kind != "town" or rng.random() < 0.5:
        _add_row(made, rng, side, row, rng.uniform(8, 13) if kind == "town" else rng.uniform(5.5, 9))
    if kind == "park":
        _add_thicket(made, rng, side, edge)
    if kind != "town" and rng.random() < 0.6:
        z = rng.uniform(4, 9)
        while z < 60:
            made.plants.append(Plant(side * (edge + 0.6), z, 0.0, (2.6, rng.uniform(0.9, 1.4)), 2, _seed(rng)))
            z += rng.uniform(2.0, 2.4)


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


def _add_row(made: Street, rng: np.random.Generator, side: int, x: float, spacing: float) -> None:
    kind, tall = int(rng.random() < 0.3), rng.uniform(0.8, 1.25)
    z = rng.uniform(6, 6 + spacing)
    while z < 75:
        crown = (tall * rng.uniform(3.2, 4.8), tall * rng.uniform(3.4, 4.8))
        trunk = tall * rng.uniform(2.2, 3.0)
        made.plants.append(Plant(side * (x + rng.uniform(-0.2, 0.2)), z, trunk, crown, kind, _seed(rng)))
        z += spacing * rng.uniform(0.85, 1.2)


def _add_thicket(made: Street, rng: np.random.Generator, side: int, edge: float) -> None:
    for z in np.linspace(70, 12, 8).tolist():
        x = edge + rng.uniform(4, 7) + (z - 10) * rng.uniform(0.05, 0.3)
        crown = (rng.uniform(4.5, 7.0), rng.uniform(4.5, 7.5))
        place = (side * x, float(z + rng.uniform(-2, 2)))
        made.plants.append(Plant(*place, rng.uniform(1.2, 2.4), crown, int(rng.random() < 0.4), _seed(rng)))
        bush = (rng.uniform(2, 4), rng.uniform(1.0, 1.8))
        made.plants.append(Plant(side * (x - rng.uniform(1, 3)), float(z - 2), 0.0, bush, 2, _seed(rng)))


def _add_lamps(made: Street) -> None:
    rng = generator("lamps", made.seed)
    side = 1 if rng.random() < 0.5 else -1
    height, spacing, z = rng.uniform(4.5, 7.5), rng.uniform(18, 28), rng.uniform(10, 20)
    while z < 130:
        made.lamps.append(Lamp(side * (made.road + 0.45), z, height, -side * rng.uniform(0.9, 1.0)))
        z += spacing
        side = -side if rng.random() < 0.8 else side


PAINTS: tuple[Colour, ...] = (
    (0.55, 0.55, 0.55),
    (0.30, 0.31, 0.33),
    (0.03, 0.03, 0.035),
    (0.02, 0.03, 0.08),
    (0.30, 0.02, 0.02),
    (0.72, 0.72, 0.70),
    (0.05, 0.10, 0.22),
    (0.06, 0.09, 0.07),
)
"""Linear reflectance of car paints."""


def _add_vehicles(made: Street) -> None:
    rng = generator("vehicles", made.seed)
    drawn: list[Vehicle] = []

    def add(x: float, z: float, heading: float, running: bool) -> None:
        kind = ("sedan", "hatchback", "van", "suv")[int(rng.choice(4, p=[0.35, 0.3, 0.15, 0.2]))]
        drawn.append(Vehicle(x, z, heading, kind, PAINTS[int(rng.integers(len(PAINTS)))], running, _seed(rng)))

    for side in (-1, 1):
        if rng.random() < 0.65:
            z = rng.uniform(6.5, 16)
            while z < 58:
                if rng.random() < 0.62:
                    add(side * (made.road - 1.05), z, 0.0 if side > 0 else np.pi, bool(rng.random() < 0.2))
                z += rng.uniform(5.4, 6.2)
    lane = 0.48 * made.road - 0.3
    for side in (-1, 1):
        z = rng.uniform(12, 34)
        while z < 110 and rng.random() < 0.75:
            add(side * lane, z, 0.0 if side > 0 else np.pi, True)
            z += rng.uniform(12, 40)
    for vehicle in drawn:
        if abs(vehicle.x - made.view[0]) > 1.6 or vehicle.z > 11:
            made.vehicles.append(vehicle)


def _add_people(made: Street) -> None:
    """People on pavements and crossing, away from lamps by night, apart from each other and from vehicles."""
    rng = generator("people", made.seed)
    for _ in range(int(rng.integers(4, 9))):
        spots = [_spot(made, rng) for _ in range(16)]
        x, z = min(spots, key=lambda spot: _exposure(made, *spot))
        if _exposure(made, x, z) > 50:
            continue
        yaw = rng.choice([0.0, np.pi]) + rng.uniform(-0.5, 0.5)
        if abs(x) < made.road:
            yaw = rng.choice([-1, 1]) * np.pi / 2 + rng.uniform(-0.4, 0.4)
        made.people.append(Person(x, z, float(yaw), rng.uniform(1.58, 1.86), _seed(rng)))
        if rng.random() < 0.35:
            beside = (x + rng.uniform(0.5, 0.7), z + rng.uniform(-0.3, 0.3))
            made.people.append(Person(*beside, float(yaw), rng.uniform(1.55, 1.8), _seed(rng)))


def _spot(made: Street, rng: np.random.Generator) -> tuple[float, float]:
    z = 6.5 + 30 * rng.random() ** 1.6
    if rng.random() < 0.3:
        return made.road * rng.uniform(-0.9, 0.9), z + 3
    return (1 if rng.random() < 0.5 else -1) * (made.road + made.pavement * rng.uniform(0.3, 0.9)), z


def _exposure(made: Street, x: float, z: float) -> float:
    """Penalty of placing a person at (x, z): out of sight, in the light, or too close to others."""
    camera = made.camera(480, 640)
    column = (x - camera.x) / z * camera.focal + camera.centre
    bad = 100.0 * (not 0.03 * 640 < column < 0.97 * 640)
    for person in made.people:
        bad += 60.0 * (abs(person.x / person.z - x / z) < 0.07 and abs(person.z - z) > 0.8)
        bad += 60.0 * (math.hypot(person.x - x, person.z - z) < 0.8)
    for vehicle in made.vehicles:
        bad += 60.0 * (abs(vehicle.x - x) < 1.7 and abs(vehicle.z - z) < 3.4)
        hidden = vehicle.z < z and abs((vehicle.x - camera.x) / vehicle.z - (x - camera.x) / z) < 1.2 / vehicle.z
        bad += 40.0 * hidden
    for plant in made.plants:
        screened = plant.z < z and plant.trunk == 0
        bad += 40.0 * (screened and abs((plant.x - camera.x) / plant.z - (x - camera.x) / z) < 1.4 / plant.z)
    return bad + (_conspicuous(made, x, z) if made.weather.night else 0.0)


def _conspicuous(made: Street, x: float, z: float) -> float:
    """How much light falls on a person by night, and on the ground and the walls before which the person is seen."""
    camera_x, eye = made.view[0], made.view[1]
    beyond = min(eye / (eye - 1.0), 3.0)
    spots = ((x, z), (camera_x + (x - camera_x) * beyond, z * beyond))
    lit = 0.0
    for lamp in made.lamps:
        lit += sum(25.0 / (1 + ((lamp.x + lamp.reach - px) ** 2 + (lamp.z - pz) ** 2) / 30) for px, pz in spots)
    for vehicle in made.vehicles:
        if vehicle.running and math.cos(vehicle.heading) < 0:
            lit += 15.0 * (abs(vehicle.x - x) < 2.5 and 0 < vehicle.z - z < 15)
    shops = any(one.side * x > 0 and one.near < z * beyond < one.far and one.facade.ground for one in made.buildings)
    return lit + 12.0 * (shops and abs(x) > made.road)
