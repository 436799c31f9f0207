"""The fixtures of the scenarios, for the examples."""

import importlib.util
import pathlib
import sys

SCENARIOS = pathlib.Path(__file__).resolve().parent.parent / "scenarios"
sys.path.insert(0, str(SCENARIOS))
spec = importlib.util.spec_from_file_location("scenarios_conftest", SCENARIOS / "conftest.py")
scenarios = importlib.util.module_from_spec(spec)
spec.loader.exec_module(scenarios)
ground, make, shared = scenarios.ground, scenarios.make, scenarios.shared
