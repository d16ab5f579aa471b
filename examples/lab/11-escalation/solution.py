#en A solution of exercise 11.
#es Una solución del ejercicio 11.
import signal
import subprocess
import sys

#en A helper that says TERM, and does not listen to it.
#es Un ayudante que dice TERM, y no le hace caso.
HELPER = """
import signal
signal.signal(signal.SIGTERM, lambda number, frame: print("helper: TERM"))
print("helper up")
while True:
    signal.pause()
"""

helper = subprocess.Popen([sys.executable, "-c", HELPER])


def on_term(number, frame):
    helper.terminate()
    try:
        helper.wait(timeout=0.5)
    except subprocess.TimeoutExpired:
        helper.kill()
        helper.wait()
    print("helper gone")
    sys.exit(0)


signal.signal(signal.SIGTERM, on_term)
print("ready")
while True:
    signal.pause()
