"""`python -m demo.tests.forked_commands SOCKET`: runs `manage.py` commands one after another, in processes forked from
a process with their imports. A shell function calls it in place of `./manage.py`."""

import json
import os
import socket
import sys
from pathlib import Path

CLIENT = """
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect(sys.argv[1])
    socket.send_fds(server, [b"0"], [0, 1, 2])
    server.sendall(json.dumps([sys.argv[2:], dict(os.environ), os.getcwd()]).encode())
    server.shutdown(socket.SHUT_WR)
    sys.exit(server.recv(1)[0])
"""


def function(path: Path) -> str:
    """The shell function. It returns the command's exit status."""
    client = path.with_suffix(".py")
    client.write_text(CLIENT)
    return f'./manage.py() {{ {sys.executable} -ISs {client} {path} "$@"; }}\n'


def serve(path: str) -> None:
    """Listen, and print "ready" first. Returns in each command's process, with the command's arguments, environment,
    working directory and streams. Django's settings come from the environment of this process."""
    with socket.create_server(path, family=socket.AF_UNIX) as server:
        os.write(1, b"ready\n")
        while True:
            with server.accept()[0] as connection:
                _, streams, _, _ = socket.recv_fds(connection, 1, 3)
                with connection.makefile() as file:
                    arguments, environment, folder = json.load(file)
                if (pid := os.fork()) == 0:
                    for number, stream in enumerate(streams):
                        os.dup2(stream, number)
                    sys.argv = ["manage.py", *arguments]
                    os.environ.clear()
                    os.environ.update(environment)
                    os.chdir(folder)
                    return
                for stream in streams:
                    os.close(stream)
                status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                connection.send(bytes([status if status >= 0 else 128 - status]))


if __name__ == "__main__":
    import demo.preloaded  # noqa: F401
    import manage

    serve(sys.argv[1])
    manage.main()
