import hashlib
import http.server
import logging
import multiprocessing
import threading
import time
from pathlib import Path

import pytest

from effective_sparsity.datasets.fetch import MIRRORS_VARIABLE, RemoteFile, checksum, fetch, list_mirrors
from effective_sparsity.errors import UserError

CONTENT = bytes(range(256)) * 9000  # 2.2 MiB, more than one read
FILE = RemoteFile("numbers.bin", f"sha256:{hashlib.sha256(CONTENT).hexdigest()}")


@pytest.fixture
def mirror(tmp_path) -> Path:
    folder = tmp_path / "a mirror"
    folder.mkdir()
    (folder / FILE.name).write_bytes(CONTENT)
    return folder


@pytest.fixture
def data(tmp_path) -> Path:
    return tmp_path / "data"


class Server:
    """A web server on this machine that answers one request after the other with what `answers` holds."""

    def __init__(self):
        server = self
        self.answers: list[tuple[int, bytes, int]] = []  # status, body, length that the header claims
        self.requests: list[str] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                server.requests.append(self.path)
                status, body, length = server.answers.pop(0)
                self.send_response(status)
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/files/"


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.http.shutdown()
    thread.join()
    server.http.server_close()


GOOD = (200, CONTENT, len(CONTENT))


def test_a_file_comes_from_a_folder(mirror, data):
    path = fetch(FILE, data, [mirror.as_uri()])
    assert path == data / FILE.name
    assert path.read_bytes() == CONTENT


def test_a_folder_may_be_given_relative_to_the_working_folder(mirror, data, monkeypatch):
    monkeypatch.chdir(mirror.parent)
    mirror.rename("mirror")
    assert fetch(FILE, data, "file:mirror").read_bytes() == CONTENT


def test_a_file_that_is_there_is_not_fetched_again(data):
    data.mkdir()
    (data / FILE.name).write_bytes(CONTENT)
    assert fetch(FILE, data) == data / FILE.name


@pytest.mark.parametrize("damaged", [b"", CONTENT[:-1], CONTENT[:-1] + b"?", CONTENT + b"?"])
def test_a_damaged_file_is_fetched_again(mirror, data, damaged):
    data.mkdir()
    (data / FILE.name).write_bytes(damaged)
    assert fetch(FILE, data, [mirror.as_uri()]).read_bytes() == CONTENT


def test_a_damaged_file_stays_until_there_is_a_better_one(data):
    data.mkdir()
    (data / FILE.name).write_bytes(b"the user's own")
    with pytest.raises(UserError, match="is not the expected file and cannot be fetched"):
        fetch(FILE, data)
    assert (data / FILE.name).read_bytes() == b"the user's own"


def test_what_a_killed_process_left_is_ignored(mirror, data):
    data.mkdir()
    (data / f".{FILE.name}.partial").write_bytes(CONTENT[:100])
    (data / f".{FILE.name}.lock").touch()
    assert fetch(FILE, data, [mirror.as_uri()]).read_bytes() == CONTENT
    assert not (data / f".{FILE.name}.partial").exists()


@pytest.mark.parametrize("wrong", [CONTENT[:1000], CONTENT + b"?"])
def test_a_mirror_with_other_bytes_is_refused_and_nothing_is_left(mirror, data, wrong):
    (mirror / FILE.name).write_bytes(wrong)
    found = hashlib.sha256(wrong).hexdigest()
    with pytest.raises(UserError, match=f"incomplete or not the canonical file.*{found}"):
        fetch(FILE, data, [mirror.as_uri()])
    assert [path.name for path in data.iterdir()] == [f".{FILE.name}.lock"]


def test_the_next_mirror_helps_when_one_is_wrong_and_another_is_empty(mirror, data, tmp_path):
    for name in ("wrong", "empty"):
        (tmp_path / name).mkdir()
    (tmp_path / "wrong" / FILE.name).write_bytes(b"wrong")
    urls = [(tmp_path / "wrong").as_uri(), (tmp_path / "empty").as_uri(), mirror.as_uri()]
    assert fetch(FILE, data, urls).read_bytes() == CONTENT


def test_offline_one_line_says_what_to_do(data):
    file = RemoteFile(FILE.name, FILE.checksum, homes=("http://127.0.0.1:9",))  # nobody listens there
    with pytest.raises(UserError) as caught:
        fetch(file, data)
    message = str(caught.value)
    assert "\n" not in message
    for part in (
        str(data / FILE.name),
        "127.0.0.1:9",
        FILE.checksum,
        "`mirrors`",
        MIRRORS_VARIABLE,
        "file:///",
    ):
        assert part in message


def test_a_file_without_any_mirror_is_asked_for(data):
    with pytest.raises(UserError, match="no mirror was named"):
        fetch(FILE, data)


