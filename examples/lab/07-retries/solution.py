#en A solution of exercise 7.
#es Una solución del ejercicio 7.
import random
import signal
import sys
import time


class Refused(Exception):
    pass


#en The job succeeds at the sixth attempt; or never. Nothing needs to be changed here.
#es El trabajo sale bien al sexto intento; o nunca. Aquí no hace falta cambiar nada.
attempts = 0
begin = time.monotonic()


def job():
    global attempts
    attempts += 1
    print(f"attempt {attempts} at {time.monotonic() - begin:.3f}")
    if attempts < 6 or sys.argv[1:] == ["never"]:
        raise Refused


def on_term(number, frame):
    print("bye")
    sys.exit(0)


def delay(n):
    nominal = min(0.4, 0.1 * 2**n)
    return min(0.4, nominal * random.uniform(0.5, 1.5))


signal.signal(signal.SIGTERM, on_term)
print("ready")
n = 0
while True:
    try:
        job()
        break
    except Refused:
        pause = delay(n)
        print(f"wait {pause:.3f}")
        time.sleep(pause)
        n += 1
