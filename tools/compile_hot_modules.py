"""`make fast`: a copy of the package in `build/fast` whose hot modules are compiled by mypyc.

The sources stay what is read, tested and shipped; the copy only makes a call cheaper (see
docs/decisions/0003-hot-modules-are-compiled.md). Without a C compiler, or when the compilation
fails, there is no copy, one line says so, and the sources run as they are.
"""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import prefer_compiled

ROOT = Path(__file__).resolve().parent.parent
FAST = ROOT / prefer_compiled.COPY
LOG = ROOT / "build" / "fast.log"

LIBRARIES = {  # one shared library each, compiled side by side; patterns below sipgate/
    "sip": ("sip/*.py",),
    "proxy": ("proxy/*.py",),
    "gate": (
        "counters/*.py",
        "gate/action.py",
        "gate/attempt.py",
        "gate/callee_place.py",
        "gate/compiled_policy.py",
        "gate/decision.py",
        "gate/emergency.py",
        "gate/engine.py",
        "gate/lists.py",
        "gate/open_attempts.py",
        "gate/opening.py",
        "gate/policy.py",
        "gate/rebuild.py",
        "gate/redress.py",
        "gate/retry_after.py",
        "gate/span.py",
        "gate/when.py",
        "gate/zone_clock.py",
        "gate/rules/condition.py",
        "gate/rules/consent_condition.py",
        "gate/rules/counted.py",
        "gate/rules/identity_condition.py",
        "gate/rules/judged.py",
        "gate/rules/key.py",
        "gate/rules/open_hours.py",
    ),
}
# What is left out of the layers above and below them, and why:
#   */__init__.py           they only import
#   gate/rules/{list_rule,rate,concurrent,dialer,trust}.py, gate/*shape.py, gate/policy_file.py
#                           pydantic models: a field's default is not of the field's type
#   ledger/entry.py         msgspec structs are C already, and mypyc can't make them
#   ledger/, store/         wait for the disk in another thread; tests put other classes in place
#   net/                    system calls; flows are subclassed by what is not compiled
#   clock.py                the same: any clock must fit
#   numbers/                a number that was read is remembered; the rest is phonenumbers' work
OPTIMIZATION = "2"  # -O3 is not faster by more than the noise
PTH = "sipgate_compiled.pth"
HOOK = "_sipgate_prefer_compiled"


def main() -> None:
    if prefer_compiled.is_fresh(str(ROOT)):
        return
    shutil.rmtree(FAST, ignore_errors=True)  # it is old
    reason = missing() or build()
    if reason:
        print(f"no compiled build ({reason}): the plain sources run, slower", file=sys.stderr)


def missing() -> str | None:
    """What a compilation needs and this machine doesn't have."""
    compiler = shlex.split(sysconfig.get_config_var("CC") or "cc")[0]
    if shutil.which(compiler) is None:
        return f"{compiler} is missing"
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        return "Python.h is missing"
    try:
        import mypyc.build  # noqa: F401
        import setuptools  # noqa: F401
    except ImportError as error:
        return f"{error.name} is missing"
    return None


def build() -> str | None:
    """Make the copy beside its place, then move it there; what went wrong, if anything."""
    print("compiling the hot modules, about a minute; SIPGATE_PURE=1 skips it", file=sys.stderr)
    started = time.monotonic()
    LOG.parent.mkdir(exist_ok=True)
    signature = prefer_compiled.signature(str(ROOT))  # before the copy: a change makes it old
    with tempfile.TemporaryDirectory(dir=LOG.parent, prefix="fast-") as name, LOG.open("w") as log:
        copy = Path(name, "copy")
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "sipgate", copy / "sipgate", ignore=ignored)
        process = subprocess.run(
            [sys.executable, __file__, "--here"],
            cwd=copy,
            env={**os.environ, "SIPGATE_PURE": "1"},
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if process.returncode:
            return f"mypyc or the compiler failed, see {LOG.relative_to(ROOT)}"
        (copy / prefer_compiled.SIGNATURE).write_text(signature, "utf-8")
        copy.replace(FAST)
    install_hook()
    print(f"compiled in {time.monotonic() - started:.0f} s", file=sys.stderr)
    return None


def compile_here() -> None:
    """Compile the hot modules of the package in the working folder, in place."""
    from mypyc.build import mypycify
    from setuptools import Distribution

    groups: list[tuple[list[str], str | None]] = [
        (hot_modules(*patterns), f"sipgate_{layer}") for layer, patterns in LIBRARIES.items()
    ]
    paths = [path for group, _ in groups for path in group]
    configuration, cache, work = ROOT / "pyproject.toml", LOG.parent / "mypy", "c-files"
    extensions = mypycify(
        ["--config-file", str(configuration), "--cache-dir", str(cache), *paths],
        opt_level=OPTIMIZATION,
        debug_level="0",
        separate=groups,
        target_dir=work,
    )
    command = Distribution({"ext_modules": extensions}).get_command_obj("build_ext")
    command.inplace = True
    command.parallel = os.cpu_count()
    command.build_temp = work
    command.build_lib = work
    command.ensure_finalized()
    command.run()
    shutil.rmtree(work)


def hot_modules(*patterns: str) -> list[str]:
    """Paths below the working folder, in order."""
    found = {path for pattern in patterns for path in Path("sipgate").glob(pattern)}
    return sorted(str(path) for path in found if path.name != "__init__.py")


def install_hook() -> None:
    """Let each Python of this environment look for the copy when it starts."""
    site = Path(sysconfig.get_path("purelib"))
    shutil.copyfile(prefer_compiled.__file__, site / f"{HOOK}.py")
    (site / PTH).write_text(f"import {HOOK}; {HOOK}.prefer({str(ROOT)!r})\n", "utf-8")


if __name__ == "__main__":
    compile_here() if "--here" in sys.argv else main()
