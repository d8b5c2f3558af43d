"""Look into a model's store: ``python -m tandem_wire show|verify|rebuild URL``.

The URL is the model's own prefix, ``s3://bucket/prefix/namespace/name`` or ``file:///directory/namespace/name``; keys
come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
"""

import argparse
import hashlib
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tandem_wire.bases import list_bases
from tandem_wire.codec import time_text
from tandem_wire.config import StoreConfig
from tandem_wire.errors import InvalidValue, Refused, WireError
from tandem_wire.layout import LogId
from tandem_wire.lineage import ServingState, rebuild
from tandem_wire.lineage.serving import check_update
from tandem_wire.log import Slot, read_log
from tandem_wire.objects import verify_objects
from tandem_wire.records import Kind, Record
from tandem_wire.store import Store, open_store
from tandem_wire.target import read_target
from tandem_wire.tensors import Tensors, pack
from tandem_wire.version import Version

FOUND_FAULTS = 3


def main(arguments: Sequence[str] | None = None, say: Callable[[str], object] = sys.stdout.write) -> int:
    """Run one command.

    Returns:
      0, 1 or 2 as every program does, or 3 when something was found that must not be used.
    """
    options = _parser().parse_args(arguments)
    try:
        store = open_store(StoreConfig(options.url, options.endpoint, options.region))
        if options.command == "rebuild":
            lines = _rebuild(store, options.version, options.out)
        else:
            lines = _show(store) if options.command == "show" else _verify(store)
        faults = 0
        for line in lines:
            faults += line.startswith("REFUSED")
            say(line + "\n")
    except WireError as error:
        say(f"error: {error}\n")
        return 2 if error.fault == "User" else 1
    return FOUND_FAULTS if faults else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tandem_wire", description="Look into a model's store.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("show", "list the target, the bases and their updates"),
        ("verify", "read every manifest and object and verify all digests"),
        ("rebuild", "build a served version anew and print the digest of every table and weight"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("url", help="s3://bucket/prefix/namespace/name or file:///directory")
        command.add_argument("--endpoint", help="the URL of the S3 server; AWS's own when not given")
        command.add_argument("--region", help="the S3 region")
        if name == "rebuild":
            command.add_argument("version", help="17 for the newest update that can be read, or 17.204")
            command.add_argument("--out", type=Path, help="also write the state to this safetensors file")
    return parser


def _show(store: Store) -> Iterator[str]:
    found = read_target(store)
    if found is None:
        yield f"{store.location}: no target.json"
    else:
        target = found[0]
        run = "none" if target.run is None else f"makes {target.run.makes} from {target.run.parent}"
        yield f"target: revision {target.revision}, stable {target.stable}, candidate {target.candidate}, run {run}"
    for base in list_bases(store):
        yield _line(f"base {base.number}", base)
        yield from _log_lines(read_log(store, LogId.updates(base.number)))


def _log_lines(slots: tuple[Slot, ...]) -> Iterator[str]:
    kinds = Counter("unreadable" if s.record is None else s.record.kind.value for s in slots)
    if slots:
        yield f"  slots 1…{slots[-1].number}: " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    newest = [s for s in slots if s.record is not None and s.record.kind in (Kind.UPDATE, Kind.KEYFRAME)][-1:]
    for slot in newest + [s for s in slots if s.record is None]:
        yield _line(f"  update {slot.number}", slot)


def _line(name: str, slot: Slot) -> str:
    if slot.record is None:
        return f"REFUSED {slot.refused}"
    record = slot.record
    mark = "none" if record.watermark is None else time_text(record.watermark)
    size = sum(ref.size for ref in record.objects)
    objects = f"{len(record.objects)} objects, {size} bytes"
    return f"{name}: {record.kind.value}, step {record.step}, watermark {mark}, {objects}"


def _verify(store: Store) -> Iterator[str]:
    checked = 0
    for base in list_bases(store):
        slots = (base, *read_log(store, LogId.updates(base.number)), *read_log(store, LogId.runs(base.number)))
        for slot in slots:
            checked += 1
            problem = slot.refused if slot.record is None else _problem(store, slot.record, base.record)
            if problem:
                yield f"REFUSED {problem}"
    yield f"verified {checked} manifests and their objects"


def _problem(store: Store, record: Record, base: Record | None) -> str:
    try:
        if record.kind in (Kind.UPDATE, Kind.KEYFRAME) and base is not None and base.kind is Kind.BASE:
            check_update(base, record)
        verify_objects(store, record)
    except Refused as error:
        return str(error)
    return ""


def _rebuild(store: Store, version: str, out: Path | None) -> Iterator[str]:
    if version.isdecimal():
        state = rebuild(store, int(version))
    else:
        wanted = Version.parse(version)
        state = rebuild(store, wanted.base, wanted.update)
    tensors = state_tensors(state)
    yield f"version {state.version}"
    for name, tensor in tensors.items():
        digest = hashlib.sha256(tensor.tobytes()).hexdigest()
        yield f"{name} {tensor.dtype} {'x'.join(map(str, tensor.shape))} {digest}"
    if out is not None:
        try:
            out.write_bytes(pack(tensors))
        except OSError as error:
            raise InvalidValue("--out", f"can't write {out}: {error.strerror}") from error


def state_tensors(state: ServingState) -> Tensors:
    """Name the arrays of a state as the serving part of a keyframe of all tables would, sorted."""
    tensors: Tensors = {f"weights/{name}": weight for name, weight in state.weights.items()}
    for name, rows in state.tables.items():
        tensors[f"rows/{name}/keys"] = rows.keys
        tensors[f"rows/{name}/values"] = rows.values
    return dict(sorted(tensors.items()))


if __name__ == "__main__":
    sys.exit(main())
