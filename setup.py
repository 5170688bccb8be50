"""What pyproject.toml can't say: the C part of reading messages, which nobody has to have."""

from setuptools import Extension, setup

setup(
    exclude_package_data={"sipgate.sip": ["*.c", "*.pyi"]},  # not in the wheel
    ext_modules=[
        Extension(
            "sipgate.sip._plain",
            ["sipgate/sip/_plain.c"],
            extra_compile_args=["-O2", "-Wall", "-Wextra"],
            optional=True,  # no compiler, no Python.h: messages are read in Python
        )
    ],
)
