"""Where results come from."""

import json

import pytest
import yaml

from effective_sparsity.errors import DamagedFileError
from effective_sparsity.study.config import read_config
from effective_sparsity.study.provenance import read_provenance, write_provenance


def test_settings_versions_and_machines_are_noted(root, tmp_path):
    study = read_config(yaml.safe_load((root / "tests/workflow/tiny.yaml").read_text()))
    write_provenance(tmp_path / "file", study, {"some card": 3})
    facts = read_provenance(tmp_path / "file")
    assert facts["trained_on"] == {"some card": 3}
    assert facts["study"]["architectures"]["lenet-300-100"]["steps"] == 20
    assert "mirrors" not in facts["study"]  # which may name folders of this machine
    assert facts["packages"]["torch"]
    assert "cores" in facts["machine"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b"{}", json.dumps({"study": 3}).encode()])
def test_damage_is_noticed(content, tmp_path):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(DamagedFileError):
        read_provenance(tmp_path / "file")
