"""What networks were trained on."""

from effective_sparsity.training.hardware import hardware, machine, processor


def test_a_processor_has_a_name_and_threads():
    assert processor()
    assert hardware("packed", "cuda", 1) == f"{processor()}, 1 thread"
    assert hardware("masked", "cpu", 2) == f"{processor()}, 2 threads"
    assert processor() in machine()


def test_a_graphics_processor_has_its_own_name(monkeypatch):
    monkeypatch.setattr("torch.empty", lambda *shape, device: None)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda device: f"card of {device.type}")
    assert hardware("masked", "cuda", 4) == "card of cuda"
