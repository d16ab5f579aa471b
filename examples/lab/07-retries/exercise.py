#en Exercise 7: retry with backoff 0.1 s .. 0.4 s, factor 2, jitter 0.5, without end.
#en Before each wait print it, "wait 0.123". TERM prints "bye", and ends with status 0.
#es Ejercicio 7: reintenta con backoff 0,1 s .. 0,4 s, factor 2, jitter 0,5, sin fin.
#es Antes de cada espera, imprímela: "wait 0.123". TERM imprime "bye" y termina con código 0.
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


#en TODO: a handler for TERM
#es TODO: un manejador para TERM

print("ready")
#en TODO: again and again until job() succeeds
#es TODO: una y otra vez hasta que job() salga bien
job()
