"""What pyproject.toml can't say: the parts in C, which nobody has to have."""

from setuptools import Extension, setup

setup(
    exclude_package_data={  # not in the wheel
        "sipgate.sip": ["*.c", "*.pyi"],
        "sipgate.net": ["*.c", "*.pyi"],
    },
    ext_modules=[
        Extension(
            "sipgate.sip._plain",
            ["sipgate/sip/_plain.c"],
            extra_compile_args=["-O2", "-Wall", "-Wextra"],
            optional=True,  # no compiler, no Python.h: messages are read in Python
        ),
        Extension(
            "sipgate.net._datagrams",
            ["sipgate/net/_datagrams.c"],
            extra_compile_args=["-O2", "-Wall", "-Wextra"],
            optional=True,  # nor where there is no recvmmsg: datagrams are read singly
        ),
    ],
)
