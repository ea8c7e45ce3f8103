"""Shapes of one run: what is given takes the place of a setting, and equal ones are one."""

from __future__ import annotations

import json

import pytest

from fcx.config import VARIABLES
from fcx.errors import OptionError
from fcx.executor.effects.context import Identity, Place
from fcx.executor.kits import Kit, Kits
from fcx.executor.scripts import Scripts
from fcx.executor.settings import settle
from fcx.executor.shapes import reshape, reshaped_before
from fcx.parity.gate import Gate
from fcx.protocol import packing
from fcx.protocol.bundle import Item

CREDENTIALS = {**dict.fromkeys(VARIABLES, "http://127.0.0.1:1/x"), "FIRECREST_ACCOUNT": "ours"}
OWN = {"working_dir": "/w", "sbatch_options": ["--time=5"], "srun_options": ["--mpi=none"]}


class Nothing:
    """A machine that remembers nothing."""

    def get(self, key, max_age):
        """Nothing."""

    def store(self, key, value):
        """Not kept."""

    def forget(self, key):
        """Nothing is lost."""


pytestmark = pytest.mark.usefixtures("project")


def settled(**given):
    """An executor's settings and question."""
    return settle({**OWN, **given}, CREDENTIALS)


def kits_of(**given) -> Kits:
    """Those of a run that has one."""
    settings, question = settled(**given)
    first = Kit(0, settings, Gate(question, Nothing()), Scripts(settings, "run", b"k" * 32))
    return Kits(first, Nothing(), Identity("run", b"k" * 32), Place("/w/run"))


def taken(kits: Kits, base: int = 0, **given) -> Kit:
    """The kit of a view of this shape's."""
    kit = kits[base]
    rules = kit.gate.question.rules
    return kits.take(*reshape(kit.settings, kits[0].settings, rules, given))


def test_what_is_given_takes_the_place_of_that_setting_alone():
    """An empty list is given; None is not."""
    kits = kits_of()
    wide = taken(kits, workers_per_node=4)
    assert wide.settings.options.sbatch == ("--time=5",)
    bare = taken(kits, wide.shape, sbatch_options=[], srun_options=None)
    assert (bare.settings.options.sbatch, bare.settings.options.srun) == ((), ("--mpi=none",))
    assert bare.settings.table.workers_per_node == 4
    assert (wide.settings.called, bare.settings.called) == (" with workers_per_node=4",) * 2


def test_equal_shapes_are_one_however_they_came_about():
    """The executor's own as well: no pilots for what there is."""
    kits = kits_of()
    wide = taken(kits, workers_per_node=4)
    assert taken(kits, workers_per_node=4) is wide
    assert taken(kits, wide.shape, workers_per_node=1) is kits[0]
    assert taken(kits, sbatch_options=["--time=5"]) is kits[0]
    assert len(kits) == 2


def test_a_place_that_is_the_same_has_the_same_verdict():
    """sbatch options say nothing of it; srun options and environments do."""
    kits = kits_of()
    assert taken(kits, sbatch_options=["--partition=gpu"]).gate is kits[0].gate
    other = taken(kits, srun_options=["--uenv=x"])
    assert other.gate is not kits[0].gate
    again = taken(kits, other.shape, workers_per_node=2)
    assert again.gate is other.gate
    assert kits.like(again) == other.shape
    assert taken(kits, environment="./one.toml").gate not in (kits[0].gate, other.gate)


def test_whichever_names_an_edf_last_counts():
    """An argument over the options before it, and the other way round; what is not given stays."""
    kits = kits_of(environment="./one.toml")
    assert kits[0].settings.environment.name.startswith("one-")
    assert taken(kits, workers_per_node=2).settings.environment.name.startswith("one-")
    assert taken(kits, srun_options=["--mpi=pmi2"]).settings.environment.name.startswith("one-")
    by_option = taken(kits, srun_options=["--environment=/far/two.toml"])
    assert by_option.settings.environment.name.startswith("two-")
    assert not taken(kits, by_option.shape, srun_options=[]).settings.environment.name
    assert not taken(kits, environment="").settings.environment.name
    other = taken(kits, by_option.shape, environment="./one.toml")
    assert other.settings.environment.name.startswith("one-")
    with pytest.raises(OptionError, match="both name an EDF"):
        taken(kits, environment="./two.toml", srun_options=["--environment=/far/one.toml"])
    with pytest.raises(OptionError, match="asks for none; give one of them"):
        taken(kits, environment="", srun_options=["--environment=/far/one.toml"])


def test_an_account_among_its_options_pays_for_it_alone():
    """Without one the usual one does, whoever pays for the executor's own."""
    kits = kits_of(sbatch_options=["--account=theirs"])
    assert kits[0].settings.credentials.account == "theirs"
    assert taken(kits, sbatch_options=["-A", "third"]).settings.credentials.account == "third"
    assert taken(kits, sbatch_options=[]).settings.credentials.account == "ours"


def test_another_process_has_it_from_its_record_under_the_same_mark():
    """It makes no other of it, and its own takes the place of what was only recorded."""
    kits = kits_of(environment="./one.toml")
    made = taken(kits, sbatch_options=["--partition=gpu"], environment="./two.toml")
    later = kits_of(environment="./one.toml")
    known = later.take(
        *reshaped_before(later[0].settings, made.settings.shape_record()), again=True
    )
    assert (known.mark, known.again) == (made.mark, True)
    assert known.settings.shape == made.settings.shape
    assert later.take(*reshaped_before(later[0].settings, made.settings.shape_record()), again=True)
    assert len(later) == 2
    anew = taken(later, sbatch_options=["--partition=gpu"], environment="./two.toml")
    assert (anew.shape, anew.again, anew.mark) == (known.shape, False, made.mark)
    assert later[known.shape] is anew


def test_one_whose_edf_stands_among_its_options_is_recognised_too():
    """Only its content counts, not where it came from."""
    options = {"srun_options": ["--environment=/far/two.toml", "--mpi=none"]}
    made = taken(kits_of(), **options)
    later = kits_of()
    known = later.take(
        *reshaped_before(later[0].settings, made.settings.shape_record()), again=True
    )
    assert taken(later, **options).shape == known.shape
    assert known.settings.environment.text == made.settings.environment.text


def test_one_of_an_earlier_process_is_never_the_executors_own():
    """Its bundles have a mark, and only pilots that have it take them."""
    made = taken(kits_of(), workers_per_node=4)
    later = kits_of(workers_per_node=4)
    known = later.take(
        *reshaped_before(later[0].settings, made.settings.shape_record()), again=True
    )
    assert (known.shape, known.mark) == (1, made.mark)
    assert taken(later, workers_per_node=4) is later[0]


def test_the_head_of_a_bundle_says_what_its_shape_is_made_of():
    """Of one of the executor's own it says nothing, nor did that of an older fcx."""
    made = taken(kits_of(), workers_per_node=4)
    record = made.settings.shape_record()
    items = [Item("t1", 0, "f", b"x")]
    of_shape = packing.encode("b000001", items, [1], {}, made.mark, key=b"k", shape=record)
    assert packing.shape_of(of_shape.files[-1][1]) == json.loads(json.dumps(record))
    own = packing.encode("b000002", items, [1], {}, key=b"k")
    assert packing.shape_of(own.files[-1][1]) is None
