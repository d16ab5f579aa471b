#en A solution of exercise 8.
#es Una solución del ejercicio 8.
import os
import signal
import subprocess
import sys

#en The worker has a child of its own; both say so when they get TERM.
#es El trabajador tiene a su vez un hijo; ambos avisan si reciben TERM.
WORKER = """
(trap 'echo grandchild: TERM; exit' TERM; echo up; while :; do sleep 60 & wait; done) &
trap 'echo worker: TERM; exit' TERM
trap 'echo worker: USR1; exit' USR1
wait
"""

worker = None


def on_usr1(number, frame):
    os.killpg(worker.pid, signal.SIGTERM)
    worker.wait()
    print("worker ended")


signal.signal(signal.SIGUSR1, on_usr1)
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
print("ready")
worker = subprocess.Popen(["sh", "-c", WORKER], process_group=0)
while True:
    signal.pause()
