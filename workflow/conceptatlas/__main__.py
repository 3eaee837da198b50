"""The command line: ``python -m conceptatlas COMMAND`` (or ``conceptatlas COMMAND``)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conceptatlas.naming import unknown

DEFAULT_CONFIG = "config/config.yaml"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status. Mistakes are one line on standard error, not a traceback."""
    parser = argparse.ArgumentParser(prog="conceptatlas", description="Which concepts does a vision model encode?")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_layers(commands)
    _add_verify(commands)
    _add_cluster(commands)
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except (ValueError, OSError) as error:
        sys.stderr.write(f"conceptatlas {options.command}: {error}\n")
        return 1


def _add_layers(commands: Any) -> None:
    parser = commands.add_parser(
        "layers",
        help="list the modules of a model that can be layers, and suggest some",
        description="List the modules of a model that can be layers, with the shapes of their maps, and suggest some "
        "that are evenly distributed over its depth, as rows for layers.tsv. The model is one of the models sheet, or "
        "described by --source and --architecture.",
    )
    parser.add_argument("model", help="its name: column `model` of the models sheet")
    parser.add_argument("--n", type=int, default=5, help="how many layers to suggest (default: 5)")
    parser.add_argument(
        "--config", default=DEFAULT_CONFIG, help=f"config that names the sheet (default: {DEFAULT_CONFIG})"
    )
    parser.add_argument("--source", help="a model without a row: demo, timm, torchvision, user")
    parser.add_argument("--architecture", help="name of the network within its source, or module:function")
    parser.add_argument("--weights", default="random", help="file, registry name, or `random` (default)")
    parser.add_argument("--input-size", default="", help="side of the input in pixels (default: the source's own)")
    parser.add_argument("--options", default="", help='as in the sheet: "key=value;key=value"')
    parser.set_defaults(run=_layers)


def _add_verify(commands: Any) -> None:
    parser = commands.add_parser(
        "verify",
        help="check the digests of everything a study has stored",
        description="Read every stored array of a study and compare its digest. Exit status 1 if anything is damaged. "
        "With --repair, damaged files are set aside so that the next run makes exactly them again.",
    )
    parser.add_argument("folder", help="results of a study, for example results/demo")
    parser.add_argument("--repair", action="store_true", help="set the manifests of damaged files aside as .damaged")
    parser.set_defaults(run=_verify)


def _add_cluster(commands: Any) -> None:
    parser = commands.add_parser(
        "cluster",
        help="run a command beside Dask workers on several machines",
        usage="conceptatlas cluster [options] -- COMMAND ...",
        description="Start a Dask scheduler here and workers as SLURM jobs (or, with --local, on this machine), run a "
        "command whose jobs compute on them, and stop the workers when it ends. The exit status is the command's. "
        "Example: conceptatlas cluster --workers 8 --queue cpu -- snakemake --workflow-profile profiles/slurm",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--workers", type=int, default=4, metavar="N", help="worker jobs (default: 4)")
    where.add_argument("--local", type=int, metavar="N", help="worker processes on this machine instead")
    parser.add_argument("--cores", type=int, default=1, help="cores of a worker job, a process each (default: 1)")
    parser.add_argument("--memory-mb", type=int, default=4000, help="memory of a worker job, in MB (default: 4000)")
    parser.add_argument("--walltime-min", type=int, default=60, help="minutes of a worker job (default: 60)")
    parser.add_argument("--queue", help="partition (default: the site's)")
    parser.add_argument("--account", help="account (default: the user's)")
    parser.add_argument("--interface", help="network interface between workers and scheduler, e.g. ib0")
    parser.add_argument("--scheduler-interface", help="where it has another name on this machine")
    parser.add_argument("--sbatch-option", action="append", default=[], help="further option of sbatch; repeatable")
    parser.add_argument("--log-directory", default="logs/dask", help="of the worker jobs (default: logs/dask)")
    parser.add_argument("--scratch", help="where workers spill to (default: the temporary folder)")
    parser.add_argument(
        "--dashboard", type=int, nargs="?", const=8787, metavar="PORT", help="Dask's page on 127.0.0.1 (port 8787)"
    )
    parser.add_argument("--report", metavar="FILE.html", help="write Dask's performance report")
    parser.add_argument("wrapped", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    parser.set_defaults(run=_cluster)


def _cluster(options: argparse.Namespace) -> int:
    from conceptatlas.cluster import Workers, run_with_workers

    workers = Workers(
        n=options.workers if options.local is None else options.local,
        cores=options.cores,
        memory_mb=options.memory_mb,
        local=options.local is not None,
        walltime_min=options.walltime_min,
        queue=options.queue,
        account=options.account,
        interface=options.interface,
        scheduler_interface=options.scheduler_interface,
        extra=tuple(options.sbatch_option),
        log_directory=Path(options.log_directory),
        scratch=None if options.scratch is None else Path(options.scratch),
    )
    report = None if options.report is None else Path(options.report)
    command = options.wrapped[1:] if options.wrapped[:1] == ["--"] else options.wrapped
    try:
        return run_with_workers(command, workers, dashboard=options.dashboard, report=report)
    except KeyboardInterrupt:
        sys.stderr.write("conceptatlas cluster: interrupted before the command started\n")
        return 130


def _verify(options: argparse.Namespace) -> int:
    from conceptatlas.verification import verify_study

    n_checked, damages = verify_study(options.folder, repair=options.repair)
    for damage in damages:
        sys.stdout.write(f"{damage.manifest}: {damage.reason}\n")
    sys.stdout.write(f"{n_checked} manifests checked, {len(damages)} damaged\n")
    if damages:
        advice = "run snakemake again to make them anew" if options.repair else "add --repair, then run snakemake again"
        sys.stdout.write(f"{advice}\n")
    return 1 if damages else 0


def _layers(options: argparse.Namespace) -> int:
    from conceptatlas.models.index import load_model

    if (options.source is None) != (options.architecture is None):
        raise ValueError("--source and --architecture belong together")
    if options.source is not None:
        row: dict[str, Any] = {
            "model": options.model,
            "source": options.source,
            "architecture": options.architecture,
            "weights": options.weights,
            "input_size": options.input_size,
            "options": options.options,
        }
    else:
        row = _model_row(options.model, Path(options.config))
    model = load_model(row)
    from conceptatlas.models.suggest import layer_listing

    sys.stdout.write(layer_listing(model, n=options.n))
    return 0


def _model_row(name: str, config: Path) -> dict[str, Any]:
    """The model's row of the sheet that a config names; the sheet lies beside the config."""
    from conceptatlas.sheets import expand_row, read_sheet
    from conceptatlas.validation import read_yaml

    if not config.is_file():
        raise ValueError(f"config {config} does not exist; give --config, or --source and --architecture")
    content = read_yaml(config)
    sheet = (content.get("sheets") or {}).get("models") if isinstance(content, dict) else None
    if not sheet:
        raise ValueError(f"config {config} names no models sheet (key sheets: models)")
    rows = {row["model"]: row for row in read_sheet(config.parent / sheet, key=("model",))}
    if name not in rows:
        raise unknown("model", name, rows, where=str(config.parent / sheet))
    return expand_row(rows[name])


if __name__ == "__main__":
    sys.exit(main())
