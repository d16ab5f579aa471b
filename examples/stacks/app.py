#!/usr/bin/python3
"""The application: jobs go to the queue in Redis, results come from PostgreSQL.

    GET  /health            it is well
    GET  /slow?seconds=2    an answer that takes its time
    POST /jobs              queue the text in the body; answers with the job's name
    GET  /results           the results, one a line
    GET  /results?job=NAME  that one; 404 as long as there is none

It serves the socket that supervise has opened for it (LISTEN_FDS, see
sd_listen_fds(3)) and never closes the door on anybody: on TERM it takes no new
connection, answers those that it has, and ends. Who connects meanwhile waits in
the socket for the next run.
"""

import os
import signal
import socket
import subprocess
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


def ask(*command, stdin=""):
    """The output of one of the clients beside this file."""
    return subprocess.run(command, input=stdin, check=True, text=True, stdout=subprocess.PIPE).stdout


class Handler(BaseHTTPRequestHandler):
    timeout = 10  # seconds; a client that sends nothing must not hold up our end
    wbufsize = -1  # an answer is written in one piece

    def do_GET(self):
        url = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        if url.path == "/health":
            self.answer(200, "well\n")
        elif url.path == "/slow":
            print("somebody waits for a slow answer", flush=True)
            time.sleep(float(query.get("seconds", 1)))
            self.answer(200, f"answered by {os.getpid()}\n")
        elif url.path == "/results" and "job" in query:
            found = ask("./sql.sh", f"--set=job={query['job']}", stdin="SELECT answer FROM results WHERE job = :'job'")
            self.answer(200 if found else 404, found)
        elif url.path == "/results":
            self.answer(200, ask("./sql.sh", "-c", "SELECT answer FROM results ORDER BY done_at"))
        else:
            self.answer(404, "there is no such page\n")

    def do_POST(self):
        if urlsplit(self.path).path != "/jobs":
            return self.answer(404, "there is no such page\n")
        text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        job = f"{uuid.uuid4()} {text}"
        ask("./cache.sh", "RPUSH", "jobs", job)
        self.answer(202, job + "\n")

    def answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "nginx"  # a unix socket has no address of the client

    def log_request(self, code="-", size="-"):
        pass  # nginx writes the access log


class Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close waits for those that still answer

    def __init__(self, listener):
        super().__init__(None, Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener


assert os.environ.get("LISTEN_PID") == str(os.getpid()), "start me by supervise, with a socket"
server = Server(socket.socket(fileno=3))
# shutdown waits until serve_forever has returned, so it needs a thread of its own.
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
print("serving", flush=True)
server.serve_forever(poll_interval=0.1)
print("TERM: answering those who are here", flush=True)
server.server_close()
print("all are answered", flush=True)
