#en Fifty clients lose their server, and try to get it back: one herd without
#en jitter, one with it. The server is away for 0.3 s; from then on it can serve
#en three clients within 20 ms, and refuses the others.
#es Cincuenta clientes pierden su servidor e intentan recuperarlo: una manada
#es sin jitter y otra con él. El servidor falta durante 0,3 s; desde entonces
#es puede atender a tres clientes cada 20 ms, y rechaza a los demás.
import heapq
import os
import random
import sys

CLIENTS, CAPACITY, WINDOW, AWAY = 50, 3, 0.02, 0.3
INITIAL, FACTOR, MAX, RETRIES = 0.05, 2, 0.8, 6


#en The delay before retry n, from 0: the formula of `supervise run`.
#es La espera antes del reintento n, desde 0: la fórmula de `supervise run`.
def delay(n, jitter):
    nominal = min(MAX, INITIAL * FACTOR**n)
    return min(MAX, nominal * random.uniform(1 - jitter, 1 + jitter))


def herd(jitter):
    served = {}
    #en What comes next stands first in this list: (when, client, which attempt).
    #en The network takes up to 5 ms.
    #es Lo siguiente va primero en esta lista: (cuándo, cliente, qué intento).
    #es La red tarda hasta 5 ms.
    due = [(random.uniform(0, 0.005), client, 0) for client in range(CLIENTS)]
    heapq.heapify(due)
    while due:
        now, client, n = heapq.heappop(due)
        window = int(now / WINDOW)
        ok = now >= AWAY and served.get(window, 0) < CAPACITY
        print("@", jitter, client, f"{now:.3f}", "ok" if ok else "refused")
        if ok:
            served[window] = served.get(window, 0) + 1
        elif n < RETRIES:
            heapq.heappush(due, (now + delay(n, jitter), client, n + 1))


#en What supervise is to run again and again: it fails three times.
#es Lo que supervise ejecutará una y otra vez: falla tres veces.
def flaky():
    with open("tries", "a") as file:
        file.write("x")
    if os.path.getsize("tries") < 4:
        sys.exit("no connection")
    print("connected")


if sys.argv[1:] == ["flaky"]:
    flaky()
else:
    herd(jitter=0)
    herd(jitter=0.5)
    print("two herds of fifty have tried")
