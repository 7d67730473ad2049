"""Clients that request recommendations endlessly: `python -m benchmarks.bystander.clients PORT CLIENTS KEY ..`.

A client waits 0.2 s after each response, including errors: it is persistent, but does not flood the server.
"""

import http.client
import random
import sys
import threading
import time

PAUSE = 0.2


def main() -> None:
    port, number, *keys = sys.argv[1:]
    for key in keys:
        for _ in range(int(number)):
            threading.Thread(target=_ask, args=[int(port), key]).start()


def _ask(port: int, key: str) -> None:
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        try:
            while True:
                path = f"/recommend/{random.randint(1, 200)}"
                connection.request("GET", path, headers={"Authorization": f"Api-Key {key}"})
                connection.getresponse().read()
                time.sleep(PAUSE)
        except (OSError, http.client.HTTPException):
            time.sleep(PAUSE)


if __name__ == "__main__":
    main()
