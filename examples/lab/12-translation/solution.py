#en A solution of exercise 12.
#es Una solución del ejercicio 12.
import signal
import sys
import time


def job():
    print("job begins")
    for n in range(1, 6):
        time.sleep(0.1)
        print("step", n)
    print("job done")


going_on = True


def on_quit(number, frame):
    global going_on
    print("draining")
    going_on = False


def on_term(number, frame):
    print("fast")
    sys.exit(0)


signal.signal(signal.SIGQUIT, on_quit)
signal.signal(signal.SIGTERM, on_term)
print("ready")
while going_on:
    job()
