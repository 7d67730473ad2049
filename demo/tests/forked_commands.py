"""`python -m demo.tests.forked_commands SOCKET`: runs `manage.py` commands in processes forked from one that has their
imports, one after the other: for a shell's function in place of `./manage.py`."""

import json
import os
import signal
import socket
import sys
from pathlib import Path

CLIENT = """
import json, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect(sys.argv[1])
    socket.send_fds(server, [json.dumps(sys.argv[2:]).encode()], [0, 1, 2])
    sys.exit(server.recv(1)[0])
"""


def function(path: Path) -> str:
    """The shell's function, whose commands end with their own exit status."""
    client = path.with_suffix(".py")
    client.write_text(CLIENT)
    return f'./manage.py() {{ {sys.executable} -ISs {client} {path} "$@"; }}\n'


def serve(path: str) -> None:
    """Print a line once it listens. Returns in the process of each command, with its arguments and streams."""
    with socket.create_server(path, family=socket.AF_UNIX) as server:
        os.write(1, b"ready\n")
        while True:
            with server.accept()[0] as connection:
                arguments, streams, _, _ = socket.recv_fds(connection, 10_000, 3)
                if (pid := os.fork()) == 0:
                    for number, stream in enumerate(streams):
                        os.dup2(stream, number)
                    sys.argv = ["manage.py", *json.loads(arguments)]
                    return
                for stream in streams:
                    os.close(stream)
                connection.send(bytes([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])]))


if __name__ == "__main__":
    import demo.preloaded  # noqa: F401
    import manage

    serve(sys.argv[1])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    manage.main()
