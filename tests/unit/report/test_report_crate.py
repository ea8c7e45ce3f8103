"""The RO-Crate is one: its own library reads it, and each file that it names is there."""

import json

from ledgers import beginning, drawn, many
from rocrate.rocrate import ROCrate

from fcx.report import lines
from fcx.report.crate import METADATA, crate


def written(folder, report):
    for name, text in crate(report).items():
        (folder / name).write_text(text)
    return ROCrate(str(folder))


def test_the_library_finds_all_that_lies_there(tmp_path):
    found = written(tmp_path, drawn(many(50)))
    files = {path.name for path in tmp_path.iterdir()}
    assert {entity.id for entity in found.data_entities} == files - {METADATA}
    assert "50 tasks" in found.description
    assert found.root_dataset["license"].id == "#license"
    assert found.root_dataset.datePublished


def test_the_run_names_its_software_and_its_image(tmp_path):
    run = written(tmp_path, drawn(many(50))).get("#run")
    assert run.type == "CreateAction"
    assert run["instrument"]["version"] == "0.1.0"
    assert "b1d" in str(run["object"]["identifier"])
    assert run["startTime"] < run["endTime"]


def test_it_holds_to_1_1():
    metadata = json.loads(crate(drawn(many(50)))[METADATA])
    assert metadata["@context"] == "https://w3id.org/ro/crate/1.1/context"
    by_id = {entity["@id"]: entity for entity in metadata["@graph"]}
    assert by_id[METADATA]["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    assert by_id[METADATA]["about"] == {"@id": "./"}
    assert {"name", "description", "datePublished", "license", "hasPart"} <= set(by_id["./"])
    assert all({"@id", "@type"} <= set(entity) for entity in metadata["@graph"])
    named = [one["@id"] for entity in metadata["@graph"] for one in _references(entity)]
    assert not [
        one for one in named if one not in by_id and not one.startswith("https://w3id.org/")
    ]


def _references(entity):
    for value in entity.values():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                yield one


def test_a_run_without_an_image_has_one_too(tmp_path):
    bare = [line for line in beginning() if not isinstance(line, lines.Place)]
    assert written(tmp_path, drawn([*bare, lines.Ended(bare[0].at + 1)])).get("#run") is not None
