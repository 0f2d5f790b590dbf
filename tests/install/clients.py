"""Asks a running server from several connections at once: clients.py SERVER MODEL IMAGE EXPECTED.

Every answer must be EXPECTED's label, a bad request one line that says so, and the server must live on.
"""

import socket
import subprocess
import sys
import threading

server, model, image, expected = sys.argv[1:]
process = subprocess.Popen([server, model, "0"], stdout=subprocess.PIPE, text=True)
first = process.stdout.readline()
assert first, f"the server did not start: exit code {process.wait()}"
port = int(first)
answers = []


def ask(lines):
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection, connection.makefile("rw") as stream:
        for line in lines:
            stream.write(line + "\n")
            stream.flush()
            answers.append((line, stream.readline()))


try:
    threads = [threading.Thread(target=ask, args=([image, "/no/such.png", image],)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 48, f"expected 48 answers, found {len(answers)}"
    for asked, answer in answers:
        start = f"{expected}\t" if asked == image else "error: /no/such.png: "
        assert answer.startswith(start), f"{asked}: expected '{start}…', found '{answer}'"
    assert process.poll() is None, "the server ended"
finally:
    process.kill()
    process.wait()