def test_a_folder_that_cannot_be_written_to_is_named(mirror, tmp_path):
    (tmp_path / "data").write_text("a file, where the folder should be")
    with pytest.raises(UserError, match=r"data/numbers\.bin: cannot be read or written"):
        fetch(FILE, tmp_path / "data", [mirror.as_uri()])


def test_a_web_mirror_is_tried_again_while_it_is_busy(server, data):
    server.answers = [(503, b"", 0), (503, b"", 0), GOOD]
    assert fetch(FILE, data, server.url).read_bytes() == CONTENT
    assert server.requests == ["/files/numbers.bin"] * 3


def test_a_transfer_that_breaks_off_is_tried_again(server, data):
    server.answers = [(200, CONTENT[:5000], len(CONTENT)), GOOD]
    assert fetch(FILE, data, server.url).read_bytes() == CONTENT


def test_a_mirror_is_given_up_after_three_attempts(server, data):
    server.answers = [(503, b"", 0)] * 9
    with pytest.raises(UserError, match="HTTP status 503"):
        fetch(FILE, data, server.url)
    assert len(server.requests) == 3


def test_a_mirror_without_the_file_is_asked_once(server, data):
    server.answers = [(404, b"", 0)] * 9
    with pytest.raises(UserError, match="HTTP status 404"):
        fetch(FILE, data, server.url)
    assert len(server.requests) == 1


def fetch_in_new_process(*arguments) -> multiprocessing.Process:
    process = multiprocessing.get_context("spawn").Process(target=fetch, args=arguments)
    process.start()
    return process


def test_of_several_processes_one_fetches(server, data):
    server.answers = [GOOD]  # a second request would find no answer, and its process would fail
    answer = server.http.RequestHandlerClass.do_GET

    def give_the_others_time_to_come(handler):
        time.sleep(1)
        answer(handler)

    server.http.RequestHandlerClass.do_GET = give_the_others_time_to_come
    processes = [fetch_in_new_process(FILE, data, server.url) for _ in range(3)]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert server.requests == ["/files/numbers.bin"]
    assert (data / FILE.name).read_bytes() == CONTENT


def test_a_process_killed_while_fetching_leaves_no_lock_and_no_half_file(server, data):
    server.answers = [(200, CONTENT[:5000], len(CONTENT)), GOOD]
    half_sent, go_on = threading.Event(), threading.Event()
    answer = server.http.RequestHandlerClass.do_GET

    def send_half_and_wait(handler):
        answer(handler)
        handler.wfile.flush()
        half_sent.set()
        go_on.wait(60)

    server.http.RequestHandlerClass.do_GET = send_half_and_wait
    process = fetch_in_new_process(FILE, data, server.url)
    assert half_sent.wait(60)
    process.kill()
    process.join()
    assert not (data / FILE.name).exists()

    go_on.set()
    server.http.RequestHandlerClass.do_GET = answer
    assert fetch(FILE, data, server.url).read_bytes() == CONTENT


def test_named_mirrors_come_before_the_environment_and_the_homes(mirror, data, monkeypatch, caplog):
    monkeypatch.setenv(MIRRORS_VARIABLE, "file:///second")
    file = RemoteFile(FILE.name, FILE.checksum, homes=(mirror.as_uri(),))
    with caplog.at_level(logging.INFO):
        fetch(file, data, ["file:///first/"])
    fetched = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    assert fetched == [
        f"fetching {url}/{FILE.name}" for url in ("file:///first", "file:///second", mirror.as_uri())
    ]


def test_mirrors_may_be_a_list_or_a_text(monkeypatch):
    monkeypatch.setenv(MIRRORS_VARIABLE, "file:///c, https://d/x\thttp://e")
    expected = ["file:///a", "file:///c", "https://d/x", "http://e"]
    assert list_mirrors(["file:///a", "file:///c"]) == expected
    assert list_mirrors(" file:///a,file:///c ") == expected


@pytest.mark.parametrize("url", ["/a/folder", "ftp://host/x", "C:/data", "s3://bucket"])
def test_other_urls_are_refused(url):
    with pytest.raises(UserError, match=f"mirror '{url}'"):
        list_mirrors(url)


@pytest.mark.parametrize(
    "text", ["", "abc", "md5:abc", "sha256:" + "g" * 64, "sha1:" + "0" * 40, "md5:" + "A" * 32]
)
def test_other_checksums_are_refused(text):
    with pytest.raises(UserError, match="checksum of x"):
        RemoteFile("x", text)


@pytest.mark.parametrize("name", ["", "..", "/etc/x", "a/b", "../x"])
def test_names_with_folders_are_refused(name):
    with pytest.raises(UserError, match="file name"):
        RemoteFile(name, FILE.checksum)


def test_checksums_are_those_of_the_standard_tools(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    assert checksum(tmp_path / "x", "md5") == "md5:900150983cd24fb0d6963f7d28e17f72"
    expected = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert checksum(tmp_path / "x", "sha256") == expected
