"""Transfers against a server of our own that misbehaves on demand."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import socket
import ssl
import subprocess
from functools import partial
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from fusionbench.weights import download
from fusionbench.weights.download import fetch

from .. import server

CONTENT = np.random.default_rng(0).integers(256, size=1_500_000, dtype=np.uint8).tobytes()
KIB16 = 2**14  # what is written at a time
SHA256 = hashlib.sha256(CONTENT).hexdigest()


Behaviour = partial(server.Behaviour, content=CONTENT)


def get(urls, target, sha256=SHA256, size=None):
    return fetch(urls, target, sha256, size, progress=False, wait=0.01)


def test_file_arrives_whole_and_alone(tmp_path, serve):
    target = get([serve("/a", Behaviour())], tmp_path / "new" / "a.zip")
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["a.zip"]


def test_right_file_is_not_fetched_again(tmp_path, serve):
    how = Behaviour()
    target = tmp_path / "a.zip"
    target.write_bytes(CONTENT)
    get([serve("/a", how)], target)
    assert how.requests == []


def test_wrong_file_on_disk_is_replaced_where_the_checksum_is_known(tmp_path, serve):
    target = tmp_path / "a.zip"
    target.write_bytes(b"old")
    get([serve("/a", Behaviour())], target)
    assert target.read_bytes() == CONTENT


def test_file_of_another_size_without_a_checksum_is_not_taken_for_right(tmp_path, serve):
    target = tmp_path / "a.zip"
    target.write_bytes(b"old")
    with pytest.raises(ValueError, match=f"a.zip has 3 bytes, expected {len(CONTENT)}; delete it"):
        get([serve("/a", Behaviour())], target, None, len(CONTENT))


def test_cut_connection_is_continued_not_repeated(tmp_path, serve):
    how = Behaviour(cuts=[40 * KIB16, 30 * KIB16])
    target = get([serve("/a", how)], tmp_path / "a.zip")
    assert target.read_bytes() == CONTENT
    assert how.starts == [0, 40 * KIB16, 70 * KIB16]


def test_interrupted_transfer_goes_on_in_the_next_run(tmp_path, serve):
    broken = Behaviour(cuts=[45 * KIB16, 0, 0, 0])
    url = serve("/a", broken)
    with pytest.raises(OSError, match=r"could not download a\.zip: .*the connection broke off; or put"):
        get([url], tmp_path / "a.zip")
    assert (tmp_path / "a.zip.part").stat().st_size == 45 * KIB16
    assert not (tmp_path / "a.zip").exists()
    how = Behaviour()
    serve("/a", how)
    assert get([url], tmp_path / "a.zip").read_bytes() == CONTENT
    assert how.starts == [45 * KIB16]
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_another_mirror_continues_what_the_first_began(tmp_path, serve):
    first, second = Behaviour(cuts=[45 * KIB16, 0, 0, 0]), Behaviour(etag='"other"')
    target = get([serve("/a", first), serve("/b", second)], tmp_path / "a.zip")
    assert target.read_bytes() == CONTENT
    assert second.starts == [45 * KIB16]


def test_beginning_of_another_file_is_thrown_away(tmp_path, serve):
    wrong = bytes(reversed(CONTENT))
    first, second = Behaviour(content=wrong, cuts=[45 * KIB16, 0, 0, 0]), Behaviour()
    target = get([serve("/a", first), serve("/b", second)], tmp_path / "a.zip")
    assert target.read_bytes() == CONTENT
    assert second.starts == [45 * KIB16, 0]


def test_without_a_checksum_a_changed_file_begins_anew(tmp_path, serve):
    url = serve("/a", Behaviour(content=bytes(reversed(CONTENT)), cuts=[45 * KIB16, 0, 0, 0]))
    with pytest.raises(OSError, match="could not download"):
        get([url], tmp_path / "a.zip", sha256=None)
    how = Behaviour(etag='"two"')
    serve("/a", how)
    assert get([url], tmp_path / "a.zip", sha256=None).read_bytes() == CONTENT
    assert how.starts == [45 * KIB16]


def test_without_a_checksum_and_a_validator_nothing_is_continued(tmp_path, serve):
    how = Behaviour(cuts=[45 * KIB16], etag="")
    assert get([serve("/a", how)], tmp_path / "a.zip", sha256=None).read_bytes() == CONTENT
    assert how.starts == [0, 0]


def test_server_without_ranges_sends_the_whole_again(tmp_path, serve):
    how = Behaviour(cuts=[45 * KIB16], ranges=False)
    target = get([serve("/a", how)], tmp_path / "a.zip")
    assert target.read_bytes() == CONTENT
    assert how.starts == [0, 45 * KIB16]


def test_server_that_lies_about_its_range_is_not_believed(tmp_path, serve):
    how = Behaviour(cuts=[45 * KIB16], lie=True)
    assert get([serve("/a", how)], tmp_path / "a.zip").read_bytes() == CONTENT
    assert how.starts == [0, 45 * KIB16, 0]


def test_transfer_stopped_after_the_last_byte_is_complete(tmp_path, serve):
    how = Behaviour()
    (tmp_path / "a.zip.part").write_bytes(CONTENT)
    assert get([serve("/a", how)], tmp_path / "a.zip").read_bytes() == CONTENT
    assert how.starts == [len(CONTENT)]


def test_part_longer_than_the_file_is_thrown_away(tmp_path, serve):
    how = Behaviour()
    (tmp_path / "a.zip.part").write_bytes(CONTENT + b"more")
    assert get([serve("/a", how)], tmp_path / "a.zip").read_bytes() == CONTENT
    assert how.starts == [len(CONTENT) + 4, 0]


@pytest.mark.parametrize("status", [404, 403])
def test_missing_file_sends_to_the_next_mirror_at_once(tmp_path, serve, status):
    first, second = Behaviour(status=[status]), Behaviour()
    target = get([serve("/a", first), serve("/b", second)], tmp_path / "a.zip")
    assert target.read_bytes() == CONTENT
    assert len(first.requests) == 1


def test_server_errors_are_waited_out(tmp_path, serve):
    how = Behaviour(status=[503, 500])
    assert get([serve("/a", how)], tmp_path / "a.zip").read_bytes() == CONTENT
    assert len(how.requests) == 3


def test_wrong_checksum_sends_to_the_next_mirror(tmp_path, serve):
    first, second = Behaviour(content=b"other bytes"), Behaviour()
    target = get([serve("/a", first), serve("/b", second)], tmp_path / "a.zip")
    assert target.read_bytes() == CONTENT


def test_wrong_checksum_everywhere_leaves_nothing_behind(tmp_path, serve):
    urls = [serve("/a", Behaviour(content=b"x")), serve("/b", Behaviour(content=b"y"))]
    with pytest.raises(ValueError, match=r"/a: its checksum differs from the known one; .*/b: its checksum differs"):
        get(urls, tmp_path / "a.zip")
    assert list(tmp_path.iterdir()) == []


def test_wrong_size_is_refused(tmp_path, serve):
    with pytest.raises(ValueError, match="it has 1 bytes, expected 1500000"):
        get([serve("/a", Behaviour(content=b"x"))], tmp_path / "a.zip", None, len(CONTENT))
    assert list(tmp_path.iterdir()) == []


def test_web_page_in_place_of_a_file_is_refused(tmp_path, serve):
    how = Behaviour(content=b"<html>confirm</html>", kind="text/html; charset=utf-8")
    with pytest.raises(OSError, match="web page instead of the file"):
        get([serve("/a", how)], tmp_path / "a.zip", sha256=None)
    assert not (tmp_path / "a.zip").exists()


def test_every_mirror_is_named_when_none_answers(tmp_path, serve):
    gone = serve("/gone", Behaviour(status=[404]))
    dead = "http://127.0.0.1:9/a"
    with pytest.raises(OSError, match=r"/gone: status 404 .*127\.0\.0\.1:9/a: no connection; or put the file at"):
        get([gone, dead], tmp_path / "a.zip")


def test_no_address_says_what_to_do(tmp_path):
    with pytest.raises(ValueError, match=r"no address is known for a\.zip; put the file at .*a\.zip manually"):
        get([], tmp_path / "a.zip")


def test_a_host_without_an_address_is_asked_once(tmp_path, monkeypatch):
    asked = []

    def unanswered(host, *args, **kwargs):
        asked.append(host)
        raise socket.gaierror("no network")

    monkeypatch.setattr(socket, "getaddrinfo", unanswered)
    with pytest.raises(OSError, match="the host is unknown"):
        fetch(["https://one.example/a", "https://two.example/a"], tmp_path / "a.zip", SHA256, progress=False)
    assert asked == ["one.example", "two.example"]


def test_progress_is_shown_on_the_error_stream(tmp_path, serve, capsys):
    fetch([serve("/a", Behaviour())], tmp_path / "a.zip", SHA256, wait=0.01)
    shown = capsys.readouterr()
    assert "a.zip" in shown.err
    assert shown.out == ""


def test_requests_never_overlap_what_is_there(tmp_path, serve):
    how = Behaviour(cuts=[12 * KIB16] * 7)
    get([serve("/a", how)], tmp_path / "a.zip")
    assert all(later - earlier == 12 * KIB16 for earlier, later in pairwise(how.starts))


@pytest.mark.parametrize("known", [{"size": len(CONTENT)}, {"about": len(CONTENT)}])
@pytest.mark.parametrize("sha256", [SHA256, None])
def test_a_server_without_end_is_left(tmp_path, serve, known, sha256):
    url = serve("/a", Behaviour(endless=True))
    with pytest.raises(ValueError, match=r"it has more than the \d+ bytes that were expected"):
        fetch([url], tmp_path / "a.zip", sha256, progress=False, wait=0.01, **known)
    assert list(tmp_path.iterdir()) == []


def test_no_more_than_expected_is_written(tmp_path, serve):
    written = []
    url = serve("/a", Behaviour(endless=True))
    transfer = download._Transfer(tmp_path / "a", None, 10 * KIB16, False, 0.01, lambda there, _: written.append(there))
    with pytest.raises(ValueError, match="more than the 163840 bytes"):
        transfer(url, str(tmp_path / "a"), None)
    assert max(written) == 10 * KIB16


def test_a_file_that_is_announced_larger_than_expected_is_not_begun(tmp_path, serve):
    how = Behaviour(content=bytes(3 * 2**20))
    with pytest.raises(ValueError, match="more than the 1000 bytes"):
        get([serve("/a", how)], tmp_path / "a.zip", None, 1000)
    assert list(tmp_path.iterdir()) == []


def test_a_packed_answer_is_unpacked_no_further_than_expected(tmp_path, serve):
    how = Behaviour(content=gzip.compress(bytes(50_000_000)), encoding="gzip")
    with pytest.raises(ValueError, match="more than the 200000 bytes"):
        get([serve("/a", how)], tmp_path / "a.zip", None, 200_000)
    assert list(tmp_path.iterdir()) == []


def test_the_next_mirror_is_asked_after_one_without_end(tmp_path, serve):
    urls = [serve("/a", Behaviour(endless=True)), serve("/b", Behaviour())]
    assert get(urls, tmp_path / "a.zip", size=len(CONTENT)).read_bytes() == CONTENT


def test_a_file_larger_than_the_disk_is_refused_before_it_is_begun(tmp_path, serve, monkeypatch):
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(OSError, match=f"it needs {len(CONTENT)} bytes, and 1000 are free at"):
        get([serve("/a", Behaviour())], tmp_path / "new" / "a.zip")


def test_a_redirection_is_followed(tmp_path, serve):
    there = serve("/b", Behaviour())
    assert get([serve("/a", Behaviour(location=there))], tmp_path / "a.zip").read_bytes() == CONTENT


@pytest.fixture
def secured(tmp_path, monkeypatch):
    """The address of a server that speaks https, whose certificate is trusted, and that leads to http."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed, which makes the certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *names]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with server.listening(server.Misbehaving) as one:
        one.behaviours = {}
        one.socket = context.wrap_socket(one.socket, server_side=True)
        yield one, f"https://127.0.0.1:{one.server_port}"


def test_a_redirection_from_https_to_http_is_not_followed(tmp_path, serve, secured):
    how = Behaviour()
    one, address = secured
    one.behaviours["/a"] = Behaviour(location=serve("/b", how))
    with pytest.raises(OSError, match="it redirects from https to http://"):
        get([f"{address}/a"], tmp_path / "a.zip", None)
    assert how.requests == []


def test_a_redirection_within_https_is_followed(tmp_path, secured):
    one, address = secured
    one.behaviours |= {"/a": Behaviour(location="/b"), "/b": Behaviour()}
    assert get([f"{address}/a"], tmp_path / "a.zip").read_bytes() == CONTENT


def test_a_certificate_that_is_not_trusted_is_named_at_once(tmp_path, secured, monkeypatch):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    one, address = secured
    one.behaviours["/a"] = Behaviour()
    with pytest.raises(OSError, match="its certificate is not trusted here"):
        fetch([f"{address}/a"], tmp_path / "a.zip", SHA256, progress=False, wait=3600)
