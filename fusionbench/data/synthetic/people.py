"""People as the camera sees them: in muted clothes, warm where skin is bare."""

from __future__ import annotations

import numpy as np

from fusionbench.data.synthetic.camera import Array, Camera
from fusionbench.data.synthetic.canvas import Patch, shrunk
from fusionbench.data.synthetic.figures import BOX, NOTHING, TOP, TROUSERS, Figure, figure
from fusionbench.data.synthetic.light import Light, from_cube
from fusionbench.data.synthetic.street import Person, Street
from fusionbench.data.synthetic.texture import TILE, fractal, generator, sample

CLOTH = (
    (0.020, 0.021, 0.026),
    (0.035, 0.036, 0.040),
    (0.030, 0.036, 0.055),
    (0.050, 0.052, 0.036),
    (0.068, 0.060, 0.046),
    (0.085, 0.080, 0.075),
    (0.045, 0.030, 0.026),
)
"""Linear reflectance of the clothes that people wear here: black, gray, navy, olive, khaki, pale gray, brown."""

TONES = ((0.36, 0.23, 0.16), (0.26, 0.15, 0.095), (0.12, 0.066, 0.042))
HAIR_COLOURS = ((0.016, 0.013, 0.011), (0.05, 0.032, 0.02), (0.10, 0.09, 0.085))
LEATHER = (0.03, 0.026, 0.022)

WARMTH = (27.0, 20.0, 17.5, 16.5, 10.5, 8.5, 0.0)
"""Temperature of skin, hair, top, trousers, shoes, bag and nothing at 0 degrees of air."""

INSULATION = 0.45
"""Degrees by which they follow each degree of the air: skin and cloth hardly change while the air does."""


def person_patch(camera: Camera, street: Street, person: Person, light: Light, shade: float) -> Patch | None:
    """A person as seen by the camera; `shade` is the share of the sun that arrives."""
    scale = camera.focal / person.z
    density = min(max(1.9 * scale, 40.0), 240.0)
    drawn = figure(person, density)
    radiance, heat = _lit(drawn, density, street, person, light, shade)
    left, top = camera.project((person.x + BOX[0], BOX[3], person.z)).tolist()
    ratio = scale / density
    size = (max(round(heat.shape[1] * ratio), 1), max(round(heat.shape[0] * ratio), 1))
    alpha, radiance, heat = shrunk((drawn.material != NOTHING).astype(np.float32), radiance, heat, size)
    return Patch(
        round(top + drawn.top * ratio), round(left + drawn.left * ratio), person.z, alpha, radiance, heat, "people"
    )


def _lit(
    drawn: Figure, density: float, street: Street, person: Person, light: Light, shade: float
) -> tuple[Array, Array]:
    """(3, h, w) radiance and (h, w) temperature of a drawn person."""
    rng = generator("clothes", person.seed)
    skin, hair = TONES[int(rng.integers(len(TONES)))], HAIR_COLOURS[int(rng.integers(len(HAIR_COLOURS)))]
    cloth = np.array(CLOTH)[rng.integers(len(CLOTH), size=3)] * rng.uniform(0.7, 1.25, (3, 1))
    albedo = np.array([skin, hair, cloth[0], cloth[1], LEATHER, cloth[2], (0, 0, 0)], np.float32)
    normal = drawn.normal
    irradiance = light.hemisphere(normal[1])
    if street.weather.night:
        irradiance += from_cube(light.around(person.x, 1.2, person.z - 0.1), normal)
    else:
        irradiance += light.facing(normal) * (light.sun * shade)
    warm = np.array(WARMTH, np.float32) + INSULATION * street.weather.air
    warm[[TOP, TROUSERS]] += rng.uniform(-2.3, 2.5, 2)
    rows, columns = (np.arange(side, dtype=np.float32) * (90 / density) for side in normal.shape[1:])
    mottle = sample(fractal(), columns[None] + person.seed % TILE, rows[:, None])
    heat = warm[drawn.material] - 2.2 * (normal[2] + 0.8) + 0.9 * normal[1] + 0.7 * mottle
    return np.take(albedo.T, drawn.material, axis=1) * irradiance, heat
