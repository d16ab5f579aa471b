#en A solution of exercise 6.
#es Una solución del ejercicio 6.
import signal
import sys
import time


class Timeout(Exception):
    pass


def with_timeout(seconds, function, *args):
    def on_alarm(number, frame):
        raise Timeout

    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return function(*args)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


#en From here on nothing needs to be changed.
#es De aquí en adelante no hace falta cambiar nada.
def call(name, seconds, function, *args):
    try:
        print(f"{name}: {with_timeout(seconds, function, *args)}")
    except Timeout:
        print(f"{name}: Timeout")
    except KeyError:
        print(f"{name}: KeyError")


signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
signal.signal(signal.SIGALRM, lambda number, frame: print("the old handler"))
print("ready")
call("slow", 0.3, lambda: time.sleep(3) or "returned")
call("fast", 60, lambda: 42)
call("wrong", 60, lambda: {}["x"])
print("timer:", "still set" if signal.getitimer(signal.ITIMER_REAL)[0] else "off")
signal.setitimer(signal.ITIMER_REAL, 0)
try:
    signal.raise_signal(signal.SIGALRM)
except Timeout:
    print("somebody raised Timeout, though nothing is timed")
print("loop")
for _ in range(100):
    call("turn", 0.2, time.sleep, 3)
