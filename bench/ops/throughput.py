"""Lookups and optimizer steps beside the peers."""

from collections.abc import Iterator

from bench.figures import Figure
from bench.ops.scale import Scale, rows_text
from bench.ops.session import Session, filled
from bench.ops.workload import Skew, Table, Work

SKEWS: tuple[Skew, Skew] = ("uniform", "skewed")
LOOKUPS = ("ours", "gather", "keras", "tfra", "dense_hash_table", "mutable_hash_table")
TRAINED = ("ours", "tfra", "gather")
ADMISSION = "Gamma-Poisson"
GROUP_TABLES, GROUP_IDS = 26, 512


def known(scale: Scale) -> Iterator[Figure]:
    """Compare lookups of known ids and fused steps; then lookups of which a tenth is unknown."""
    with Session(filled(LOOKUPS, Table(scale.rows, scale.dim)), scale.threads) as session:
        for skew in SKEWS:
            work = Work("lookup", skew, scale.batch)
            yield session.measure(f"lookup_{skew}", f"{scale}, find or insert, all known", work, LOOKUPS, scale.runs)
        for skew in SKEWS:
            work = Work("train", skew, scale.batch)
            figure = session.measure(f"adam_{skew}", f"{scale}, lookup and step", work, TRAINED, scale.runs)
            yield _renamed(figure, "gather", "lazy_adam")
        session.reopen({side: Table(scale.rows, scale.dim, "adagrad") for side in TRAINED})
        work = Work("train", "uniform", scale.batch)
        setting = f"{scale}, lookup and step; gather: unique, ResourceSparseApplyAdagradV2"
        yield session.measure("adagrad_uniform", setting, work, TRAINED, scale.runs)
        session.reopen({"ours": Table(scale.rows, scale.dim, admission=True)})
        for skew in SKEWS:
            work = Work("lookup", skew, scale.batch, unknown=0.1)
            setting = f"{scale}, {skew}, 10 % unknown ids (gather: none), {ADMISSION} admission"
            yield session.measure("lookup_unknown10", setting, work, ("ours", "gather", "tfra"), scale.runs)


def group_lasso(scale: Scale) -> Iterator[Figure]:
    """Compare group lasso steps with the plain step of the same optimizer, both ours."""
    forms = {"prox_adam": "adam", "dual_averaging_adam": "adam", "prox_adagrad": "adagrad"}
    plain = Table(scale.rows, scale.dim)
    with Session({"ours": ("ours", plain), "plain": ("ours", plain)}, scale.threads) as session:
        for form, base in forms.items():
            session.reopen({"ours": Table(scale.rows, scale.dim, form), "plain": Table(scale.rows, scale.dim, base)})
            work = Work("train", "uniform", scale.batch)
            setting = f"{scale}, {form.replace('_', ' ')} beside our plain {base}"
            figure = session.measure("grouplasso_vs_adam", setting, work, ("ours", "plain"), scale.runs)
            yield _renamed(figure, "plain", f"plain_{base}")


def grouped(scale: Scale) -> Iterator[Figure]:
    """Compare small batches on many tables: ours in one call, TFRA's one call each."""
    sides = ("ours", "tfra", "gather")
    rows = max(scale.rows // GROUP_TABLES, GROUP_IDS)
    with Session(filled(sides, Table(rows, scale.dim, tables=GROUP_TABLES)), scale.threads) as session:
        for eager in (True, False):
            work = Work("lookup", "skewed", GROUP_IDS, eager=eager)
            how = "eager" if eager else "inside one tf.function"
            setting = f"{GROUP_TABLES} tables x {GROUP_IDS} ids, {rows_text(rows)} rows each, dim {scale.dim}, {how}"
            yield session.measure("grouped_small", setting, work, sides, scale.runs)


def _renamed(figure: Figure, old: str, new: str) -> Figure:
    """Call a side by what it did in this figure."""
    return Figure(
        figure.figure,
        figure.setting,
        figure.unit,
        figure.ours,
        {new if peer == old else peer: value for peer, value in figure.peers.items()},
        figure.ratio,
        figure.runs,
        {new if side == old else side: values for side, values in figure.spread.items()},
        figure.load,
    )
