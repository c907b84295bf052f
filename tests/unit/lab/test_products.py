"""How products are obtained, kept, packed and listed; no compiler runs and nothing outside loopback is asked."""

import functools
import gzip
import hashlib
import http.server
import io
import json
import os
import re
import shutil
import socketserver
import subprocess
import tarfile
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from lab import prerequisites
from lab.products import compile as go
from lab.products import images
from lab.products.archive import write_tar, write_zip
from lab.products.artifact import Artifact, Store, recipe_of
from lab.products.catalogue import CNI_PLUGINS, CONSUL, HASHICORP_KEY, NOMAD, PRODUCTS, VERSIONS, Key, Product
from lab.products.compile import CompileFailed, module
from lab.products.manifest import manifest_of, upload
from lab.products.obtain import obtain
from lab.products.progress import Step
from lab.products.release import ReleaseRejected, ReleaseUnavailable, Vendors, verify_signature
from lambdas.domain.artifacts import MANIFEST_KEY, Manifest

needs_gpg = pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is not installed")


@dataclass(frozen=True)
class Signer:
    """A key of this test's own."""

    home: str
    key: Key

    def sign(self, content: bytes) -> bytes:
        return _gpg(self.home, "--detach-sign", "--output", "-", stdin=content)


def _gpg(home: str, *arguments: str, stdin: bytes = b"") -> bytes:
    command = ["gpg", "--homedir", home, "--batch", "--quiet", "--passphrase", "", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def signers() -> Iterator[tuple[Signer, Signer]]:
    """The vendor, and somebody else."""
    homes = [tempfile.mkdtemp(prefix="quorate-test-") for _ in range(2)]  # short paths: gpg puts sockets there
    try:
        made = []
        for home in homes:
            _gpg(home, "--quick-gen-key", "test", "ed25519", "sign", "never")
            listed = _gpg(home, "--list-keys", "--with-colons").decode()
            fingerprint = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))
            public = Path(home) / "public.asc"
            public.write_bytes(_gpg(home, "--armor", "--export"))
            made.append(Signer(home, Key(public, fingerprint)))
        yield made[0], made[1]
    finally:
        for home in homes:
            subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], capture_output=True)
            shutil.rmtree(home)


