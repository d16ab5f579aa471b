#en A program that refuses TERM; or, called "orderly", one that goes.
#es Un programa que rechaza TERM; o, llamado "orderly", uno que se va.
import signal
import sys
import time


def on_term(number, frame):
    if sys.argv[1:] == ["orderly"]:
        sys.exit(0)
    print("TERM? Not now")


for name in (signal.SIGKILL, signal.SIGSTOP):
    try:
        signal.signal(name, on_term)
    except OSError as why:
        print(f"a handler for {name.name}: {why}")

signal.signal(signal.SIGTERM, on_term)
print("ready")
try:
    while True:
        time.sleep(0.2)
finally:
    print("I tidy up")
