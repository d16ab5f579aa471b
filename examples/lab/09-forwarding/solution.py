#en A solution of exercise 9.
#es Una solución del ejercicio 9.
import signal
import subprocess
import sys

CHILD = """
import os, signal, sys
def on_term(number, frame):
    print("child: TERM")
    sys.exit(7)
signal.signal(signal.SIGTERM, on_term)
signal.signal(signal.SIGHUP, lambda number, frame: print("child: HUP"))
signal.signal(signal.SIGUSR1, lambda number, frame: os.kill(os.getpid(), signal.SIGKILL))
print("child up")
while True:
    signal.pause()
"""

child = subprocess.Popen([sys.executable, "-c", CHILD])


def forward(number, frame):
    child.send_signal(number)


for name in (signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM):
    signal.signal(name, forward)
print("ready")
code = child.wait()
sys.exit(code if code >= 0 else 128 - code)
