import re
from pathlib import Path

from blaster import config

EXAMPLE = (Path(__file__).parent.parent / ".env.example").read_text()


def test_every_setting_is_in_the_example_and_nothing_else():
    documented = set(re.findall(r"^#BLASTER_(\w+)=", EXAMPLE, re.MULTILINE))
    assert documented == {name.upper() for name in config.Settings.__dataclass_fields__}


def test_the_values_of_the_example_are_the_defaults(tmp_path):
    base = {"BLASTER_DATA_DIR": str(tmp_path)}
    shown = dict(re.findall(r"^#(BLASTER_\w+)=(.+)$", EXAMPLE, re.MULTILINE))
    for name in ("BLASTER_DATA_DIR", "BLASTER_CAMPAIGN_URL", "BLASTER_CRM_URL"):
        del shown[name]
    assert config.load({**base, **shown}) == config.load(base)
