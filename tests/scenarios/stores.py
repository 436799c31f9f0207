"""Stores of other programs with their real layouts, made of models of ours."""

import hashlib
import json
import os
import pathlib
import shutil


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Stores:
    """In a home. Files are copies, or with `link` hard links, of what the tests' models are."""

    def __init__(self, ground, home):
        self.ground, self.home = ground, pathlib.Path(home)

    def put(self, path, source=None, text=None, holes=0):
        """holes: that large, and nothing in it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if source:
            shutil.copyfile(source, path)
        elif holes:
            with open(path, "wb") as file:
                file.write(b"GGUF\3\0\0\0")
                file.truncate(holes)
        else:
            path.write_text(text)
        return path

    def own(self):
        """All of it is the daemon's user's."""
        for top, folders, files in os.walk(self.home):
            for name in folders + files:
                path = os.path.join(top, name)
                if not os.path.islink(path):
                    self.ground.own(path)

    # Ollama

    def ollama(self, name, source=None, digest=None, holes=0, **layers):
        """name: MODEL:TAG. layers: projector, adapter: sources."""
        root = self.home / ".ollama/models"
        model, _, tag = name.partition(":")
        listed = []

        def layer(kind, source, digest=None, holes=0):
            digest = digest or sha256(source)
            path = self.put(root / f"blobs/sha256-{digest}", source, holes=holes)
            listed.append({"mediaType": f"application/vnd.ollama.image.{kind}", "digest": f"sha256:{digest}",
                           "size": path.stat().st_size})

        layer("model", source, digest, holes)
        for kind, more in layers.items():
            layer(kind, more)
        config = {"model_format": "gguf", "model_family": "llama", "file_type": "Q4_0"}
        text = json.dumps(config)
        name = hashlib.sha256(text.encode()).hexdigest()
        self.put(root / f"blobs/sha256-{name}", text=text)
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                    "config": {"mediaType": "application/vnd.docker.container.image.v1+json",
                               "digest": f"sha256:{name}", "size": len(text)},
                    "layers": listed}
        folder = pathlib.Path("registry.ollama.ai/library") if "/" not in model else pathlib.Path("registry.ollama.ai")
        self.put(root / "manifests" / folder / model / (tag or "latest"), text=json.dumps(manifest))

    # LM Studio

    def lmstudio(self, path, source=None, holes=0):
        return self.put(self.home / ".lmstudio/models" / path, source, holes=holes)

    # Hugging Face

    def huggingface(self, repository, name, source, commit="0" * 40):
        folder = self.home / ".cache/huggingface/hub" / ("models--" + repository.replace("/", "--"))
        digest = sha256(source)
        self.put(folder / "blobs" / digest, source)
        self.put(folder / "refs/main", text=commit)
        link = folder / "snapshots" / commit / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(pathlib.Path("../" * (2 + name.count("/"))) / "blobs" / digest)

    def picture(self):
        """Of every file in the stores: to see that nothing was written. A link's own, not its target's."""
        seen = {}
        for folder in (".ollama", ".lmstudio", ".cache/huggingface"):
            for path in sorted((self.home / folder).rglob("*")):
                s = path.lstat()
                seen[str(path)] = (s.st_mode, s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino, s.st_nlink)
        return seen