class Site:
    """A vendor's release site on loopback; `asked` are the paths that were requested."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.asked: list[str] = []
        site = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                super().do_GET()

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(Handler, directory=str(directory))
        )
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def publish(self, product: Product, content: bytes, signer: Signer, sums: bytes | None = None) -> None:
        release = self.directory / product.fill(product.release, "amd64")
        release.parent.mkdir(parents=True, exist_ok=True)
        release.write_bytes(content)
        sums = sums or f"{hashlib.sha256(content).hexdigest()}  {release.name}\n".encode()
        path = self.directory / product.fill(product.sums, "amd64")
        path.write_bytes(sums)
        path.with_name(path.name + ".sig").write_bytes(signer.sign(sums))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    directory = tmp_path / "site"
    directory.mkdir()
    site = Site(directory)
    yield site
    site.server.shutdown()
    site.server.server_close()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


def _left_in(store: Store) -> list[Path]:
    return [path for path in store.root.rglob("*") if path.is_file() and path.name != "lock"]


@needs_gpg
class TestRelease:
    @pytest.fixture
    def product(self, site: Site, signers: tuple[Signer, Signer]) -> Product:
        return replace(CONSUL, site=site.url, key=signers[0].key)

    def test_a_signed_release_is_kept_and_not_fetched_again(self, site, signers, product, store):
        site.publish(product, b"the release", signers[0])
        steps: list[Step] = []
        (first,) = obtain([product], steps.append, arch="amd64", store=store)
        asked = len(site.asked)
        (second,) = obtain([product], arch="amd64", store=store)
        assert first == second
        assert first.path.read_bytes() == b"the release"
        assert first.path.name == f"consul_{product.version}_linux_amd64.zip"
        assert (first.origin, first.sha256) == ("release", hashlib.sha256(b"the release").hexdigest())
        assert len(site.asked) == asked
        assert steps[-1].finished

    def test_half_a_release_is_not_taken_for_a_forged_one(self, site, signers, product, tmp_path, monkeypatch):
        site.publish(product, b"the release", signers[0])
        monkeypatch.setattr(
            http.server.SimpleHTTPRequestHandler,
            "copyfile",
            lambda self, source, out: out.write(
                source.read() if self.path.endswith(("SUMS", ".sig")) else source.read()[:3]
            ),
        )
        with pytest.raises(ReleaseUnavailable, match="3 of 11 bytes"):
            Vendors().fetch(product, "amd64", tmp_path, lambda done, total: None)

    @pytest.mark.parametrize("wrong", ["content", "sums", "signer", "name"])
    def test_what_was_not_signed_is_refused_and_not_built_instead(self, wrong, site, signers, product, store):
        site.publish(product, b"the release", signers[1] if wrong == "signer" else signers[0])
        sums = site.directory / product.fill(product.sums, "amd64")
        if wrong == "content":
            (site.directory / product.fill(product.release, "amd64")).write_bytes(b"another")
        if wrong == "sums":  # checksum of what is served, signature of what was signed
            (site.directory / product.fill(product.release, "amd64")).write_bytes(b"another")
            digest = hashlib.sha256(b"another").hexdigest()
            sums.write_text(f"{digest}  {product.file('amd64')}\n")
        if wrong == "name":
            site.publish(product, b"the release", signers[0], sums=b"0" * 64 + b"  of_another_file.zip\n")
        with pytest.raises(ReleaseRejected):
            obtain([product], arch="amd64", store=store)
        assert _left_in(store) == []

    def test_a_second_good_signer_is_not_the_pinned_one(self, signers):
        vendor, other = signers
        mixed = Key(other.key.file, vendor.key.fingerprint)  # imports, and verifies, but is not who we pinned
        with pytest.raises(ReleaseRejected, match=vendor.key.fingerprint):
            verify_signature(b"sums", other.sign(b"sums"), mixed)

    def test_a_version_that_the_site_lacks_is_unavailable_and_the_site_is_still_asked(self, site, product, tmp_path):
        vendors = Vendors()
        for _ in range(2):
            with pytest.raises(ReleaseUnavailable, match="404"):
                vendors.fetch(product, "amd64", tmp_path, lambda done, total: None)
        assert len(site.asked) == 2

    def test_the_committed_key_is_the_pinned_one(self):
        shown = subprocess.run(
            ["gpg", "--batch", "--show-keys", "--with-colons", HASHICORP_KEY.file], capture_output=True, text=True
        )
        primary = next(line.split(":")[9] for line in shown.stdout.splitlines() if line.startswith("fpr"))
        assert primary == HASHICORP_KEY.fingerprint


@pytest.fixture
def mute() -> Iterator[tuple[str, list[object]]]:
    """A site that accepts connections and hangs up; the list grows by one for each."""
    connections: list[object] = []

    class HangUp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            connections.append(self.client_address)

    with socketserver.TCPServer(("127.0.0.1", 0), HangUp) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", connections
        server.shutdown()


def test_a_site_that_does_not_answer_is_asked_once(mute, tmp_path):
    url, connections = mute
    vendors = Vendors()
    for product in (CONSUL, NOMAD, CONSUL):
        with pytest.raises(ReleaseUnavailable, match=url):
            vendors.fetch(replace(product, site=url), "amd64", tmp_path, lambda done, total: None)
    assert len(connections) == 1


class TestCompile:
    """The compiler here is a script: what is tested is what happens around it."""

    @pytest.fixture
    def product(self) -> Product:
        return replace(CNI_PLUGINS, site="http://127.0.0.1:9")  # the discard port: refused at once

    def _go(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, build: str) -> None:
        script = tmp_path / "programs" / "go"
        script.parent.mkdir()
        script.write_text(
            "#!/bin/bash\ncase $1 in\nenv) echo go1.26.0 ;;\nlist) printf 'a/b\\nc/d\\n' ;;\n"
            f"build) while [[ $1 != -o ]]; do shift; done; out=$2\n{build}\n;;\nesac\n"
        )
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")

    def test_binaries_are_packed_as_the_vendor_does(self, product, store, tmp_path, monkeypatch):
        self._go(tmp_path, monkeypatch, 'echo "a/b" >&2; echo x >"$out/bridge"; echo y >"$out/loopback"')
        steps: list[Step] = []
        (artifact,) = obtain([product], steps.append, arch="amd64", store=store)
        with tarfile.open(artifact.path) as tar:
            assert {(member.name, member.mode) for member in tar} == {("bridge", 0o755), ("loopback", 0o755)}
        assert artifact.path.name == f"cni-plugins-linux-amd64-v{product.version}.tgz"
        assert artifact.origin == "built"
        assert (1, 2) in [(step.done, step.total) for step in steps]

    def test_a_failed_build_leaves_nothing_and_says_both_reasons(self, product, store, tmp_path, monkeypatch):
        self._go(tmp_path, monkeypatch, 'echo x >"$out/bridge"; echo "undefined: Foo" >&2; exit 1')
        with pytest.raises(CompileFailed, match=r"(?s)no release \(.*refused.*undefined: Foo"):
            obtain([product], arch="amd64", store=store)
        assert _left_in(store) == []

    def test_an_interrupted_build_leaves_nothing_and_ends_the_compiler(self, product, store, tmp_path, monkeypatch):
        self._go(tmp_path, monkeypatch, f'echo x >"$out/bridge"; echo $$ >{tmp_path}/pid; echo a/b >&2; exec sleep 60')

        def interrupt(step: Step) -> None:
            if step.done:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            obtain([product], interrupt, arch="amd64", store=store)
        assert _left_in(store) == []
        with pytest.raises(ProcessLookupError):
            os.kill(int((tmp_path / "pid").read_text()), 0)

    def test_a_go_too_old_is_named(self, monkeypatch):
        monkeypatch.setattr(go, "go_version", lambda: (1, 19, 8))
        assert "this machine has 1.19.8" in (go.go_problem() or "")

    @pytest.mark.parametrize("product", PRODUCTS, ids=lambda product: product.name)
    def test_the_wrapper_module_pins_the_catalogues_version(self, product):
        directory = module(product)
        package = product.build.packages[0]
        required = re.search(r"^require (?:\(\s+)?(\S+) v(\S+)", (directory / "go.mod").read_text(), re.MULTILINE)
        assert required is not None
        assert package == required[1] or package.startswith(f"{required[1]}/")
        assert required[2] == product.version
        assert f"{required[1]} v{product.version} h1:" in (directory / "go.sum").read_text()

    def test_the_go_that_is_asked_for_is_what_the_modules_need(self):
        needed = [re.search(r"^go (\S+)$", (module(one) / "go.mod").read_text(), re.MULTILINE) for one in PRODUCTS]
        assert max(tuple(int(part) for part in found[1].split(".")) for found in needed if found) == go.GO_MINIMUM


class TestStore:
    def _keep(self, store: Store, recipe: str = "r") -> Artifact:
        with store.working() as directory:
            file = directory / "file.zip"
            file.write_bytes(b"content")
            return store.keep("name", "1", recipe, file, "made")

    def test_finds_what_it_kept_under_the_same_recipe_only(self, store):
        kept = self._keep(store)
        assert store.find("name", "1", "r") == kept
        assert kept.key == "artifacts/file.zip"
        assert store.find("name", "1", "other") is None

    def test_a_file_without_its_record_is_not_an_artifact(self, store):
        kept = self._keep(store)
        kept.path.with_name("artifact.json").unlink()
        assert store.find("name", "1", "r") is None
        assert self._keep(store) == kept

    def test_a_truncated_file_is_not_an_artifact(self, store):
        kept = self._keep(store)
        kept.path.write_bytes(b"cont")
        assert store.find("name", "1", "r") is None

    def test_what_a_killed_process_left_is_swept(self, store):
        left = store.root / ".working-killed"
        left.mkdir(parents=True)
        with store.working() as directory:
            assert not left.exists()
        assert not directory.exists()

    def test_one_works_at_a_time_and_the_other_says_that_it_waits(self, store):
        waits, order = threading.Event(), []

        def second() -> None:
            with store.working(waits.set):
                order.append("second")

        with store.working():
            thread = threading.Thread(target=second)
            thread.start()
            assert waits.wait(5)
            order.append("first")
        thread.join(5)
        assert order == ["first", "second"]


def test_archives_depend_on_their_files_alone(tmp_path):
    binary = tmp_path / "consul"
    binary.write_bytes(b"\x7fELF" * 1000)
    digests = set()
    for mtime in (1, 1_000_000_000):
        os.utime(binary, (mtime, mtime))
        write_zip(tmp_path / f"{mtime}.zip", {"consul": binary})
        write_tar(tmp_path / f"{mtime}.tgz", {"consul": binary}, 0o755, compress=True)
        both = (tmp_path / f"{mtime}.zip").read_bytes() + (tmp_path / f"{mtime}.tgz").read_bytes()
        digests.add(recipe_of(both))
    assert len(digests) == 1
    with zipfile.ZipFile(tmp_path / "1.zip") as archive:
        assert archive.read("consul") == binary.read_bytes()
        assert archive.infolist()[0].external_attr >> 16 == 0o100755
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress((tmp_path / "1.tgz").read_bytes()))) as tar:
        assert tar.getnames() == ["consul"]


@pytest.mark.parametrize("image", images.IMAGES, ids=lambda image: image.name)
class TestImages:
    def test_digests_tie_the_archive_together(self, image, tmp_path):
        images.write_image(image, b"busybox", "amd64", tmp_path / "image.tar")
        with tarfile.open(tmp_path / "image.tar") as tar:
            files = {member.name: tar.extractfile(member).read() for member in tar}
        (manifest,) = json.loads(files["manifest.json"])
        configuration = files[manifest["Config"]]
        layer = files[manifest["Layers"][0]]
        assert manifest["Config"] == hashlib.sha256(configuration).hexdigest() + ".json"
        assert json.loads(configuration)["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(layer).hexdigest()]
        assert manifest["RepoTags"] == [f"quorate/{image.name}:1"]
        with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
            entrypoint = json.loads(configuration)["config"]["Entrypoint"][0].lstrip("/")
            assert tar.getmember(entrypoint).mode == 0o755
            assert tar.extractfile(entrypoint).read() == image.script

    def test_finds_the_programs_that_its_script_calls(self, image, tmp_path):
        builtins = {"trap", "wait", "set", "printf"}
        called = {line.split()[0] for line in image.script.decode().splitlines()[1:] if "=" not in line.split()[0]}
        assert called - builtins <= set(image.applets)


class TestManifest:
    @pytest.fixture
    def artifacts(self, tmp_path: Path) -> list[Artifact]:
        made = []
        for name in ("consul_linux_amd64", "docker_debian_12_amd64"):
            path = tmp_path / f"{name}.zip"
            path.write_bytes(name.encode())
            digest = hashlib.sha256(name.encode()).hexdigest()
            made.append(Artifact(name, "1.2.3", path, digest, len(name), "made"))
        return made

    @mock_aws
    def test_the_bucket_holds_what_the_manifest_says(self, artifacts):
        s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
        s3.create_bucket(Bucket="artifacts")
        upload(s3, "artifacts", artifacts, manifest_of(artifacts))
        read = Manifest.model_validate_json(s3.get_object(Bucket="artifacts", Key=MANIFEST_KEY)["Body"].read())
        assert read.artifacts.keys() == {artifact.name for artifact in artifacts}
        for entry in read.artifacts.values():
            content = s3.get_object(Bucket="artifacts", Key=entry.key)["Body"].read()
            assert (hashlib.sha256(content).hexdigest(), len(content)) == (entry.sha256, entry.bytes)

        # Again, with one file changed: only that is sent.
        unchanged = s3.head_object(Bucket="artifacts", Key=artifacts[1].key)["LastModified"]
        artifacts[0].path.write_bytes(b"new")
        changed = replace(artifacts[0], sha256=hashlib.sha256(b"new").hexdigest(), bytes=3)
        artifacts[1].path.unlink()  # would fail if it were read
        upload(s3, "artifacts", [changed, artifacts[1]], manifest_of([changed, artifacts[1]]))
        assert s3.get_object(Bucket="artifacts", Key=changed.key)["Body"].read() == b"new"
        assert s3.head_object(Bucket="artifacts", Key=artifacts[1].key)["LastModified"] == unchanged

    def test_products_are_offered_by_version(self):
        assert VERSIONS.keys() == {"consul", "vault", "nomad", "cni_plugins"}


class TestPrerequisites:
    @pytest.fixture
    def lacking(self, monkeypatch: pytest.MonkeyPatch) -> None:
        absent = prerequisites.Prerequisite("frobnicator", "frobs", ("frob-tools",), lambda: False)
        monkeypatch.setattr(prerequisites, "PREREQUISITES", (absent,))

    def test_without_root_the_packages_are_named(self, lacking, monkeypatch):
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        with pytest.raises(prerequisites.PrerequisitesMissing) as raised:
            prerequisites.install()
        assert "frobnicator: frobs" in str(raised.value)
        assert "apt-get install --no-install-recommends frob-tools" in str(raised.value)

    def test_nothing_is_done_where_nothing_is_missing(self, monkeypatch):
        monkeypatch.setattr(prerequisites, "PREREQUISITES", ())
        monkeypatch.setenv("PATH", "/nowhere")
        prerequisites.install()
