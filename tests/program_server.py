"""Runs programs in forks of this process, which has imported what they import.

Importing takes a program two to three seconds of CPU time; the tests run a hundred.
Started with the number of a socket: each message is one program (what comes after
`python`, its folder and its environment) with three files: its output, its errors, and
the one that is told its process and, when it ends, its status.
"""

import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import types

from matplotlib.figure import Figure

IMPORTED = (
    "sklearn.datasets", "orbax.checkpoint", "optax",
    "train.jobs.job", "train.settings.levels",
    "analysis.curvature", "analysis.spectra", "analysis.programs.inputs",
    "landscape.runs", "landscape.figures",
)  # fmt: skip


def serve(channel):
    """Starts one program after the other, until the other end of `channel` closes."""
    for name in IMPORTED:
        importlib.import_module(name)
    check_that_forks_are_safe()
    gc.collect()
    gc.freeze()
    # Who waits for the program is not waited for itself.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, files, *_ = socket.recv_fds(channel, 2**18, 3)
        if not message:
            return
        if os.fork() == 0:
            channel.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            if program_was_forked(*files):
                become(**json.loads(message))
                return
            os._exit(0)
        for file in files:
            os.close(file)


def check_that_forks_are_safe():
    """A fork has one thread, and what was computed on others is lost."""
    from jax._src import xla_bridge

    assert not xla_bridge.backends_are_initialized()
    assert len(os.listdir("/proc/self/task")) == 1


def program_was_forked(output, errors, told):
    """True in the process of the program; False beside it, when it has ended."""
    if pid := os.fork():
        os.close(output)
        os.close(errors)
        os.write(told, f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        os.write(told, f"{os.waitstatus_to_exitcode(status)}\n".encode())
        return False
    os.dup2(output, 1)
    os.dup2(errors, 2)
    for file in (output, errors, told):
        os.close(file)
    return True


def become(words, folder, environment):
    """Does what `python WORDS` does in this folder and with this environment."""
    configure_jax({k: v for k, v in environment.items() if os.environ.get(k) != v})
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    if environment.get("TESTS_DRAW") == "no":
        Figure.savefig = lambda figure, file, **settings: file.write(b"not drawn")
    option, what, *arguments = words
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    sys.orig_argv = [sys.executable, *words]
    sys.argv = [option, *arguments]
    if option == "-c":
        sys.path[0] = ""
        exec(compile(what, "<string>", "exec"), vars(main))
        return
    assert option == "-m", words
    sys.path[0] = folder
    sys.modules.pop(what, None)
    runpy._run_module_as_main(what)


def configure_jax(environment):
    """What JAX reads from the environment when it is imported."""
    import jax

    for name, text in environment.items():
        if name.startswith("JAX_"):
            now = getattr(jax.config, name.lower())
            value = text.lower() in ("1", "true") if isinstance(now, bool) else text
            kind = type(now) if isinstance(now, int | float | bool) else str
            jax.config.update(name.lower(), kind(value))


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
